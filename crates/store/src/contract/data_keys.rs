//! The data keys that secrets are encrypted with, and the ciphertexts as they lie: what a rotation
//! ([`crate::seal::rotate`]) is made of. Everybody else sees secrets only.

use super::Result;
use super::tables::{Table, Value};
use async_trait::async_trait;
use std::fmt;

/// A data key as it is kept: encrypted with the master key.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Its number, which it is bound to. A store has number 1; during a rotation number 2, too.
    pub number: i64,
    /// The encrypted key.
    pub wrapped: Vec<u8>,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({})", self.number)
    }
}

/// A ciphertext that takes another one's place.
#[derive(Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The row's key.
    pub key: Vec<Value>,
    /// The column.
    pub column: &'static str,
    /// What lies there.
    pub from: Vec<u8>,
    /// What is to lie there.
    pub to: Vec<u8>,
}

impl fmt::Debug for Resealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resealed({})", self.column)
    }
}

/// The data keys and the ciphertexts.
#[async_trait]
pub trait DataKeys {
    /// The data keys, the oldest first. Two of them: a rotation is not finished, and what is
    /// written is encrypted with the newer one.
    async fn data_keys(&self) -> Result<Vec<WrappedKey>>;
    /// Puts keys in the place of all that are there. `Ok(false)`, with nothing changed, when those
    /// are not `there` any more. An open store goes on with the keys that it was opened with: it
    /// has to be opened anew.
    async fn replace_data_keys(&self, there: &[WrappedKey], by: &[WrappedKey]) -> Result<bool>;
    /// Puts ciphertexts of a table in the place of others, those that still lie there. Gives how
    /// many were.
    async fn reseal(&self, table: &'static Table, what: Vec<Resealed>) -> Result<u64>;
}
