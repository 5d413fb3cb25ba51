//! The mailboxes as Graph's callers see them.

mod support;

mod bulk;
mod corpus;
mod delta;
mod folders;
mod hostile;
mod messages;
mod schema;
mod sending;
