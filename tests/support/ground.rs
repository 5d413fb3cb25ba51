//! Where a test's data are: the journeys run on both kinds of store, the same ones.

use crate::secrets;
use anyhow::{Context, Result, bail};
use postroom_cluster::{Cluster, Database, psql_lines};
use postroom_store::{
    BlobPlace, DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore,
    Store,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The variable by which `scripts/test` says which store a run is for.
const VARIABLE: &str = "POSTROOM_TEST_STORE";

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite in a data folder.
    Sqlite,
    /// A PostgreSQL database.
    Postgres,
}

impl Kind {
    /// The one that this run is for.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's tool: there is nobody to hand the environment in"
    )]
    pub fn of_this_run() -> Result<Self> {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("" | "sqlite") => Ok(Self::Sqlite),
            Ok("postgres") => Ok(Self::Postgres),
            Ok(other) => bail!("{VARIABLE} is {other:?}: sqlite or postgres"),
        }
    }
}

/// Data of one test; gone when dropped.
#[derive(Debug)]
pub struct Ground {
    // Dropped before the folder.
    database: Option<Held>,
    folder: TempDir,
}

#[derive(Debug)]
enum Held {
    Own(Database),
    /// In a cluster that the test itself stops and starts.
    Elsewhere(String),
}

impl Ground {
    /// On the store that this run is for.
    pub fn new() -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            database: match Kind::of_this_run()? {
                Kind::Sqlite => None,
                Kind::Postgres => Some(Held::Own(Cluster::shared().create_database())),
            },
        })
    }

    /// In a PostgreSQL database of the test's own making.
    pub fn at(url: &str) -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            database: Some(Held::Elsewhere(url.to_owned())),
        })
    }

    /// The folder: of the data, or of large contents beside a database.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The database's address, if it is one.
    pub fn database_url(&self) -> Option<String> {
        self.database.as_ref().map(|held| match held {
            Held::Own(database) => database.url(),
            Held::Elsewhere(url) => url.clone(),
        })
    }

    /// Opens the store as an engine, or as SQLite allows with at most so many pages.
    pub async fn open(&self, key: MasterKey, max_pages: Option<u32>) -> Result<Arc<dyn Store>> {
        match self.database_url() {
            None => {
                let mut options = SqliteOptions::new(self.folder(), key);
                options.max_pages = max_pages;
                Ok(Arc::new(SqliteStore::open(options).await?))
            }
            Some(url) => {
                let options = PostgresOptions::new(DatabaseUrl::parse(&url)?, key)
                    .blobs(BlobPlace::Folder(self.folder().join("blobs")));
                Ok(Arc::new(PostgresStore::open(options).await?))
            }
        }
    }

    /// Takes everything away, as a lost disk does. A database is gone, and has to be made again.
    pub fn clear(&self) -> Result<()> {
        if self.folder().exists() {
            std::fs::remove_dir_all(self.folder())?;
        }
        if let Some(Held::Own(database)) = &self.database {
            postroom_cluster::psql(
                Cluster::shared().url(),
                &format!("DROP DATABASE {} WITH (FORCE)", database.name()),
            )?;
        }
        Ok(())
    }

    /// Where one of these texts lies open: files, and tables of the database.
    pub fn secrets_in(&self, texts: &[String]) -> Result<Vec<String>> {
        let mut found = secrets::found_in(self.folder.path(), texts)?;
        let Some(url) = self.database_url() else {
            return Ok(found);
        };
        let tables = psql_lines(
            &url,
            "SELECT schemaname || '.' || tablename FROM pg_tables
             WHERE schemaname LIKE 'postroom%' ORDER BY 1",
        )?;
        for table in tables {
            let bytes = rows_of(&url, &table)?;
            for text in texts {
                if secrets::contains(&bytes, text.as_bytes()) {
                    found.push(format!("{table} has a secret"));
                }
            }
        }
        Ok(found)
    }
}

/// A table's rows as PostgreSQL has them.
fn rows_of(url: &str, table: &str) -> Result<Vec<u8>> {
    let output = std::process::Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--command"])
        .arg(format!("COPY {table} TO STDOUT (FORMAT binary)"))
        .arg(url)
        .output()
        .context("running psql")?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

impl AsRef<Path> for Ground {
    fn as_ref(&self) -> &Path {
        self.folder.path()
    }
}
