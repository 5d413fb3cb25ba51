//! Places for stores, and what lies in them, looked at from outside.

use postroom_cluster::{Cluster, Database};
use postroom_store::{
    BlobPlace, DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore,
    Store, StoreError,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where a store is.
pub(crate) enum Place {
    /// SQLite.
    Folder(TempDir),
    /// PostgreSQL, contents included.
    Database(Database),
    /// PostgreSQL, large contents beside it.
    WithFiles(Database, TempDir),
}

/// A table's rows as texts, in an order that has nothing to do with the store's.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// Columns that one kind of store makes for itself.
const HASHES: [&str; 3] = ["id_hash", "conversation_hash", "message_id_hash"];

/// A store in a folder.
pub(crate) fn folder() -> Place {
    Place::Folder(tempfile::tempdir().expect("a folder"))
}

/// A store in a database.
pub(crate) fn database() -> Place {
    Place::Database(Cluster::shared().create_database())
}

/// A store in a database, with a folder of large contents.
pub(crate) fn with_files() -> Place {
    let files = tempfile::tempdir().expect("a folder");
    Place::WithFiles(Cluster::shared().create_database(), files)
}

/// What two stores of one installation have in common.
pub(crate) fn dump(place: &Place) -> BTreeMap<String, Rows> {
    let columns = columns();
    let mut tables = match place {
        Place::Folder(folder) => sqlite_rows(folder.path(), columns),
        Place::Database(database) | Place::WithFiles(database, _) => {
            postgres_rows(database, columns)
        }
    };
    for rows in tables.values_mut() {
        rows.sort();
    }
    // What a copy notes about itself.
    if let Some(settings) = tables.get_mut("settings") {
        settings.retain(|row| !row[0].as_deref().is_some_and(|it| it.starts_with("store.")));
    }
    tables
}

/// Every table and its columns, as a new SQLite store has them: nobody can forget one.
pub(crate) fn columns() -> &'static BTreeMap<String, Vec<(String, bool)>> {
    static COLUMNS: OnceLock<BTreeMap<String, Vec<(String, bool)>>> = OnceLock::new();
    COLUMNS.get_or_init(read_columns)
}

fn read_columns() -> BTreeMap<String, Vec<(String, bool)>> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteOptions::new(folder.path(), MasterKey::from_bytes([7; 32]));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            drop(
                runtime
                    .block_on(SqliteStore::open(options))
                    .expect("opened"),
            );
        });
    });
    let connection = sqlite(folder.path());
    let mut list = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .expect("prepared");
    let names: Vec<String> = list
        .query_map([], |row| row.get(0))
        .expect("listed")
        .map(|name| name.expect("read"))
        .filter(|name| name != "store")
        .collect();
    let of = |name: &str| {
        let mut info = connection
            .prepare("SELECT name, \"notnull\" = 0 AND pk = 0 FROM pragma_table_info(?1)")
            .expect("prepared");
        info.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("listed")
            .map(|column| column.expect("read"))
            .filter(|(column, _): &(String, bool)| {
                !HASHES.contains(&column.as_str()) && (name != "blobs" || column != "content")
            })
            .collect()
    };
    names.iter().map(|name| (name.clone(), of(name))).collect()
}

fn sqlite(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("postroom.db")).expect("opened")
}

fn sqlite_rows(
    folder: &Path,
    tables: &BTreeMap<String, Vec<(String, bool)>>,
) -> BTreeMap<String, Rows> {
    use rusqlite::types::ValueRef;
    let connection = sqlite(folder);
    let rows = |table: &str, columns: &[(String, bool)]| -> Rows {
        let names: Vec<_> = columns.iter().map(|it| format!("\"{}\"", it.0)).collect();
        let all = format!("SELECT {} FROM {table}", names.join(", "));
        let mut statement = connection.prepare(&all).expect("prepared");
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Some(bytes.iter().map(|it| format!("{it:02x}")).collect()),
            ValueRef::Real(_) => panic!("a fraction in {table}"),
        };
        statement
            .query_map([], |row| {
                (0..names.len())
                    .map(|at| row.get_ref(at).map(text))
                    .collect()
            })
            .expect("read")
            .map(|row| row.expect("read"))
            .collect()
    };
    tables
        .iter()
        .map(|(table, columns)| (table.clone(), rows(table, columns)))
        .collect()
}

