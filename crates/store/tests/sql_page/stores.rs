//! The two stores, filled, and read by other programs.

use crate::page::{Column, Type};
use crate::sample::Sample;
use postroom_cluster::{Cluster, Database, psql};
use postroom_store::{
    DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use tempfile::TempDir;

/// What stands between two values of a row.
const BETWEEN: &str = "|";
/// What stands for no value.
const NOTHING: &str = "(nothing)";

/// Reads rows, each as a text.
pub(crate) trait Reading {
    fn rows(&self, sql: &str) -> Result<Vec<String>, String>;
}

/// A data folder, with its store open beside the reader.
pub(crate) struct Sqlite {
    folder: TempDir,
    reader: Connection,
    _store: SqliteStore,
}

impl Sqlite {
    pub(crate) async fn filled(sample: &Sample) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteOptions::new(folder.path(), MasterKey::from_bytes([7; 32]));
        let store = SqliteStore::open(options).await.expect("opened");
        sample.fill(&store).await;
        let file = folder.path().join("postroom.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(file, flags).expect("opened");
        Self {
            folder,
            reader,
            _store: store,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn columns(&self, view: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT name FROM pragma_table_info('postroom_{view}')"
        ))
        .expect("read")
    }

    pub(crate) fn views(&self) -> Vec<String> {
        let sql = "SELECT substr(name, 10) FROM sqlite_schema WHERE type = 'view' ORDER BY name";
        self.rows(sql).expect("read")
    }

    /// Every value of a column is what is documented, and text only if it is readable.
    pub(crate) fn assert_type(&self, view: &str, column: &Column) {
        let name = &column.name;
        let wanted = match column.is {
            Type::Text => "text",
            Type::Number => "integer",
            Type::Time => "text",
            Type::YesNo => "integer",
            Type::Bytes => "blob",
        };
        let also = match column.is {
            // What SQLite's own functions make of it again is the same.
            Type::Time => format!(
                "AND length({name}) = 26
                 AND strftime('%Y-%m-%d %H:%M:%S', {name}) = substr({name}, 1, 19)"
            ),
            Type::YesNo => format!("AND {name} IN (0, 1)"),
            _ => String::new(),
        };
        let sql = format!(
            "SELECT {name} FROM postroom_{view}
             WHERE {name} IS NOT NULL AND NOT (typeof({name}) = '{wanted}' {also})"
        );
        assert_eq!(self.rows(&sql).expect("read"), [""; 0], "{view}.{name}");
    }

    /// Rows in words that both stores have.
    pub(crate) fn canonical(&self, view: &str, columns: &[Column]) -> Vec<String> {
        let columns: Vec<_> = columns.iter().map(|it| it.name.as_str()).collect();
        self.rows(&format!(
            "SELECT {} FROM postroom_{view}",
            columns.join(", ")
        ))
        .expect("read")
    }

    pub(crate) fn plan(&self, sql: &str) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        self.rows(&sql).expect("explained").join("\n")
    }
}

impl Reading for Sqlite {
    fn rows(&self, sql: &str) -> Result<Vec<String>, String> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.reader.prepare(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let mut values = Vec::new();
                for column in 0..columns {
                    values.push(match row.get_ref(column)? {
                        ValueRef::Null => NOTHING.to_owned(),
                        ValueRef::Integer(value) => value.to_string(),
                        ValueRef::Real(value) => value.to_string(),
                        ValueRef::Text(value) => readable(value),
                        ValueRef::Blob(value) => format!("{} bytes", value.len()),
                    });
                }
                found.push(values.join(BETWEEN));
            }
            Ok(found)
        };
        read().map_err(|error| error.to_string())
    }
}

/// A text; half a surrogate pair is three bytes in SQLite and one U+FFFD in PostgreSQL.
fn readable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace("\u{fffd}\u{fffd}\u{fffd}", "\u{fffd}")
}

/// A database, read by a member of the readers' group.
pub(crate) struct Postgres {
    database: Database,
    reader: Reader,
    _store: PostgresStore,
}

/// A role that may read; gone when dropped.
pub(crate) struct Reader {
    admin: String,
    name: String,
    pub(crate) url: String,
}

impl Reader {
    pub(crate) fn new(database: &Database) -> Self {
        let name = format!("reports_{}", database.name());
        database
            .sql(&format!(
                "CREATE ROLE {name} LOGIN PASSWORD 'reports' IN ROLE postroom_reader"
            ))
            .expect("made");
        let url = database.url();
        let (_, host) = url.rsplit_once('@').expect("an address with a name");
        Self {
            url: format!("postgres://{name}:reports@{host}"),
            admin: url.clone(),
            name,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The cluster may be gone before.
        let _ = psql(&self.admin, &format!("DROP ROLE {}", self.name));
    }
}

impl Postgres {
    pub(crate) async fn filled(sample: &Sample) -> Self {
        let database = Cluster::shared().create_database();
        let url = DatabaseUrl::parse(&database.url()).expect("an address");
        let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
        let store = PostgresStore::open(options).await.expect("opened");
        sample.fill(&store).await;
        let reader = Reader::new(&database);
        Self {
            database,
            reader,
            _store: store,
        }
    }

    pub(crate) fn columns_with_types(&self, view: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT column_name || '|' || data_type FROM information_schema.columns
             WHERE table_schema = 'postroom' AND table_name = '{view}' ORDER BY ordinal_position"
        ))
        .expect("read")
    }

    pub(crate) fn views(&self) -> Vec<String> {
        let sql = "SELECT table_name FROM information_schema.tables
            WHERE table_schema = 'postroom' ORDER BY table_name COLLATE \"C\"";
        self.rows(sql).expect("read")
    }

    /// Rows in words that both stores have.
    pub(crate) fn canonical(&self, view: &str, columns: &[Column]) -> Vec<String> {
        let columns: Vec<_> = columns
            .iter()
            .map(|Column { name, is }| {
                let text = match is {
                    Type::Time => {
                        format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
                    }
                    Type::YesNo => format!("{name}::int::text"),
                    Type::Bytes => format!("octet_length({name})::text"),
                    Type::Number | Type::Text => format!("{name}::text"),
                };
                format!("coalesce({text}, '{NOTHING}')")
            })
            .collect();
        let row = columns.join(&format!(" || '{BETWEEN}' || "));
        self.rows(&format!("SELECT {row} FROM postroom.{view}"))
            .expect("read")
    }

    /// The plan of a database that is large: a table is read from end to end only if it has to be.
    pub(crate) fn plan(&self, sql: &str) -> String {
        let sql = format!("SET enable_seqscan = off; EXPLAIN {sql}");
        self.database.sql(&sql).expect("explained")
    }
}

impl Reading for Postgres {
    fn rows(&self, sql: &str) -> Result<Vec<String>, String> {
        psql(&self.reader.url, sql)
            .map(|text| text.lines().map(str::to_owned).collect())
            .map_err(|error| error.to_string())
    }
}
