//! How a connection to the database is set up.

use super::contains;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a write waits for another process (`key create` beside a server) to end its own.
const BUSY: Duration = Duration::from_secs(20);

/// More than there are statements, so that none is prepared twice.
const STATEMENTS: usize = 256;

/// Opens the writer's connection.
pub(super) fn writer(path: &Path, max_pages: Option<u32>) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // "Accepted means safe" survives a power cut only with FULL.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    // The log is moved beside the writer (see `checkpoint`). At this size the writer does what is
    // left of that, after which the log begins anew.
    connection.pragma_update(None, "wal_autocheckpoint", 32_000)?;
    // A log that begins anew is short again: its length tells when there is something to move.
    connection.pragma_update(None, "journal_size_limit", 0)?;
    if let Some(pages) = max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(connection)
}

/// Opens the connection that moves the log.
pub(super) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -1024)?;
    Ok(connection)
}

/// Opens a reader's connection.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    // Not opened read-only: a reader of a database in WAL mode must be able to write its index.
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    contains::register(&connection)?;
    Ok(connection)
}
