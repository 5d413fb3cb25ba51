//! Calls that may be repeated safely (`Idempotency-Key`).

use super::Result;
use async_trait::async_trait;
use postroom_model::{KeyId, Timestamp};

/// A caller's promise that calls with this key are the same call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Whose.
    pub key: Option<KeyId>,
    /// The header's value.
    pub idempotency_key: String,
    /// Hash of method, path and body.
    pub request_hash: String,
    /// The answer's status; written by whoever finishes.
    pub status: u16,
    /// The answer's body; written by whoever finishes.
    pub body: String,
}

/// What a claim met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody was here before: go on.
    New,
    /// It was answered: give the same answer.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The same key came with another request.
    Different,
    /// The first one is still under way.
    UnderWay,
}

/// Calls that may be repeated safely.
#[async_trait]
pub trait Idempotency {
    /// Claims a key. Of two at once one is `New`. A claim without an answer that was made before
    /// `stale_before` is of a process that died: it is taken over.
    async fn claim_idempotency(
        &self,
        claim: &IdempotencyClaim,
        now: Timestamp,
        stale_before: Timestamp,
    ) -> Result<Claimed>;
    /// Keeps the answer.
    async fn answer_idempotency(&self, claim: &IdempotencyClaim) -> Result<()>;
    /// Lets go of a claim whose call did nothing.
    async fn release_idempotency(&self, claim: &IdempotencyClaim) -> Result<()>;
    /// Forgets claims that were made before this time.
    async fn prune_idempotency(&self, before: Timestamp) -> Result<u64>;
}
