//! Sessions of people who signed in.

use super::SqliteStore;
use super::errors::Answer;
use super::persons;
use super::values::{affected, micros, time};
use super::writer::Tx;
use crate::contract::Result;
use crate::contract::keys::KeyHash;
use crate::contract::sessions::Sessions;
use async_trait::async_trait;
use postroom_model::person::{Person, Session};
use postroom_model::{PersonId, SessionId, Timestamp};
use rusqlite::params;

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

fn begin(tx: &Tx<'_>, session: &Session, person: &PersonId, hash: &KeyHash) -> Answer<bool> {
    let at = micros(session.created_at);
    let known = tx
        .prepare_cached(SIGNED_IN)?
        .execute(params![at, person.as_str()])?;
    if known == 0 {
        return Ok(false);
    }
    tx.prepare_cached(INSERT)?.execute(params![
        session.id.as_str(),
        hash,
        person.as_str(),
        at,
        micros(session.seen_at),
        micros(session.expires_at),
    ])?;
    Ok(true)
}

#[async_trait]
impl Sessions for SqliteStore {
    async fn redeem_sign_in_token(
        &self,
        token: &KeyHash,
        first: &Person,
        session: &Session,
        hash: &KeyHash,
    ) -> Result<Option<Person>> {
        let (token, hash) = (*token, *hash);
        let (first, session) = (first.clone(), session.clone());
        self.write("signing somebody in", move |tx| {
            let used = {
                let mut statement = tx.prepare_cached(USE_TOKEN)?;
                let mut rows = statement.query([token])?;
                rows.next()?.map(persons::token).transpose()?
            };
            let Some(used) = used.filter(|used| session.created_at < used.expires_at) else {
                return Ok(None);
            };
            let person = match used.person {
                Some(person) => person,
                None => {
                    let anybody: bool = tx
                        .prepare_cached(ANYBODY)?
                        .query_row([], |row| row.get(0))?;
                    if anybody {
                        return Ok(None);
                    }
                    persons::insert(tx, &first)?;
                    first.id
                }
            };
            begin(tx, &session, &person, &hash)?;
            persons::by_id(tx, person.as_str())
        })
        .await
    }

    async fn insert_session(&self, session: &Session, hash: &KeyHash) -> Result<bool> {
        let (session, hash) = (session.clone(), *hash);
        self.write("beginning a session", move |tx| {
            begin(tx, &session, &session.person, &hash)
        })
        .await
    }

    async fn session_by_hash(&self, hash: &KeyHash) -> Result<Option<(Session, Person)>> {
        self.read("looking up a session", |connection| {
            let mut statement = connection.prepare_cached(BY_HASH)?;
            let mut rows = statement.query([hash])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let session = Session {
                id: SessionId::new(row.get::<_, String>(0)?),
                person: PersonId::new(row.get::<_, String>(1)?),
                created_at: time(row.get(2)?)?,
                seen_at: time(row.get(3)?)?,
                expires_at: time(row.get(4)?)?,
            };
            Ok(Some((session, persons::person(row, 5)?)))
        })
    }

    async fn touch_session(&self, id: &SessionId, at: Timestamp) -> Result<()> {
        let id = id.clone();
        self.write("noting the use of a session", move |tx| {
            tx.prepare_cached(TOUCH)?
                .execute(params![micros(at), id.as_str()])?;
            Ok(())
        })
        .await
    }

    async fn end_session(&self, id: &SessionId) -> Result<bool> {
        let id = id.clone();
        self.write("ending a session", move |tx| {
            Ok(tx.prepare_cached(END)?.execute([id.as_str()])? > 0)
        })
        .await
    }

    async fn sweep_sessions(&self, now: Timestamp, idle_since: Timestamp) -> Result<u64> {
        self.write("sweeping sessions", move |tx| {
            let sessions = tx
                .prepare_cached(SWEEP)?
                .execute([micros(now), micros(idle_since)])?;
            let tokens = tx.prepare_cached(SWEEP_TOKENS)?.execute([micros(now)])?;
            Ok(affected(sessions + tokens))
        })
        .await
    }
}
