//! Calls that may be repeated safely.

use super::SqliteStore;
use super::errors::Answer;
use super::values::{affected, micros};
use super::writer::Tx;
use crate::contract::Result;
use crate::contract::idempotency::{Claimed, Idempotency, IdempotencyClaim};
use async_trait::async_trait;
use postroom_model::{KeyId, Timestamp};
use rusqlite::{OptionalExtension as _, params};

const GET: &str = "SELECT request_hash, claimed_at, status, body FROM idempotency
    WHERE key = $1 AND idempotency_key = $2";
const CLAIM: &str = "INSERT INTO idempotency (key, idempotency_key, request_hash, claimed_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (key, idempotency_key) DO UPDATE SET claimed_at = excluded.claimed_at";
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
pub(super) fn answer(tx: &Tx<'_>, claim: &IdempotencyClaim, at: Timestamp) -> Answer<()> {
    tx.prepare_cached(CLAIM_AND_ANSWER)?.execute(params![
        owner(claim),
        claim.idempotency_key,
        claim.request_hash,
        micros(at),
        claim.status,
        claim.body,
    ])?;
    Ok(())
}

#[async_trait]
impl Idempotency for SqliteStore {
    async fn claim_idempotency(
        &self,
        claim: &IdempotencyClaim,
        now: Timestamp,
        stale_before: Timestamp,
    ) -> Result<Claimed> {
        let claim = claim.clone();
        self.write("claiming an idempotency key", move |tx| {
            let there = tx
                .prepare_cached(GET)?
                .query_row(params![owner(&claim), claim.idempotency_key], |row| {
                    let hash: String = row.get(0)?;
                    let claimed_at: i64 = row.get(1)?;
                    let status: Option<u16> = row.get(2)?;
                    let body: Option<String> = row.get(3)?;
                    Ok((hash, claimed_at, status, body))
                })
                .optional()?;
            match there {
                Some((hash, ..)) if hash != claim.request_hash => return Ok(Claimed::Different),
                Some((_, _, Some(status), body)) => {
                    return Ok(Claimed::Answered {
                        status,
                        body: body.unwrap_or_default(),
                    });
                }
                Some((_, claimed_at, None, _)) if claimed_at >= micros(stale_before) => {
                    return Ok(Claimed::UnderWay);
                }
                Some(_) | None => {}
            }
            tx.prepare_cached(CLAIM)?.execute(params![
                owner(&claim),
                claim.idempotency_key,
                claim.request_hash,
                micros(now),
            ])?;
            Ok(Claimed::New)
        })
        .await
    }

    async fn answer_idempotency(&self, claim: &IdempotencyClaim) -> Result<()> {
        let claim = claim.clone();
        self.write("keeping an answer", move |tx| {
            tx.prepare_cached(ANSWER)?.execute(params![
                claim.status,
                claim.body,
                owner(&claim),
                claim.idempotency_key,
                claim.request_hash,
            ])?;
            Ok(())
        })
        .await
    }

    async fn release_idempotency(&self, claim: &IdempotencyClaim) -> Result<()> {
        let claim = claim.clone();
        self.write("releasing an idempotency key", move |tx| {
            tx.prepare_cached(RELEASE)?.execute(params![
                owner(&claim),
                claim.idempotency_key,
                claim.request_hash
            ])?;
            Ok(())
        })
        .await
    }

    async fn prune_idempotency(&self, before: Timestamp) -> Result<u64> {
        self.write("forgetting idempotency keys", move |tx| {
            Ok(affected(
                tx.prepare_cached(PRUNE)?.execute([micros(before)])?,
            ))
        })
        .await
    }
}
