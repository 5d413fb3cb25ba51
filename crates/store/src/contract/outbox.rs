//! The outbox.

use super::Result;
use super::idempotency::IdempotencyClaim;
use async_trait::async_trait;
use postroom_model::outbox::{OutboxItem, OutboxStatus};
use postroom_model::{MailboxId, OutboxId, Timestamp};

/// What a list of the outbox asks for.
#[derive(Clone, Debug, Default)]
pub struct OutboxQuery {
    /// Of these mailboxes; `None`: of all.
    pub mailboxes: Option<Vec<MailboxId>>,
    /// With one of these statuses; empty: with any.
    pub statuses: Vec<OutboxStatus>,
    /// Older than this item.
    pub after: Option<OutboxId>,
    /// At most so many.
    pub limit: u32,
}

/// The outbox. Every write that changes a status writes a change of the mailbox with it.
#[async_trait]
pub trait Outbox {
    /// Takes an item in. When it returns, the item survives anything that the disk survives.
    /// With `claim`, the answer of the idempotent call is kept in the same transaction.
    async fn accept_outbox(
        &self,
        item: &OutboxItem,
        claim: Option<&IdempotencyClaim>,
    ) -> Result<()>;
    /// One.
    async fn outbox_item(&self, id: &OutboxId) -> Result<Option<OutboxItem>>;
    /// A list, newest first.
    async fn list_outbox(&self, query: &OutboxQuery) -> Result<Vec<OutboxItem>>;
    /// Items that are queued or being sent and due at `now`, the oldest first, at most `limit`.
    async fn due_outbox(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxItem>>;
    /// When the next item is due.
    async fn next_due_outbox(&self) -> Result<Option<Timestamp>>;
    /// Writes `now` over `was`, if the item still is in the status, step and number of attempts of
    /// `was`: of two writers one wins. `Ok(false)` for the other.
    async fn save_outbox(&self, was: &OutboxItem, now: &OutboxItem, at: Timestamp) -> Result<bool>;
}
