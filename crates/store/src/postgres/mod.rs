//! The store in a PostgreSQL database, 15 or later, for those who want to share it, back it up or
//! query it as they do their other databases.
//!
//! ```text
//! schema postroom_data   the tables, named as in the SQLite store
//! schema postroom        views, for those who read by SQL
//! blobs/                 large contents by their hash, where they are wanted as files
//! ```
//!
//! Every method is a unit of work that can be run again (`server.rs`); what is written meanwhile by
//! other processes is ordered by locks that are always taken in this order: a mailbox's row in
//! `mailbox_numbers`, rows of its mirror, contents by their hash, and last the row of `feed`.

mod accounts;
mod alerts;
mod audit;
mod blobs;
mod calls;
mod changes;
mod conditions;
mod connections;
mod connector;
mod contents;
mod cursors;
mod errors;
mod folders;
mod idempotency;
mod intake;
mod keys;
mod list_messages;
mod lock;
mod logins;
mod mailboxes;
mod messages;
mod migrations;
mod numbers;
mod opening;
mod outbox;
mod patience;
mod people;
mod persons;
#[cfg(feature = "suite")]
#[doc(hidden)]
pub mod plans;
mod reader_role;
mod server;
mod sessions;
mod settings;
mod tables;
mod tls;
mod url;
mod values;
mod vault;

pub use reader_role::{READER_ROLE, ReaderRole, reader_script};
pub use url::DatabaseUrl;

use crate::blob_files::BlobFiles;
use crate::contract::{Description, Result, Store, StoreError};
use crate::role::Role;
use crate::seal::{MasterKey, Vault, VaultReset};
use crate::version::Version;
use async_trait::async_trait;
use connector::Connector;
use futures::FutureExt as _;
use lock::{EngineLock, Listener};
use patience::Patience;
use server::{PatienceFor, Server};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// Where large contents lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobPlace {
    /// In the database, like everything else: one thing to back up.
    Database,
    /// As files in this folder, which every process that opens the store has to reach.
    Folder(PathBuf),
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Opens the secrets in it.
    pub master_key: MasterKey,
    /// What for.
    pub role: Role,
    /// What to do when the master key is not the one that the store was made with: `None` refuses
    /// to open it; otherwise see [`VaultReset`].
    pub reset_vault: Option<VaultReset>,
    /// Where large contents lie.
    pub blobs: BlobPlace,
    /// The most connections that work at once; one or two more hold the lock and listen.
    pub connections: usize,
    /// Authorities to trust besides the system's, PEM; the address's `sslrootcert` stands in place
    /// of both.
    pub ca_file: Option<PathBuf>,
    /// How long a read waits for a server that is away.
    pub read_patience: Duration,
    /// How long a write waits, and opening.
    pub write_patience: Duration,
}

impl PostgresOptions {
    /// Opens the database as an engine, with contents in it.
    pub fn new(url: DatabaseUrl, master_key: MasterKey) -> Self {
        Self {
            url,
            master_key,
            role: Role::Engine,
            reset_vault: None,
            blobs: BlobPlace::Database,
            connections: 8,
            ca_file: None,
            read_patience: Duration::from_secs(5),
            write_patience: Duration::from_secs(10),
        }
    }

    /// With this role.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// With contents there.
    pub fn blobs(mut self, blobs: BlobPlace) -> Self {
        self.blobs = blobs;
        self
    }
}

/// A store in a PostgreSQL database. Dropped, it lets go of it.
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    server: Server,
    connector: Connector,
    place: String,
    version: String,
    id: String,
    vault: Vault,
    files: Option<BlobFiles>,
    role: Role,
    feed: watch::Receiver<u64>,
    feed_sender: watch::Sender<u64>,
    listener: OnceLock<Listener>,
    reader_role: ReaderRole,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresStore").field(&self.0.place).finish()
    }
}

impl PostgresStore {
    /// Opens a database: sees that it is fit, locks it (as an engine), makes the tables or brings
    /// them up to date, and tries the master key.
    ///
    /// Fails with `Locked` when another engine has it, `Newer` when a newer version wrote it,
    /// `MasterKey` when it was made with another one, `Unusable` or `ReadOnly` when it will not do
    /// as it is, `Unavailable` when it cannot be reached.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        let mut patience = Patience::new(options.write_patience);
        loop {
            match open(&options).await {
                // A server that is just starting is waited for.
                Err(StoreError::Unavailable { place, reason }) => {
                    if patience.once_more().await {
                        continue;
                    }
                    return Err(StoreError::Unavailable { place, reason });
                }
                opened => return opened,
            }
        }
    }

    /// Whether readers by SQL can be let in, as it was when the store was opened.
    pub fn reader_role(&self) -> ReaderRole {
        self.0.reader_role
    }

    /// Whether a database holds a store of Postroom's. Nothing is made or changed.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`], where the database cannot be reached or used.
    pub async fn is_made(url: &DatabaseUrl, ca_file: Option<&std::path::Path>) -> Result<bool> {
        let place = url.to_string();
        let connector = Connector::new(url, ca_file)?;
        let (client, task) = connector
            .connect_with(|_| {})
            .await
            .map_err(|error| server::opening(&error, &place))?;
        let made = opening::is_ours(&client, &place).await;
        drop(client);
        task.abort();
        made
    }

    fn server(&self) -> &Server {
        &self.0.server
    }
}

