//! Where an installation's data are: a data folder, or a PostgreSQL database.

use crate::folder;
use postroom_store::seal::VaultReset;
use postroom_store::{BlobPlace, DatabaseUrl, PostgresOptions, SqliteOptions};
use postroom_store::{MasterKey, PostgresStore, Role, SqliteStore, Store, StoreError};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the store is.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// SQLite in a data folder.
    Folder(PathBuf),
    /// A PostgreSQL database.
    Database {
        /// Its address; never shows the password.
        url: Box<DatabaseUrl>,
        /// Where large contents lie.
        blobs: BlobPlace,
    },
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the data folder {}", folder.display()),
            Self::Database { url, .. } => write!(f, "the database {url}"),
        }
    }
}

impl StorePlace {
    /// Reads what a person writes for a place: a `postgres://` address or a folder.
    pub(crate) fn parse(text: &str, blob_folder: Option<&Path>) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Database {
                url: Box::new(DatabaseUrl::parse(text)?),
                blobs: blob_folder.map_or(BlobPlace::Database, |folder| {
                    BlobPlace::Folder(folder.to_owned())
                }),
            });
        }
        if text.contains("://") {
            return Err(StoreError::Unusable {
                place: "this address".into(),
                reason: "a database's begins with postgres://, and anything else is a folder"
                    .into(),
            });
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }

    /// The data folder, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Database { .. } => None,
        }
    }

    /// By what a master key that was made for this place is found again. Neither a password nor a
    /// way of connecting is part of it.
    pub(crate) fn name(&self) -> Vec<u8> {
        match self {
            Self::Folder(folder) => std::fs::canonicalize(folder)
                .or_else(|_| std::path::absolute(folder))
                .unwrap_or_else(|_| folder.clone())
                .as_os_str()
                .as_encoded_bytes()
                .to_vec(),
            Self::Database { url, .. } => url.to_string().into_bytes(),
        }
    }

    /// Whether a store was made here, as far as that can be seen without opening it.
    pub(crate) fn is_made(&self) -> bool {
        self.folder().is_some_and(folder::has_database)
    }

    /// Whether there is a store here. Nothing is made or changed.
    pub(crate) async fn has_store(&self, ca_file: Option<&Path>) -> Result<bool, StoreError> {
        match self {
            Self::Folder(folder) => Ok(folder::has_database(folder)),
            Self::Database { url, .. } => PostgresStore::is_made(url, ca_file).await,
        }
    }

    /// Opens the store.
    pub(crate) async fn open(
        &self,
        key: MasterKey,
        role: Role,
        ca_file: Option<&Path>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        self.open_or_reset(key, role, ca_file, None).await
    }

    /// Opens the store; with `reset`, and with another master key than it was made with, after its
    /// vault was reset.
    pub(crate) async fn open_or_reset(
        &self,
        key: MasterKey,
        role: Role,
        ca_file: Option<&Path>,
        reset: Option<VaultReset>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Folder(folder) => {
                let mut options = SqliteOptions::new(folder, key).role(role);
                options.reset_vault = reset;
                Arc::new(SqliteStore::open(options).await?)
            }
            Self::Database { url, blobs } => {
                let mut options = PostgresOptions::new((**url).clone(), key)
                    .role(role)
                    .blobs(blobs.clone());
                options.ca_file = ca_file.map(Path::to_owned);
                options.reset_vault = reset;
                Arc::new(PostgresStore::open(options).await?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_never_taken_for_a_folder() {
        let place = StorePlace::parse("postgres://u:word@h/d", None).unwrap();
        assert!(place.folder().is_none());
        assert!(!place.to_string().contains("word"), "{place}");
        let folder = StorePlace::parse("data/postgres", None).unwrap();
        assert_eq!(folder.folder(), Some(Path::new("data/postgres")));
        for odd in ["Postgres://u:word@h/d", "postgre://u:word@h/d", "file:///x"] {
            let error = StorePlace::parse(odd, None).unwrap_err().to_string();
            assert!(!error.contains("word"), "{error}");
        }
    }
}
