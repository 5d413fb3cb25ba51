//! Postroom's store.
//!
//! [`contract`] says what a store does, a file for each subject; [`sqlite`] does it in a data
//! folder; [`seal`] encrypts what must not be read there. Methods are units of work: what belongs
//! together commits together, a cursor with what it covers. "Not there" is `Ok(None)`.

pub mod contract;
mod private;
pub mod seal;
pub mod sqlite;
#[cfg(feature = "suite")]
pub mod suite;
pub mod transfer;

pub use contract::{Store, StoreError};
pub use seal::MasterKey;
pub use sqlite::{Role, SqliteOptions, SqliteStore};