async fn open(options: &PostgresOptions) -> Result<PostgresStore> {
    let place = options.url.to_string();
    let connector = Connector::new(&options.url, options.ca_file.as_deref())?;
    let (mut client, task) = connector
        .connect_with(|_| {})
        .await
        .map_err(|error| server::opening(&error, &place))?;
    let about = opening::examine(&client, &place).await?;
    if about.is_ours {
        migrations::version(&client, &place).await?;
    }
    let (feed_sender, feed) = watch::channel(0);
    let version = Version::default();
    let lock = match options.role {
        Role::Engine => Some(EngineLock::take(&connector, &place, &feed_sender, &version).await?),
        Role::Beside => None,
    };
    migrations::migrate(&client, options.role, &place).await?;
    let files = match &options.blobs {
        BlobPlace::Database => None,
        BlobPlace::Folder(folder) => {
            let (folder, clear) = (folder.clone(), options.role == Role::Engine);
            let open = move || BlobFiles::open(folder, clear);
            let opened = tokio::task::spawn_blocking(open).await;
            Some(opened.unwrap_or(Err(StoreError::Closed))?)
        }
    };
    let (vault, id) = opening::prepare(
        &mut client,
        &options.master_key,
        options.reset_vault,
        &place,
    )
    .await?;
    let reader_role = reader_role::ensure(&client, &place).await?;
    if reader_role == ReaderRole::Missing {
        tracing::info!(
            "there is no role for readers by SQL, and this one may not make it: `postroom store \
             reader-script` prints what an administrator runs"
        );
    }
    if let Some(lock) = &lock {
        let keys = vault::keys_of(&client).await;
        lock.knows(&keys.map_err(|error| server::opening(&error, &place))?);
    }
    drop(client);
    task.abort();
    if let Some(files) = files.clone() {
        let id = id.clone();
        let claimed = tokio::task::spawn_blocking(move || files.claim(&id)).await;
        claimed.unwrap_or(Err(StoreError::Closed))?;
    }
    let patience = PatienceFor {
        reads: options.read_patience,
        writes: options.write_patience,
    };
    let server = Server::new(
        &connector,
        place.clone(),
        options.connections,
        patience,
        lock,
        feed_sender.clone(),
        version,
    )?;
    Ok(PostgresStore(Arc::new(Inner {
        server,
        connector,
        place,
        version: about.version,
        id,
        vault,
        files,
        role: options.role,
        feed,
        feed_sender,
        listener: OnceLock::new(),
        reader_role,
    })))
}

#[async_trait]
impl Store for PostgresStore {
    async fn describe(&self) -> Result<Description> {
        let bytes = self
            .server()
            .read("describing the store", |session| {
                async move {
                    let size = "SELECT pg_database_size(current_database())";
                    Ok(Some(session.row(size, &[]).await?.try_get::<_, i64>(0)?))
                }
                .boxed()
            })
            .await?;
        Ok(Description {
            kind: format!("PostgreSQL {}", self.0.version),
            place: self.0.place.clone(),
            schema: migrations::newest(),
            bytes: bytes.map(values::count),
        })
    }

    fn version(&self) -> u64 {
        self.0.server.version()
    }

    /// Nothing tells this without asking the server, and then it can be asked for the thing itself.
    fn commits(&self) -> Option<u64> {
        None
    }

    async fn check(&self) -> Result<()> {
        let doing = "checking the store";
        let written: i64 = self
            .server()
            .write(doing, |tx| {
                async move {
                    let count = "UPDATE store SET checks = checks + 1 RETURNING checks";
                    Ok(tx.row(count, &[]).await?.try_get(0)?)
                }
                .boxed()
            })
            .await?;
        let read: i64 = self
            .server()
            .read(doing, |session| {
                async move {
                    Ok(session
                        .row("SELECT checks FROM store", &[])
                        .await?
                        .try_get(0)?)
                }
                .boxed()
            })
            .await?;
        if read < written {
            return Err(StoreError::Database {
                doing: doing.into(),
                reason: "what was written cannot be read: is the address a pooler's that reads \
                         from a standby?"
                    .into(),
            });
        }
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.0.server.close().await;
        Ok(())
    }
}
