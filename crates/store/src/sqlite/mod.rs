//! The store in a data folder: one SQLite database, and files for large contents.
//!
//! ```text
//! postroom.db        the database, in WAL mode, with -wal and -shm beside it
//! postroom.lock      held by the engine that has the folder
//! blobs/ab/cdef…     large contents by their hash
//! blobs/temporary/   contents that are being written
//! ```

mod accounts;
mod alerts;
mod audit;
mod blobs;
mod calls;
mod changes;
mod checkpoint;
mod commits;
mod connection;
mod connections;
mod contains;
mod cursors;
mod errors;
mod folders;
mod idempotency;
mod keys;
mod list_messages;
mod lock;
mod logins;
mod mailboxes;
mod messages;
mod migrations;
mod numbers;
mod outbox;
mod people;
mod persons;
mod readers;
mod sessions;
mod settings;
mod tables;
mod upsert;
mod values;
mod vault;
mod writer;

use crate::blob_files::BlobFiles;
use crate::contract::{Description, Result, Store, StoreError};
use crate::file_error::from_io;
use crate::private;
pub use crate::role::Role;
use crate::seal::{MasterKey, Vault, VaultReset};
use async_trait::async_trait;
use checkpoint::Checkpoints;
use commits::Commits;
use errors::{Answer, from_sqlite};
use lock::FolderLock;
use readers::Readers;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use writer::{Tx, Writer};

/// The database's file name.
const DATABASE: &str = "postroom.db";

/// How to open a data folder.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The data folder; made if it is not there.
    pub folder: PathBuf,
    /// Opens the secrets in it.
    pub master_key: MasterKey,
    /// What for.
    pub role: Role,
    /// What to do when the master key is not the one that the store was made with: `None` refuses
    /// to open it; otherwise see [`VaultReset`].
    pub reset_vault: Option<VaultReset>,
    /// The most pages (of 4 KiB) that the database may grow to; `None`: as the disk allows. Fills
    /// a "disk" in tests.
    pub max_pages: Option<u32>,
    /// The most connections that read at once.
    pub readers: usize,
}

impl SqliteOptions {
    /// Opens `folder` as an engine, without a limit.
    pub fn new(folder: impl Into<PathBuf>, master_key: MasterKey) -> Self {
        Self {
            folder: folder.into(),
            master_key,
            role: Role::Engine,
            reset_vault: None,
            max_pages: None,
            readers: 8,
        }
    }

    /// With this role.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }
}

/// A store in a data folder. Dropped, it does what is queued and lets go of the folder.
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    place: String,
    id: String,
    writer: Writer,
    readers: Readers,
    commits: Commits,
    vault: Vault,
    files: BlobFiles,
    feed: watch::Receiver<u64>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqliteStore").field(&self.0.folder).finish()
    }
}

impl SqliteStore {
    /// Opens a data folder: makes it if need be, locks it (as an engine), brings the schema up to
    /// date and tries the master key.
    ///
    /// Fails with `Locked` when another engine has it, `Newer` when a newer version wrote it,
    /// `MasterKey` when it was made with another one, `ReadOnly` or `Io` when the folder cannot be
    /// used.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        tokio::task::spawn_blocking(move || open(options))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Tx<'_>) -> Answer<T> + Send + 'static,
    ) -> Result<T> {
        self.0.writer.write(doing, work).await
    }

    fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&rusqlite::Connection) -> Answer<T>,
    ) -> Result<T> {
        self.0.readers.read(doing, work)
    }

    fn vault(&self) -> Vault {
        self.0.vault.clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.close();
        self.commits.close();
        self.writer.close();
    }
}

fn open(options: SqliteOptions) -> Result<SqliteStore> {
    let SqliteOptions {
        folder,
        master_key,
        role,
        reset_vault,
        max_pages,
        readers,
    } = options;
    prepare_folder(&folder)?;
    let mut lock = match role {
        Role::Engine => Some(FolderLock::take(&folder)?),
        Role::Beside => None,
    };
    let path = folder.join(DATABASE);
    let place = path.display().to_string();
    prepare_file(&path)?;
    let mut connection = connection::writer(&path, max_pages)
        .map_err(|error| from_sqlite(&error, "opening the database", &place))?;
    if migrations::version(&connection, &place)? < migrations::newest() && lock.is_none() {
        // A schema is changed by whoever has the folder to itself, if only for this moment.
        lock = Some(FolderLock::take(&folder)?);
    }
    migrations::migrate(&mut connection, &place)?;
    let (vault, id) = vault::prepare_in(&mut connection, &master_key, reset_vault, &place)?;
    let files = BlobFiles::open(folder.join("blobs"), role == Role::Engine)?;
    if role == Role::Beside {
        lock = None;
    }
    let (feed_sender, feed) = watch::channel(0);
    let writer = {
        // Who only has something small to write leaves no log behind that is worth moving.
        let checkpoints = (role == Role::Engine).then(|| Checkpoints::start(&path));
        Writer::start(connection, place.clone(), feed_sender, checkpoints, lock)?
    };
    Ok(SqliteStore(Arc::new(Inner {
        commits: Commits::new(path.clone()),
        readers: Readers::new(path, place.clone(), readers),
        folder,
        place,
        id,
        writer,
        vault,
        files,
        feed,
    })))
}

fn prepare_folder(folder: &Path) -> Result<()> {
    let failed = |source| from_io("making the data folder", folder, source);
    private::create_folder(folder).map_err(failed)?;
    if let Some(mode) = private::open_to_others(folder).map_err(failed)? {
        tracing::warn!(
            folder = %folder.display(),
            mode = %format_args!("{mode:o}"),
            "the data folder is open to others: run chmod 700 on it"
        );
    }
    Ok(())
}

/// Makes the database's file before SQLite does, for SQLite gives its log the same mode.
fn prepare_file(path: &Path) -> Result<()> {
    private::file_options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map(drop)
        .map_err(|source| from_io("opening", path, source))
}

#[async_trait]
impl Store for SqliteStore {
    async fn describe(&self) -> Result<Description> {
        self.read("describing the store", |connection| {
            let (pages, size): (i64, i64) = connection.query_row(
                "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(Description {
                kind: format!("SQLite {}", rusqlite::version()),
                place: std::path::absolute(&self.0.folder)
                    .unwrap_or_else(|_| self.0.folder.clone())
                    .display()
                    .to_string(),
                schema: migrations::version(connection, &self.0.place)?,
                bytes: Some(values::count(pages.saturating_mul(size))),
            })
        })
    }

    fn version(&self) -> u64 {
        self.0.writer.version()
    }

    fn commits(&self) -> Option<u64> {
        self.0.commits.number()
    }

    async fn check(&self) -> Result<()> {
        let written: i64 = self
            .write("checking the store", |tx| {
                Ok(tx.query_row(
                    "UPDATE store SET checks = checks + 1 RETURNING checks",
                    [],
                    |row| row.get(0),
                )?)
            })
            .await?;
        let read: i64 = self.read("checking the store", |connection| {
            Ok(connection.query_row("SELECT checks FROM store", [], |row| row.get(0))?)
        })?;
        if read < written {
            return Err(StoreError::Database {
                doing: "checking the store".into(),
                reason: "what was written cannot be read".into(),
            });
        }
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.0.readers.close();
        self.0.commits.close();
        let inner = Arc::clone(&self.0);
        // Waits for the writer's last commit.
        tokio::task::spawn_blocking(move || inner.writer.close())
            .await
            .map_err(|_| StoreError::Closed)
    }
}
