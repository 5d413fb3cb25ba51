//! The data keys.

use super::PostgresStore;
use super::errors::Answer;
use super::server::{Session, opening};
use super::tables::parameter;
use super::values::at;
use crate::StoreError;
use crate::contract::Result;
use crate::contract::data_keys::{DataKeys, Resealed, WrappedKey};
use crate::contract::tables::Table;
use crate::seal::{MARK_ACCOUNTS, MARKS, MasterKey, Vault, VaultReset, not_needed, removals};
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use tokio_postgres::{Client, Row, Transaction};

const KEYS: &str = "SELECT number, wrapped FROM vault_keys ORDER BY number";
const ADD_KEY: &str = "INSERT INTO vault_keys (number, wrapped) VALUES ($1, $2)";
const REMOVE_KEYS: &str = "DELETE FROM vault_keys";
// Of two that change the keys at once, the second waits for the first.
const LOCK: &str = "SELECT 1 FROM store FOR UPDATE";

fn key(row: &Row) -> std::result::Result<WrappedKey, tokio_postgres::Error> {
    Ok(WrappedKey {
        number: row.try_get(0)?,
        wrapped: row.try_get(1)?,
    })
}

/// The vault's keys as they are written.
pub(super) async fn keys_of(
    client: &Client,
) -> std::result::Result<Vec<WrappedKey>, tokio_postgres::Error> {
    client.query(KEYS, &[]).await?.iter().map(key).collect()
}

async fn keys(session: &Session<'_>) -> Answer<Vec<WrappedKey>> {
    let rows = session.rows(KEYS, &[]).await?;
    Ok(rows
        .iter()
        .map(key)
        .collect::<std::result::Result<_, _>>()?)
}

/// Opens the data keys while a store is opened, or makes one.
pub(super) async fn open(
    transaction: &Transaction<'_>,
    master: &MasterKey,
    reset: Option<VaultReset>,
    place: &str,
) -> Result<Vault> {
    let failed = |error| opening(&error, place);
    let rows = transaction.query(KEYS, &[]).await.map_err(failed)?;
    let kept = rows
        .iter()
        .map(key)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(failed)?;
    if kept.is_empty() {
        return renew(transaction, master, place).await;
    }
    match (Vault::open(master, &kept), reset) {
        (opened, None) => opened,
        (Ok(_), Some(_)) => Err(not_needed(place)),
        (Err(StoreError::MasterKey(_)), Some(reset)) => {
            for removal in removals() {
                transaction.execute(&removal, &[]).await.map_err(failed)?;
            }
            for (state, reason, kind) in MARKS {
                transaction
                    .execute(
                        MARK_ACCOUNTS,
                        &[&state.name(), &reason, &at(reset.at), &kind],
                    )
                    .await
                    .map_err(failed)?;
            }
            renew(transaction, master, place).await
        }
        (Err(error), Some(_)) => Err(error),
    }
}

/// A new data key.
async fn renew(transaction: &Transaction<'_>, master: &MasterKey, place: &str) -> Result<Vault> {
    let failed = |error| opening(&error, place);
    let (vault, kept) = Vault::generate(master)?;
    transaction
        .execute(REMOVE_KEYS, &[])
        .await
        .map_err(failed)?;
    transaction
        .execute(ADD_KEY, &[&kept.number, &kept.wrapped])
        .await
        .map_err(failed)?;
    Ok(vault)
}

#[async_trait]
impl DataKeys for PostgresStore {
    async fn data_keys(&self) -> Result<Vec<WrappedKey>> {
        self.server()
            .read("reading the data keys", |session| keys(session).boxed())
            .await
    }

    async fn replace_data_keys(&self, there: &[WrappedKey], by: &[WrappedKey]) -> Result<bool> {
        self.server().knows_keys(by);
        self.server()
            .write("writing the data keys", move |tx| {
                async move {
                    tx.rows(LOCK, &[]).await?;
                    if keys(tx).await? != there {
                        return Ok(false);
                    }
                    tx.execute(REMOVE_KEYS, &[]).await?;
                    for key in by {
                        tx.execute(ADD_KEY, &[&key.number, &key.wrapped]).await?;
                    }
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    async fn reseal(&self, table: &'static Table, what: Vec<Resealed>) -> Result<u64> {
        let what = &what;
        self.server()
            .write("writing secrets anew", move |tx| {
                async move {
                    let mut written = 0;
                    for it in what {
                        let mut update = format!(
                            "UPDATE {name} SET {column} = $1 WHERE {column} = $2",
                            name = table.name,
                            column = it.column
                        );
                        for (key, number) in table.key_columns().iter().zip(3..) {
                            update.push_str(&format!(" AND {} = ${number}", key.name));
                        }
                        let key: Vec<_> = it.key.iter().map(parameter).collect();
                        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&it.to, &it.from];
                        values.extend(key.iter().map(|value| &**value as &(dyn ToSql + Sync)));
                        written += tx.execute(&update, &values).await?;
                    }
                    Ok(written)
                }
                .boxed()
            })
            .await
    }
}
