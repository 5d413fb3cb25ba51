//! Calls that may be repeated safely.

use crate::access::Caller;
use crate::logins::earlier;
use crate::{Code, Engine, Problem, Result};
use postroom_store::contract::idempotency::{Claimed, IdempotencyClaim};
use std::time::Duration;

/// How long an `Idempotency-Key` is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A claim without an answer that is older than this was made by a process that died: no call
/// takes so long.
const STALE_AFTER: Duration = Duration::from_secs(10 * 60);

/// The longest `Idempotency-Key` that is taken, in bytes.
const LONGEST: usize = 255;

/// What an entrance does with a call that has an `Idempotency-Key`.
#[derive(Debug)]
pub enum Idempotent {
    /// Do it; then hand the claim back with the answer ([`Engine::answer_idempotent`]), or release
    /// it ([`Engine::release_idempotent`]) when nothing was done.
    Do(IdempotencyClaim),
    /// It was done: this was the answer.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
}

impl Engine {
    /// Claims an `Idempotency-Key` for a call whose method, path and body have this hash.
    ///
    /// # Errors
    /// `idempotencyMismatch`, `idempotencyUnderWay`, `invalidRequest` for an empty or overlong one.
    pub async fn claim_idempotent(
        &self,
        caller: &Caller,
        idempotency_key: &str,
        request_hash: String,
    ) -> Result<Idempotent> {
        let fits = !idempotency_key.is_empty()
            && idempotency_key.len() <= LONGEST
            && !idempotency_key.chars().any(char::is_control);
        if !fits {
            return Err(Problem::invalid(format!(
                "An Idempotency-Key has 1 to {LONGEST} characters: send a GUID of your own for \
                 each thing to be done."
            )));
        }
        let claim = IdempotencyClaim {
            key: caller.owner(),
            idempotency_key: idempotency_key.to_owned(),
            request_hash,
            status: 0,
            body: String::new(),
        };
        let now = self.now();
        let met = self
            .store()
            .claim_idempotency(&claim, now, earlier(now, STALE_AFTER))
            .await?;
        match met {
            Claimed::New => Ok(Idempotent::Do(claim)),
            Claimed::Answered { status, body } => Ok(Idempotent::Answered { status, body }),
            Claimed::Different => Err(Problem::new(
                Code::IdempotencyMismatch,
                "Another request had this Idempotency-Key within the last 7 days: give each \
                 request a key of its own, and repeat a request exactly as it was.",
            )),
            Claimed::UnderWay => {
                let mut problem = Problem::new(
                    Code::IdempotencyUnderWay,
                    "The first request with this Idempotency-Key is still under way: ask again in \
                     a moment.",
                );
                problem.retry_after = Some(1);
                Err(problem)
            }
        }
    }

    /// Keeps the answer.
    pub async fn answer_idempotent(&self, claim: &IdempotencyClaim) -> Result<()> {
        Ok(self.store().answer_idempotency(claim).await?)
    }

    /// Lets go of a claim whose call did nothing.
    pub async fn release_idempotent(&self, claim: &IdempotencyClaim) -> Result<()> {
        Ok(self.store().release_idempotency(claim).await?)
    }
}
