//! The mailboxes of the pretend tenant.
