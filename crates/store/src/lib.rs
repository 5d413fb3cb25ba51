//! Postroom's store.
//!
//! [`contract`] says what a store does, a file for each subject; [`sqlite`] does it in a data
//! folder, [`postgres`] in a PostgreSQL database; [`seal`] encrypts what must not be read there. Methods are units of work: what belongs
//! together commits together, a cursor with what it covers. "Not there" is `Ok(None)`.

mod blob_files;
mod blocking;
mod change_cursor;
pub mod contract;
mod credential_detail;
mod file_error;
mod folder_tree;
pub mod postgres;
mod private;
mod role;
pub mod seal;
pub mod sqlite;
#[cfg(feature = "suite")]
pub mod suite;
mod text;
pub mod transfer;

pub use contract::{Store, StoreError};
pub use postgres::{BlobPlace, DatabaseUrl, PostgresOptions, PostgresStore};
pub use role::Role;
pub use seal::MasterKey;
pub use sqlite::{SqliteOptions, SqliteStore};
