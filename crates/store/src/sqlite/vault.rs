//! What a new store needs, and the data keys.

use super::SqliteStore;
use super::errors::{Answer, Fault};
use super::values::micros;
use crate::StoreError;
use crate::contract::Result;
use crate::contract::data_keys::{DataKeys, Resealed, WrappedKey};
use crate::contract::tables::{Table, Value};
use crate::seal::{
    MARK_ACCOUNTS, MARKS, MasterKey, Vault, VaultReset, new_store_id, not_needed, removals,
};
use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter};

const KEYS: &str = "SELECT number, wrapped FROM vault_keys ORDER BY number";
const ADD_KEY: &str = "INSERT INTO vault_keys (number, wrapped) VALUES ($1, $2)";
const REMOVE_KEYS: &str = "DELETE FROM vault_keys";

fn keys(connection: &Connection) -> Answer<Vec<WrappedKey>> {
    let mut statement = connection.prepare_cached(KEYS)?;
    let keys = statement.query_map([], |row| {
        Ok(WrappedKey {
            number: row.get(0)?,
            wrapped: row.get(1)?,
        })
    })?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

fn put_keys(connection: &Connection, keys: &[WrappedKey]) -> Answer<()> {
    connection.execute(REMOVE_KEYS, [])?;
    for key in keys {
        connection.execute(ADD_KEY, params![key.number, key.wrapped])?;
    }
    Ok(())
}

fn open(
    connection: &Connection,
    master: &MasterKey,
    reset: Option<VaultReset>,
    place: &str,
) -> Answer<Vault> {
    let kept = keys(connection)?;
    if kept.is_empty() {
        return renew(connection, master);
    }
    match (Vault::open(master, &kept), reset) {
        (opened, None) => Ok(opened?),
        (Ok(_), Some(_)) => Err(not_needed(place).into()),
        (Err(StoreError::MasterKey(_)), Some(reset)) => {
            for removal in removals() {
                connection.execute(&removal, [])?;
            }
            for (state, reason, kind) in MARKS {
                let values = params![state.name(), reason, micros(reset.at), kind];
                connection.execute(MARK_ACCOUNTS, values)?;
            }
            renew(connection, master)
        }
        (Err(error), Some(_)) => Err(error.into()),
    }
}

/// A new data key.
fn renew(connection: &Connection, master: &MasterKey) -> Answer<Vault> {
    let (vault, kept) = Vault::generate(master)?;
    put_keys(connection, &[kept])?;
    Ok(vault)
}

/// Writes what a new store needs, and opens the data keys, in one transaction.
fn prepare(
    connection: &mut Connection,
    master: &MasterKey,
    reset: Option<VaultReset>,
    place: &str,
) -> std::result::Result<(Vault, String), Fault> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO store (one, id, checks, forgotten) VALUES (1, $1, 0, 0)
         ON CONFLICT (one) DO NOTHING",
        [new_store_id()?],
    )?;
    let id = transaction.query_row("SELECT id FROM store", [], |row| row.get(0))?;
    let vault = open(&transaction, master, reset, place)?;
    transaction.commit()?;
    Ok((vault, id))
}

/// As [`prepare`], with an error for people.
pub(super) fn prepare_in(
    connection: &mut Connection,
    master: &MasterKey,
    reset: Option<VaultReset>,
    place: &str,
) -> Result<(Vault, String)> {
    prepare(connection, master, reset, place)
        .map_err(|fault| fault.into_store("opening the store", place))
}

#[async_trait]
impl DataKeys for SqliteStore {
    async fn data_keys(&self) -> Result<Vec<WrappedKey>> {
        self.read("reading the data keys", keys)
    }

    async fn replace_data_keys(&self, there: &[WrappedKey], by: &[WrappedKey]) -> Result<bool> {
        let (there, by) = (there.to_vec(), by.to_vec());
        self.write("writing the data keys", move |tx| {
            if keys(tx)? != there {
                return Ok(false);
            }
            put_keys(tx, &by)?;
            Ok(true)
        })
        .await
    }

    async fn reseal(&self, table: &'static Table, what: Vec<Resealed>) -> Result<u64> {
        self.write("writing secrets anew", move |tx| {
            let mut written = 0;
            for it in &what {
                let mut update = format!(
                    "UPDATE {name} SET {column} = ?1 WHERE {column} = ?2",
                    name = table.name,
                    column = it.column
                );
                for (key, number) in table.key_columns().iter().zip(3..) {
                    update.push_str(&format!(" AND {} = ?{number}", key.name));
                }
                let texts = [&it.to, &it.from].map(|text| Value::Bytes(text.clone().into()));
                let values = texts.iter().chain(&it.key);
                written += tx
                    .prepare_cached(&update)?
                    .execute(params_from_iter(values))?;
            }
            Ok(super::values::affected(written))
        })
        .await
    }
}
