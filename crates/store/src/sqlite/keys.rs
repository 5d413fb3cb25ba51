//! Callers' keys.

use super::SqliteStore;
use super::errors::{Answer, is_duplicate};
use super::values::{from_json, micros, micros_of, time, time_of, to_json};
use crate::contract::keys::{KeyHash, Keys};
use crate::contract::{Result, StoreError};
use crate::text::Texts as _;
use crate::version::TOUCHING_KEYS;
use async_trait::async_trait;
use postroom_model::key::Key;
use postroom_model::{KeyId, Timestamp};
use rusqlite::{Connection, Params, Row, params};

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, name, scopes, mailboxes, expires_at, revoked_at, created_at, last_used_at,
                networks
             FROM keys ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO keys (id, hash, name, scopes, mailboxes, expires_at, revoked_at,
        created_at, last_used_at, networks)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const UPDATE: &str = "UPDATE keys SET name = $1, scopes = $2, mailboxes = $3, expires_at = $4,
    revoked_at = $5, networks = $6 WHERE id = $7 AND revoked_at IS NULL";
// Batches may overtake each other: the time only moves on.
const TOUCH: &str = "UPDATE keys SET last_used_at = $1
    WHERE id = $2 AND COALESCE(last_used_at, 0) < $1";

fn key(row: &Row<'_>) -> Answer<Key> {
    let mailboxes: Option<String> = row.get(3)?;
    let networks: Option<String> = row.get(8)?;
    Ok(Key {
        id: KeyId::new(row.get::<_, String>(0)?),
        name: row.get(1)?,
        scopes: from_json(&row.get::<_, String>(2)?)?,
        mailboxes: mailboxes.as_deref().map(from_json).transpose()?,
        expires_at: time_of(row.get(4)?)?,
        revoked_at: time_of(row.get(5)?)?,
        created_at: time(row.get(6)?)?,
        last_used_at: time_of(row.get(7)?)?,
        networks: networks.as_deref().map(from_json).transpose()?,
    })
}

fn find(connection: &Connection, sql: &str, by: impl Params) -> Answer<Option<Key>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    rows.next()?.map(key).transpose()
}

#[async_trait]
impl Keys for SqliteStore {
    async fn insert_key(&self, key: &Key, hash: &KeyHash) -> Result<()> {
        let (key, hash) = (key.cleaned(), *hash);
        self.write("adding a key", move |tx| {
            let inserted = tx.prepare_cached(INSERT)?.execute(params![
                key.id.as_str(),
                hash,
                key.name,
                to_json(&key.scopes)?,
                key.mailboxes.as_ref().map(to_json).transpose()?,
                micros_of(key.expires_at),
                micros_of(key.revoked_at),
                micros(key.created_at),
                micros_of(key.last_used_at),
                key.networks.as_ref().map(to_json).transpose()?,
            ]);
            match inserted {
                Ok(_) => Ok(()),
                Err(error) if is_duplicate(&error) => Err(StoreError::Conflict {
                    what: format!("the key {}", key.id),
                    existing: key.id.into_string(),
                }
                .into()),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>> {
        self.read("looking up a key", |connection| {
            find(connection, select!("WHERE hash = $1"), [hash])
        })
    }

    async fn key(&self, id: &KeyId) -> Result<Option<Key>> {
        self.read("reading a key", |connection| {
            find(connection, select!("WHERE id = $1"), [id.as_str()])
        })
    }

    async fn keys(&self) -> Result<Vec<Key>> {
        self.read("listing keys", |connection| {
            let mut statement = connection.prepare_cached(select!("ORDER BY made"))?;
            statement.query_and_then([], key)?.collect()
        })
    }

    async fn update_key(&self, key: &Key) -> Result<bool> {
        let key = key.cleaned();
        self.write("writing a key", move |tx| {
            let rows = tx.prepare_cached(UPDATE)?.execute(params![
                key.name,
                to_json(&key.scopes)?,
                key.mailboxes.as_ref().map(to_json).transpose()?,
                micros_of(key.expires_at),
                micros_of(key.revoked_at),
                key.networks.as_ref().map(to_json).transpose()?,
                key.id.as_str(),
            ])?;
            Ok(rows > 0)
        })
        .await
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<()> {
        let used = used.to_vec();
        self.write(TOUCHING_KEYS, move |tx| {
            let mut statement = tx.prepare_cached(TOUCH)?;
            for (id, at) in used {
                statement.execute(params![micros(at), id.as_str()])?;
            }
            Ok(())
        })
        .await
    }
}