fn postgres_rows(
    database: &Database,
    tables: &BTreeMap<String, Vec<(String, bool)>>,
) -> BTreeMap<String, Rows> {
    let types = database
        .sql(
            "SELECT table_name || ' ' || column_name || ' ' || data_type
               FROM information_schema.columns WHERE table_schema = 'postroom_data'",
        )
        .expect("listed");
    let kinds: BTreeMap<(&str, &str), &str> = types
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some(((words.next()?, words.next()?), words.next()?))
        })
        .collect();
    let select = |table: &str, columns: &[(String, bool)]| {
        let texts: Vec<_> = columns
            .iter()
            .map(|(name, _)| match kinds[&(table, name.as_str())] {
                "boolean" => format!("{name}::int::text"),
                "bytea" => format!("encode({name}, 'hex')"),
                kind if kind.starts_with("timestamp") => {
                    format!("(extract(epoch FROM {name}) * 1000000)::bigint::text")
                }
                _ => format!("{name}::text"),
            })
            .collect();
        format!(
            "SELECT json_build_array('{table}', {}) FROM postroom_data.{table}",
            texts.join(", ")
        )
    };
    let all: Vec<_> = tables
        .iter()
        .map(|(table, columns)| select(table, columns))
        .collect();
    let mut rows: BTreeMap<String, Rows> = tables
        .keys()
        .map(|table| (table.clone(), Rows::new()))
        .collect();
    for line in database
        .sql(&all.join(" UNION ALL "))
        .expect("read")
        .lines()
    {
        let mut row: Vec<Option<String>> = serde_json::from_str(line).expect("JSON");
        let table = row.remove(0).expect("a name");
        rows.get_mut(&table).expect("known").push(row);
    }
    rows
}

impl Place {
    /// Opens the store.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        self.open_with(7).await.expect("opened")
    }

    /// Opens it with the master key of this number.
    pub(crate) async fn open_with(&self, key: u8) -> Result<Arc<dyn Store>, StoreError> {
        let key = MasterKey::from_bytes([key; 32]);
        let of = |database: &Database| {
            let url = DatabaseUrl::parse(&database.url()).expect("an address");
            PostgresOptions::new(url, key.clone())
        };
        Ok(match self {
            Self::Folder(folder) => {
                let options = SqliteOptions::new(folder.path(), key);
                Arc::new(unlocked(options).await?)
            }
            Self::Database(database) => Arc::new(PostgresStore::open(of(database)).await?),
            Self::WithFiles(database, files) => {
                let blobs = BlobPlace::Folder(files.path().to_owned());
                Arc::new(PostgresStore::open(of(database).blobs(blobs)).await?)
            }
        })
    }

    /// Runs SQL past the store, without regard to references.
    pub(crate) fn sql(&self, sql: &str) {
        match self {
            Self::Folder(folder) => sqlite(folder.path())
                .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
                .expect("run"),
            Self::Database(database) | Self::WithFiles(database, _) => {
                let sql = format!(
                    "SET session_replication_role = replica; SET search_path = postroom_data; {sql}"
                );
                database.sql(&sql).expect("run");
            }
        }
    }

    /// The files of large contents.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        match self {
            Self::Folder(folder) => list(&folder.path().join("blobs"), &mut found),
            Self::Database(_) => {}
            Self::WithFiles(_, files) => list(files.path(), &mut found),
        }
        // Whose folder it is, is no content.
        found.retain(|path| !path.ends_with("store"));
        found.sort();
        found
    }

    /// Whether it is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        !matches!(self, Self::Folder(_))
    }
}

/// Opens a data folder. A program that another test starts has, for a moment, every file of this
/// process, locks included: that moment is waited for.
async fn unlocked(options: SqliteOptions) -> Result<SqliteStore, StoreError> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match SqliteStore::open(options.clone()).await {
            Err(StoreError::Locked { .. }) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened => return opened,
        }
    }
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            list(&path, found);
        } else {
            found.push(path);
        }
    }
}
