//! Sessions of people who signed in.

use super::PostgresStore;
use super::errors::Answer;
use super::persons;
use super::server::Tx;
use super::values::{at, time};
use crate::contract::Result;
use crate::contract::keys::KeyHash;
use crate::contract::sessions::Sessions;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::person::{Person, Session};
use postroom_model::{PersonId, SessionId, Timestamp};

const INSERT: &str = "INSERT INTO sessions (id, hash, person, created_at, seen_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const SIGNED_IN: &str = "UPDATE persons SET signed_in_at = $1 WHERE id = $2";
const BY_HASH: &str = "SELECT s.id, s.person, s.created_at, s.seen_at, s.expires_at,
        p.id, p.name, p.address, p.role, p.tenant_id, p.object_id, p.created_at, p.signed_in_at
    FROM sessions s JOIN persons p ON p.id = s.person WHERE s.hash = $1";
// Notes may overtake each other: the time only moves on.
const TOUCH: &str = "UPDATE sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1";
const END: &str = "DELETE FROM sessions WHERE id = $1";
const SWEEP: &str = "DELETE FROM sessions WHERE expires_at <= $1 OR seen_at < $2";
const SWEEP_TOKENS: &str = "DELETE FROM sign_in_tokens WHERE expires_at <= $1";
const USE_TOKEN: &str = "DELETE FROM sign_in_tokens WHERE hash = $1
    RETURNING person, created_at, expires_at";
const ANYBODY: &str = "SELECT EXISTS (SELECT 1 FROM persons)";

async fn begin(tx: &Tx<'_>, session: &Session, person: &PersonId, hash: &KeyHash) -> Answer<bool> {
    let since = at(session.created_at);
    if tx.execute(SIGNED_IN, &[&since, &person.as_str()]).await? == 0 {
        return Ok(false);
    }
    tx.execute(
        INSERT,
        &[
            &session.id.as_str(),
            &hash.as_slice(),
            &person.as_str(),
            &since,
            &at(session.seen_at),
            &at(session.expires_at),
        ],
    )
    .await?;
    Ok(true)
}

#[async_trait]
impl Sessions for PostgresStore {
    async fn redeem_sign_in_token(
        &self,
        token: &KeyHash,
        first: &Person,
        session: &Session,
        hash: &KeyHash,
    ) -> Result<Option<Person>> {
        self.server()
            .write("signing somebody in", move |tx| {
                async move {
                    persons::lock(tx).await?;
                    let row = tx.row_opt(USE_TOKEN, &[&token.as_slice()]).await?;
                    let used = row.as_ref().map(persons::token).transpose()?;
                    let Some(used) = used.filter(|used| session.created_at < used.expires_at)
                    else {
                        return Ok(None);
                    };
                    let person = match used.person {
                        Some(person) => person,
                        None => {
                            let anybody: bool = tx.row(ANYBODY, &[]).await?.try_get(0)?;
                            if anybody {
                                return Ok(None);
                            }
                            persons::insert(tx, first).await?;
                            first.id.clone()
                        }
                    };
                    begin(tx, session, &person, hash).await?;
                    persons::by_id(tx, person.as_str()).await
                }
                .boxed()
            })
            .await
    }

    async fn insert_session(&self, session: &Session, hash: &KeyHash) -> Result<bool> {
        self.server()
            .write("beginning a session", move |tx| {
                async move { begin(tx, session, &session.person, hash).await }.boxed()
            })
            .await
    }

    async fn session_by_hash(&self, hash: &KeyHash) -> Result<Option<(Session, Person)>> {
        self.server()
            .read("looking up a session", move |connection| {
                async move {
                    let row = connection.row_opt(BY_HASH, &[&hash.as_slice()]).await?;
                    let Some(row) = row else {
                        return Ok(None);
                    };
                    let session = Session {
                        id: SessionId::new(row.try_get::<_, String>(0)?),
                        person: PersonId::new(row.try_get::<_, String>(1)?),
                        created_at: time(row.try_get(2)?)?,
                        seen_at: time(row.try_get(3)?)?,
                        expires_at: time(row.try_get(4)?)?,
                    };
                    Ok(Some((session, persons::person(&row, 5)?)))
                }
                .boxed()
            })
            .await
    }

    async fn touch_session(&self, id: &SessionId, seen: Timestamp) -> Result<()> {
        self.server()
            .write("noting the use of a session", move |tx| {
                async move {
                    tx.execute(TOUCH, &[&at(seen), &id.as_str()]).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn end_session(&self, id: &SessionId) -> Result<bool> {
        self.server()
            .write("ending a session", move |tx| {
                async move { Ok(tx.execute(END, &[&id.as_str()]).await? > 0) }.boxed()
            })
            .await
    }

    async fn sweep_sessions(&self, now: Timestamp, idle_since: Timestamp) -> Result<u64> {
        self.server()
            .write("sweeping sessions", move |tx| {
                async move {
                    let sessions = tx.execute(SWEEP, &[&at(now), &at(idle_since)]).await?;
                    let tokens = tx.execute(SWEEP_TOKENS, &[&at(now)]).await?;
                    Ok(sessions + tokens)
                }
                .boxed()
            })
            .await
    }
}
