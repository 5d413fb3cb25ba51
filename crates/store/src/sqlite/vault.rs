//! The store's data key, and secrets in columns.

use super::errors::{Answer, Fault};
use crate::contract::{Result, StoreError};
use crate::seal::{MasterKey, Place, Seal};
use postroom_model::Secret;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The number of the data key that is in use. Another one may follow one day.
const KEY: i64 = 1;

/// Seals and opens what is in columns.
#[derive(Clone, Debug)]
pub(super) struct Vault(Arc<Seal>);

impl Vault {
    /// Opens the data key with the master key, or makes one in a new store.
    pub(super) fn open(connection: &Connection, master: &MasterKey) -> Answer<Self> {
        let master = master.seal()?;
        let wrapped: Option<Vec<u8>> = connection
            .query_row(
                "SELECT wrapped FROM vault_keys WHERE number = $1",
                [KEY],
                |row| row.get(0),
            )
            .optional()?;
        let key = match wrapped {
            Some(wrapped) => master.open(place_of_key(), &wrapped).map_err(|_| wrong())?,
            None => {
                let mut key = Zeroizing::new(vec![0; 32]);
                aws_lc_rs::rand::fill(&mut key)
                    .map_err(|_| Fault::Broken("the system gives no randomness"))?;
                let wrapped = master
                    .seal(place_of_key(), &key)
                    .map_err(|_| Fault::Broken("the data key could not be encrypted"))?;
                connection.execute(
                    "INSERT INTO vault_keys (number, wrapped) VALUES ($1, $2)",
                    params![KEY, wrapped],
                )?;
                key
            }
        };
        let seal = Seal::new(&key).ok_or_else(wrong)?;
        Ok(Self(Arc::new(seal)))
    }

    /// A secret for a column.
    pub(super) fn seal(&self, place: Place<'_>, secret: &str) -> Answer<Vec<u8>> {
        self.0
            .seal(place, secret.as_bytes())
            .map_err(|_| Fault::Broken("a secret could not be encrypted"))
    }

    /// The secret of a column.
    pub(super) fn open_secret(&self, place: Place<'_>, sealed: &[u8]) -> Answer<Secret> {
        let unopened = || StoreError::Sealed {
            what: format!("{} of {} {}", place.column, place.table, place.row),
        };
        let plain = self.0.open(place, sealed).map_err(|_| unopened())?;
        let text = std::str::from_utf8(&plain).map_err(|_| unopened())?;
        Ok(Secret::new(text))
    }
}

fn place_of_key() -> Place<'static> {
    Place {
        table: "vault_keys",
        row: "1",
        column: "wrapped",
    }
}

fn wrong() -> StoreError {
    StoreError::MasterKey(
        "the data folder was made with another master key: give that one (from a backup, if it was \
         lost here); without it, the connections' secrets and the sign-ins in this folder cannot be \
         used, and a new, empty data folder is needed"
            .into(),
    )
}

/// Writes what a new store needs, and opens the data key, in one transaction.
pub(super) fn prepare(
    connection: &mut Connection,
    master: &MasterKey,
) -> std::result::Result<(Vault, String), Fault> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO store (one, id, checks, forgotten) VALUES (1, $1, 0, 0)
         ON CONFLICT (one) DO NOTHING",
        [new_id()?],
    )?;
    let id = transaction.query_row("SELECT id FROM store", [], |row| row.get(0))?;
    let vault = Vault::open(&transaction, master)?;
    transaction.commit()?;
    Ok((vault, id))
}

/// A new store's id.
fn new_id() -> Answer<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Fault::Broken("the system gives no randomness"))?;
    Ok(uuid::Builder::from_random_bytes(random)
        .into_uuid()
        .to_string())
}

/// As [`prepare`], with an error for people.
pub(super) fn prepare_in(
    connection: &mut Connection,
    master: &MasterKey,
    place: &str,
) -> Result<(Vault, String)> {
    prepare(connection, master).map_err(|fault| fault.into_store("opening the store", place))
}
