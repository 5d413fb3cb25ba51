//! A store's data keys, and secrets in columns.

use super::{MasterKey, Place, Seal};
use crate::contract::data_keys::WrappedKey;
use crate::contract::{Result, StoreError};
use postroom_model::Secret;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A data key in the clear.
pub(super) struct DataKey(Zeroizing<Vec<u8>>);

impl DataKey {
    pub(super) fn generate() -> Result<Self> {
        let mut key = Zeroizing::new(vec![0; 32]);
        aws_lc_rs::rand::fill(&mut key).map_err(|_| no_randomness())?;
        Ok(Self(key))
    }

    /// How it is to be kept under a number.
    pub(super) fn wrap(&self, master: &MasterKey, number: i64) -> Result<WrappedKey> {
        let wrapped = master
            .seal()?
            .seal(place_of_key(&number.to_string()), &self.0)
            .map_err(|_| no_randomness())?;
        Ok(WrappedKey { number, wrapped })
    }

    /// `MasterKey` when it was wrapped with another one.
    pub(super) fn unwrap(master: &MasterKey, kept: &WrappedKey) -> Result<Self> {
        master
            .seal()?
            .open(place_of_key(&kept.number.to_string()), &kept.wrapped)
            .map(Self)
            .map_err(|_| wrong())
    }
}

/// Seals and opens what is in columns.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    newest: Arc<Seal>,
    /// What a rotation that is not finished has left to do is encrypted with these.
    older: Arc<[Seal]>,
}

impl Vault {
    /// The number of a store's only data key.
    pub(super) const ONLY: i64 = 1;

    /// A new store's data key, and how it is to be kept.
    pub(crate) fn generate(master: &MasterKey) -> Result<(Self, WrappedKey)> {
        let key = DataKey::generate()?;
        let kept = key.wrap(master, Self::ONLY)?;
        Ok((Self::of(&[key])?, kept))
    }

    /// The data keys of a store that is there, the oldest first. `MasterKey` when they were made
    /// with another one.
    pub(crate) fn open(master: &MasterKey, kept: &[WrappedKey]) -> Result<Self> {
        let keys = kept
            .iter()
            .map(|kept| DataKey::unwrap(master, kept))
            .collect::<Result<Vec<_>>>()?;
        Self::of(&keys)
    }

    fn of(keys: &[DataKey]) -> Result<Self> {
        let seal = |key: &DataKey| Seal::new(&key.0).ok_or_else(wrong);
        let (newest, older) = keys.split_last().ok_or_else(wrong)?;
        Ok(Self {
            newest: Arc::new(seal(newest)?),
            older: older.iter().map(seal).collect::<Result<_>>()?,
        })
    }

    /// A secret for a column.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Vec<u8>> {
        self.newest
            .seal(place, secret.as_bytes())
            .map_err(|_| no_randomness())
    }

    /// The secret of a column.
    pub(crate) fn open_secret(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret> {
        let unopened = || StoreError::Sealed {
            what: format!("{} of {} {}", place.column, place.table, place.row),
        };
        let plain = self.plain(place, sealed).ok_or_else(unopened)?;
        let text = std::str::from_utf8(&plain).map_err(|_| unopened())?;
        Ok(Secret::new(text))
    }

    /// The same of one of many: where it does not open it is empty, and the log names it.
    pub(crate) fn open_or_empty(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret> {
        match self.open_secret(place, sealed) {
            Err(error @ StoreError::Sealed { .. }) => {
                tracing::warn!(%error, "a secret is left out");
                Ok(Secret::new(""))
            }
            opened => opened,
        }
    }

    fn plain(&self, place: Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        std::iter::once(&*self.newest)
            .chain(self.older.iter())
            .find_map(|key| key.open(place, sealed).ok())
    }

    /// The same secret under the newest key, if it is not already.
    pub(super) fn reseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Again> {
        if self.newest.open(place, sealed).is_ok() {
            return Ok(Again::Newest);
        }
        match self.plain(place, sealed) {
            None => Ok(Again::Unopened),
            Some(plain) => self
                .newest
                .seal(place, &plain)
                .map(Again::Resealed)
                .map_err(|_| no_randomness()),
        }
    }
}

/// What became of a ciphertext that was to be under the newest key.
pub(super) enum Again {
    /// It is.
    Newest,
    /// This one is.
    Resealed(Vec<u8>),
    /// No key opens it.
    Unopened,
}

/// A new store's id, which ties cursors to it.
pub(crate) fn new_store_id() -> Result<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| no_randomness())?;
    Ok(uuid::Builder::from_random_bytes(random)
        .into_uuid()
        .to_string())
}

fn place_of_key(number: &str) -> Place<'_> {
    Place {
        table: "vault_keys",
        row: number,
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
         lost here). If it is lost for good, `postroom vault reset` takes the store into use with \
         another one: the connections' secrets are entered anew and users sign in again, and \
         nothing else is lost"
            .into(),
    )
}
