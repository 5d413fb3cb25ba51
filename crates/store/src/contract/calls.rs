//! The call log.

use super::Result;
use async_trait::async_trait;
use postroom_model::call::CallRecord;
use postroom_model::{AccountId, CallId, MailboxId, Timestamp};

/// What a list of calls asks for.
#[derive(Clone, Debug, Default)]
pub struct CallQuery {
    /// As this account.
    pub account: Option<AccountId>,
    /// About these mailboxes; `None`: all calls, also those about none.
    pub mailboxes: Option<Vec<MailboxId>>,
    /// Only those that failed (no answer, or a status of 400 and above).
    pub failed: bool,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Older than this one.
    pub after: Option<CallId>,
    /// At most so many.
    pub limit: u32,
}

/// The call log.
#[async_trait]
pub trait Calls {
    /// Writes entries.
    async fn record_calls(&self, calls: &[CallRecord]) -> Result<()>;
    /// One, with its detail if that is still kept.
    async fn call(&self, id: &CallId) -> Result<Option<CallRecord>>;
    /// A list without details, newest first.
    async fn list_calls(&self, query: &CallQuery) -> Result<Vec<CallRecord>>;
    /// Forgets details older than `details_before` and entries older than `before`. Gives how many
    /// entries.
    async fn prune_calls(&self, before: Timestamp, details_before: Timestamp) -> Result<u64>;
}
