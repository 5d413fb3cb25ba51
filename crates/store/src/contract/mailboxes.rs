//! Mailboxes and how their mirrors stand.

use super::Result;
use async_trait::async_trait;
use postroom_model::mailbox::{Mailbox, SyncState};
use postroom_model::{AccountId, MailboxId};

/// Mailboxes and how their mirrors stand.
#[async_trait]
pub trait Mailboxes {
    /// Adds one. Its id must be new, else `Conflict`. (Two mailboxes may have had one address at
    /// different times: the address is not a key.)
    async fn insert_mailbox(&self, mailbox: &Mailbox) -> Result<()>;
    /// One. `sync.messagesDone` is counted.
    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>>;
    /// The one with this address, without regard to case.
    async fn mailbox_by_address(&self, address: &str) -> Result<Option<Mailbox>>;
    /// All, by address.
    async fn mailboxes(&self) -> Result<Vec<Mailbox>>;
    /// Writes which account reaches it, its address and name. `Ok(false)` when it is gone.
    async fn update_mailbox(
        &self,
        id: &MailboxId,
        account: &AccountId,
        address: &str,
        display_name: Option<&str>,
    ) -> Result<bool>;
    /// Writes how its mirror stands (`messagesDone` is not looked at: it is counted).
    async fn set_sync_state(&self, id: &MailboxId, sync: &SyncState) -> Result<()>;
    /// Removes one with its mirror, cursors and changes; its outbox items and calls stay.
    /// `Ok(false)` when it is gone.
    async fn remove_mailbox(&self, id: &MailboxId) -> Result<bool>;
}
