//! The calls themselves, a file each, laid out as Microsoft's reference.
//!
//! Mailboxes are always addressed as `/users/{id}`: the same path for a user's own mailbox, a
//! shared one, and application permissions. Types are the caller's where it wants Microsoft's JSON
//! as it came (`Box<serde_json::value::RawValue>`, `serde_json::Value`) or a shape of its own.

pub mod applications;
pub mod attachments;
pub mod batch;
pub mod mail_folders;
pub mod messages;
pub mod page;
pub mod users;

pub use page::{DeltaFrom, Page, page_after, pages};

use crate::door::GraphPath;
use postroom_model::MailboxId;

/// `/users/{mailbox}`.
pub(crate) fn mailbox_path(mailbox: &MailboxId) -> GraphPath {
    GraphPath::user(mailbox.as_str())
}

/// `/users/{mailbox}/messages/{id}`.
pub(crate) fn message_path(mailbox: &MailboxId, id: &str) -> GraphPath {
    mailbox_path(mailbox).lit("messages").id(id)
}

/// `/users/{mailbox}/mailFolders/{id or well-known name}`.
pub(crate) fn folder_path(mailbox: &MailboxId, id: &str) -> GraphPath {
    mailbox_path(mailbox).lit("mailFolders").id(id)
}
