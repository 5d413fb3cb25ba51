//! What a new store needs, and the data key.

use super::errors::{Answer, Fault};
use crate::contract::Result;
use crate::seal::{MasterKey, Vault, new_store_id};
use rusqlite::{Connection, OptionalExtension as _, params};

fn open(connection: &Connection, master: &MasterKey) -> Answer<Vault> {
    let wrapped: Option<Vec<u8>> = connection
        .query_row(
            "SELECT wrapped FROM vault_keys WHERE number = $1",
            [Vault::KEY],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(wrapped) = wrapped {
        return Ok(Vault::open(master, &wrapped)?);
    }
    let (vault, wrapped) = Vault::generate(master)?;
    connection.execute(
        "INSERT INTO vault_keys (number, wrapped) VALUES ($1, $2)",
        params![Vault::KEY, wrapped],
    )?;
    Ok(vault)
}

/// Writes what a new store needs, and opens the data key, in one transaction.
fn prepare(
    connection: &mut Connection,
    master: &MasterKey,
) -> std::result::Result<(Vault, String), Fault> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO store (one, id, checks, forgotten) VALUES (1, $1, 0, 0)
         ON CONFLICT (one) DO NOTHING",
        [new_store_id()?],
    )?;
    let id = transaction.query_row("SELECT id FROM store", [], |row| row.get(0))?;
    let vault = open(&transaction, master)?;
    transaction.commit()?;
    Ok((vault, id))
}

/// As [`prepare`], with an error for people.
pub(super) fn prepare_in(
    connection: &mut Connection,
    master: &MasterKey,
    place: &str,
) -> Result<(Vault, String)> {
    prepare(connection, master).map_err(|fault| fault.into_store("opening the store", place))
}
