//! The audit log.

use super::Result;
use async_trait::async_trait;
use postroom_model::audit::AuditEntry;
use postroom_model::{AuditId, Timestamp};

/// What a list of entries asks for.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// By this actor: an id, or a name as it was.
    pub actor: Option<String>,
    /// This action, or with a noun alone (`key`) every action of that noun.
    pub action: Option<String>,
    /// To this subject: an id, or a name as it was.
    pub subject: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Older than this one.
    pub after: Option<AuditId>,
    /// At most so many.
    pub limit: u32,
}

/// The audit log. Entries are added and finished, never changed otherwise.
#[async_trait]
pub trait Audit {
    /// Adds entries.
    async fn insert_audit(&self, entries: &[AuditEntry]) -> Result<()>;
    /// Writes subject, outcome and details of one that is begun. `Ok(false)` when there is none.
    async fn finish_audit(&self, entry: &AuditEntry) -> Result<bool>;
    /// A list, newest first.
    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>>;
    /// Forgets entries older than `before`. Gives how many.
    async fn prune_audit(&self, before: Timestamp) -> Result<u64>;
}
