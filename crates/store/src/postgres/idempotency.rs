//! Calls that may be repeated safely.

use super::PostgresStore;
use super::errors::Answer;
use super::server::Tx;
use super::values::{Time, at, small};
use crate::contract::Result;
use crate::contract::idempotency::{Claimed, Idempotency, IdempotencyClaim};
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::{KeyId, Timestamp};

// Of two at once, one adds the row and the other waits for it.
const CLAIM: &str = "INSERT INTO idempotency (key, idempotency_key, request_hash, claimed_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (key, idempotency_key) DO NOTHING";
const GET: &str = "SELECT request_hash, claimed_at, status, body FROM idempotency
    WHERE key = $1 AND idempotency_key = $2 FOR UPDATE";
const TAKE_OVER: &str = "UPDATE idempotency SET claimed_at = $3
    WHERE key = $1 AND idempotency_key = $2";
const ANSWER: &str = "UPDATE idempotency SET status = $1, body = $2
    WHERE key = $3 AND idempotency_key = $4 AND request_hash = $5";
// The claim may have been forgotten meanwhile; the answer counts all the same.
const CLAIM_AND_ANSWER: &str = "INSERT INTO idempotency (key, idempotency_key, request_hash,
        claimed_at, status, body)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (key, idempotency_key) DO UPDATE SET status = excluded.status,
        body = excluded.body";
const RELEASE: &str = "DELETE FROM idempotency
    WHERE key = $1 AND idempotency_key = $2 AND request_hash = $3 AND status IS NULL";
const PRUNE: &str = "DELETE FROM idempotency WHERE claimed_at < $1";

/// Whose claim it is; nothing for the command line's.
fn owner(claim: &IdempotencyClaim) -> &str {
    claim.key.as_ref().map_or("", KeyId::as_str)
}

/// Keeps an answer within the unit of work that it tells of.
pub(super) async fn answer(tx: &Tx<'_>, claim: &IdempotencyClaim, time: Timestamp) -> Answer<()> {
    tx.execute(
        CLAIM_AND_ANSWER,
        &[
            &owner(claim),
            &claim.idempotency_key,
            &claim.request_hash,
            &at(time),
            &i64::from(claim.status),
            &claim.body,
        ],
    )
    .await?;
    Ok(())
}

#[async_trait]
impl Idempotency for PostgresStore {
    async fn claim_idempotency(
        &self,
        claim: &IdempotencyClaim,
        now: Timestamp,
        stale_before: Timestamp,
    ) -> Result<Claimed> {
        self.server()
            .write("claiming an idempotency key", move |tx| {
                async move {
                    let (owner, key) = (owner(claim), &claim.idempotency_key);
                    loop {
                        let values = (&claim.request_hash, at(now));
                        let claimed = tx
                            .execute(CLAIM, &[&owner, key, values.0, &values.1])
                            .await?;
                        if claimed > 0 {
                            return Ok(Claimed::New);
                        }
                        let Some(row) = tx.row_opt(GET, &[&owner, key]).await? else {
                            // Released between the two.
                            continue;
                        };
                        if row.try_get::<_, &str>(0)? != claim.request_hash {
                            return Ok(Claimed::Different);
                        }
                        if let Some(status) = row.try_get::<_, Option<i64>>(2)? {
                            let body: Option<String> = row.try_get(3)?;
                            return Ok(Claimed::Answered {
                                status: small(status)?,
                                body: body.unwrap_or_default(),
                            });
                        }
                        if row.try_get::<_, Time>(1)? >= at(stale_before) {
                            return Ok(Claimed::UnderWay);
                        }
                        tx.execute(TAKE_OVER, &[&owner, key, &at(now)]).await?;
                        return Ok(Claimed::New);
                    }
                }
                .boxed()
            })
            .await
    }

    async fn answer_idempotency(&self, claim: &IdempotencyClaim) -> Result<()> {
        self.server()
            .write("keeping an answer", move |tx| {
                async move {
                    tx.execute(
                        ANSWER,
                        &[
                            &i64::from(claim.status),
                            &claim.body,
                            &owner(claim),
                            &claim.idempotency_key,
                            &claim.request_hash,
                        ],
                    )
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn release_idempotency(&self, claim: &IdempotencyClaim) -> Result<()> {
        self.server()
            .write("releasing an idempotency key", move |tx| {
                async move {
                    tx.execute(
                        RELEASE,
                        &[&owner(claim), &claim.idempotency_key, &claim.request_hash],
                    )
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn prune_idempotency(&self, before: Timestamp) -> Result<u64> {
        self.server()
            .write("forgetting idempotency keys", move |tx| {
                async move { tx.execute(PRUNE, &[&at(before)]).await }.boxed()
            })
            .await
    }
}
