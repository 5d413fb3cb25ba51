//! The change feed.

use super::Result;
use async_trait::async_trait;
use postroom_model::change::{Change, ChangedResource};
use postroom_model::{MailboxId, Timestamp};
use tokio::sync::watch;

/// What a reader of the feed asks for.
#[derive(Clone, Debug, Default)]
pub struct ChangeQuery {
    /// Behind this cursor; `None`: from the beginning of what is kept.
    pub since: Option<String>,
    /// Of these mailboxes; `None`: of all.
    pub mailboxes: Option<Vec<MailboxId>>,
    /// Of these resources; empty: of all.
    pub resources: Vec<ChangedResource>,
    /// At most so many.
    pub limit: u32,
}

/// Changes, in order, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// In the order in which they were committed.
    pub changes: Vec<Change>,
    /// Asks for what comes next, whether or not there was anything.
    pub cursor: String,
}

/// The change feed. Within a mailbox changes are numbered 1, 2, 3 … without gaps, and a reader that
/// follows the cursor sees every one of them, once, in order, whoever writes meanwhile.
#[async_trait]
pub trait Changes {
    /// What comes behind a cursor. `CursorExpired` when some of that is forgotten already, or the
    /// cursor is none of ours.
    async fn changes(&self, query: &ChangeQuery) -> Result<ChangePage>;
    /// The cursor behind everything that there is now.
    async fn latest_change(&self) -> Result<String>;
    /// Wakes when there may be something new.
    fn watch_changes(&self) -> watch::Receiver<u64>;
    /// Forgets changes that were written before this time. Gives how many.
    async fn prune_changes(&self, before: Timestamp) -> Result<u64>;
}
