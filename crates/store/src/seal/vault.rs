//! A store's data key, and secrets in columns.

use super::{MasterKey, Place, Seal};
use crate::contract::{Result, StoreError};
use postroom_model::Secret;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Seals and opens what is in columns.
#[derive(Clone, Debug)]
pub(crate) struct Vault(Arc<Seal>);

impl Vault {
    /// The number of the data key that is in use. Another one may follow one day.
    pub(crate) const KEY: i64 = 1;

    /// A new store's data key, and how it is to be kept.
    pub(crate) fn generate(master: &MasterKey) -> Result<(Self, Vec<u8>)> {
        let mut key = Zeroizing::new(vec![0; 32]);
        aws_lc_rs::rand::fill(&mut key).map_err(|_| no_randomness())?;
        let wrapped = master
            .seal()?
            .seal(place_of_key(), &key)
            .map_err(|_| no_randomness())?;
        Ok((Self::of(&key)?, wrapped))
    }

    /// The data key of a store that is there. `MasterKey` when it was made with another one.
    pub(crate) fn open(master: &MasterKey, wrapped: &[u8]) -> Result<Self> {
        let key = master
            .seal()?
            .open(place_of_key(), wrapped)
            .map_err(|_| wrong())?;
        Self::of(&key)
    }

    fn of(key: &[u8]) -> Result<Self> {
        let seal = Seal::new(key).ok_or_else(wrong)?;
        Ok(Self(Arc::new(seal)))
    }

    /// A secret for a column.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Vec<u8>> {
        self.0
            .seal(place, secret.as_bytes())
            .map_err(|_| no_randomness())
    }

    /// The secret of a column.
    pub(crate) fn open_secret(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret> {
        let unopened = || StoreError::Sealed {
            what: format!("{} of {} {}", place.column, place.table, place.row),
        };
        let plain = self.0.open(place, sealed).map_err(|_| unopened())?;
        let text = std::str::from_utf8(&plain).map_err(|_| unopened())?;
        Ok(Secret::new(text))
    }
}

/// A new store's id, which ties cursors to it.
pub(crate) fn new_store_id() -> Result<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| no_randomness())?;
    Ok(uuid::Builder::from_random_bytes(random)
        .into_uuid()
        .to_string())
}

fn place_of_key() -> Place<'static> {
    Place {
        table: "vault_keys",
        row: "1",
        column: "wrapped",
    }
}

fn no_randomness() -> StoreError {
    StoreError::Database {
        doing: "encrypting".into(),
        reason: "the system gives no randomness".into(),
    }
}

fn wrong() -> StoreError {
    StoreError::MasterKey(
        "the store was made with another master key: give that one (from a backup, if it was \
         lost here); without it, the connections' secrets and the sign-ins in this store cannot be \
         used, and a new, empty data folder or database is needed"
            .into(),
    )
}
