//! Callers' keys.

use super::PostgresStore;
use super::errors::{Answer, is_duplicate};
use super::server::Session;
use super::values::{at, at_of, from_json, time, time_of, to_json};
use crate::contract::keys::{KeyHash, Keys};
use crate::contract::{Result, StoreError};
use crate::text::Texts as _;
use crate::version::TOUCHING_KEYS;
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::key::Key;
use postroom_model::{KeyId, Timestamp};
use std::collections::BTreeMap;
use tokio_postgres::Row;

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

const BY_HASH: &str = select!("WHERE hash = $1");
const BY_ID: &str = select!("WHERE id = $1");
const INSERT: &str = "INSERT INTO keys (id, hash, name, scopes, mailboxes, expires_at, revoked_at,
        created_at, last_used_at, networks)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const UPDATE: &str = "UPDATE keys SET name = $1, scopes = $2, mailboxes = $3, expires_at = $4,
    revoked_at = $5, networks = $6 WHERE id = $7 AND revoked_at IS NULL";
// Batches may overtake each other: the time only moves on.
const TOUCH: &str = "UPDATE keys SET last_used_at = it.at
    FROM unnest($1::text[], $2::timestamptz[]) AS it (id, at)
    WHERE keys.id = it.id AND COALESCE(keys.last_used_at, 'epoch') < it.at";

fn key(row: &Row) -> Answer<Key> {
    let mailboxes: Option<&str> = row.try_get(3)?;
    let networks: Option<&str> = row.try_get(8)?;
    Ok(Key {
        id: KeyId::new(row.try_get::<_, String>(0)?),
        name: row.try_get(1)?,
        scopes: from_json(row.try_get(2)?)?,
        mailboxes: mailboxes.map(from_json).transpose()?,
        expires_at: time_of(row.try_get(4)?)?,
        revoked_at: time_of(row.try_get(5)?)?,
        created_at: time(row.try_get(6)?)?,
        last_used_at: time_of(row.try_get(7)?)?,
        networks: networks.map(from_json).transpose()?,
    })
}

async fn find(session: &Session<'_>, sql: &str, by: &[&(dyn ToSql + Sync)]) -> Answer<Option<Key>> {
    session
        .row_opt(sql, by)
        .await?
        .as_ref()
        .map(key)
        .transpose()
}

#[async_trait]
impl Keys for PostgresStore {
    async fn insert_key(&self, key: &Key, hash: &KeyHash) -> Result<()> {
        let key = &key.cleaned();
        self.server()
            .write("adding a key", move |tx| {
                async move {
                    let inserted = tx
                        .execute(
                            INSERT,
                            &[
                                &key.id.as_str(),
                                &hash.as_slice(),
                                &key.name,
                                &to_json(&key.scopes)?,
                                &key.mailboxes.as_ref().map(to_json).transpose()?,
                                &at_of(key.expires_at),
                                &at_of(key.revoked_at),
                                &at(key.created_at),
                                &at_of(key.last_used_at),
                                &key.networks.as_ref().map(to_json).transpose()?,
                            ],
                        )
                        .await;
                    match inserted {
                        Ok(_) => Ok(()),
                        Err(fault) if is_duplicate(&fault) => Err(StoreError::Conflict {
                            what: format!("the key {}", key.id),
                            existing: key.id.as_str().to_owned(),
                        }
                        .into()),
                        Err(fault) => Err(fault),
                    }
                }
                .boxed()
            })
            .await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>> {
        self.server()
            .read("looking up a key", move |session| {
                async move { find(session, BY_HASH, &[&hash.as_slice()]).await }.boxed()
            })
            .await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<Key>> {
        self.server()
            .read("reading a key", move |session| {
                async move { find(session, BY_ID, &[&id.as_str()]).await }.boxed()
            })
            .await
    }

    async fn keys(&self) -> Result<Vec<Key>> {
        self.server()
            .read("listing keys", |session| {
                async move {
                    let rows = session.rows(select!("ORDER BY made"), &[]).await?;
                    rows.iter().map(key).collect()
                }
                .boxed()
            })
            .await
    }

    async fn update_key(&self, key: &Key) -> Result<bool> {
        let key = &key.cleaned();
        self.server()
            .write("writing a key", move |tx| {
                async move {
                    let rows = tx
                        .execute(
                            UPDATE,
                            &[
                                &key.name,
                                &to_json(&key.scopes)?,
                                &key.mailboxes.as_ref().map(to_json).transpose()?,
                                &at_of(key.expires_at),
                                &at_of(key.revoked_at),
                                &key.networks.as_ref().map(to_json).transpose()?,
                                &key.id.as_str(),
                            ],
                        )
                        .await?;
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<()> {
        // A key that is there twice was used at the later time.
        let mut latest: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for (id, at) in used {
            let latest = latest.entry(id.as_str()).or_insert(*at);
            *latest = (*latest).max(*at);
        }
        let ids: Vec<_> = latest.keys().copied().collect();
        let times: Vec<_> = latest.values().map(|time| at(*time)).collect();
        let (ids, times) = (&ids, &times);
        self.server()
            .write(TOUCHING_KEYS, move |tx| {
                async move {
                    tx.execute(TOUCH, &[ids, times]).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}
