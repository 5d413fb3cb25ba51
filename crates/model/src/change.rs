//! One step of a mailbox's mirror.

use crate::ids::MailboxId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One step, as callers see it in `/changes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Asks for what comes after this step. Opaque.
    pub cursor: String,
    /// When it was written.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The step's number within the mailbox: 1, 2, 3 … without gaps.
    pub number: u64,
    /// What kind of thing changed.
    pub resource: ChangedResource,
    /// Which one.
    pub id: String,
    /// What happened to it.
    pub change: ChangeKind,
}

/// Kinds of thing that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChangedResource {
    /// A message.
    Message,
    /// A mail folder.
    Folder,
    /// An item of the outbox.
    Outbox,
}

impl ChangedResource {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Folder => "folder",
            Self::Outbox => "outbox",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is another than before.
    Updated,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}
