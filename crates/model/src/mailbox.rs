//! A mailbox that Postroom serves, and how its mirror stands.

use crate::ids::{AccountId, ConnectionId, MailboxId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An Exchange mailbox reached through an account, always addressed as `/users/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    /// Microsoft's user id.
    pub id: MailboxId,
    /// The connection.
    pub connection: ConnectionId,
    /// The account that reaches it.
    pub account: AccountId,
    /// Its address (`mail`, or the user principal name), in small letters.
    pub address: String,
    /// For people.
    pub display_name: Option<String>,
    /// How the mirror stands.
    pub sync: SyncState,
    /// When it was added.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// How a mirror stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyncState {
    /// Where it is.
    pub state: SyncPhase,
    /// Messages in the mirror.
    pub messages_done: u64,
    /// Messages that Microsoft says there are, where known.
    pub messages_total: Option<u64>,
    /// When it was last level with Microsoft.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_synced_at: Option<Timestamp>,
    /// When every folder was last compared id by id.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_proven_at: Option<Timestamp>,
    /// What went wrong last, with what to do about it.
    pub error: Option<String>,
}

impl Default for SyncState {
    fn default() -> Self {
        Self {
            state: SyncPhase::Pending,
            messages_done: 0,
            messages_total: None,
            last_synced_at: None,
            last_proven_at: None,
            error: None,
        }
    }
}

/// Where a mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum SyncPhase {
    /// Not begun.
    Pending,
    /// A round is under way.
    Syncing,
    /// Level at `lastSyncedAt`.
    UpToDate,
    /// The last round failed; it is tried again.
    Failed,
}

impl SyncPhase {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Syncing => "syncing",
            Self::UpToDate => "upToDate",
            Self::Failed => "failed",
        }
    }
}
