//! From SQLite's errors to the store's, in words that say what to do and hold no values.

use crate::contract::StoreError;
use rusqlite::ErrorCode;

/// What a piece of work inside the database fails with, before it is known what was being done.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// Something that has its own words already.
    Store(StoreError),
    /// A row that this program would not have written.
    Broken(&'static str),
}

/// What a piece of work inside the database gives back.
pub(super) type Answer<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// The store's error, with what was being done where.
    pub(super) fn into_store(self, doing: &str, place: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Broken(reason) => StoreError::Database {
                doing: doing.into(),
                reason: reason.into(),
            },
            Self::Sqlite(error) => from_sqlite(&error, doing, place),
        }
    }
}

/// The store's error for one of SQLite's.
pub(super) fn from_sqlite(error: &rusqlite::Error, doing: &str, place: &str) -> StoreError {
    let place = place.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { place },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly {
                place,
                reason: words(error),
            }
        }
        // Beyond a limit on file size, or on a failing disk (SQLite, *Result and Error Codes*).
        Some(ErrorCode::SystemIoFailure) if is_failed_write(error) => StoreError::ReadOnly {
            place,
            reason: "a write failed: a limit on file size, a quota, or a failing disk".into(),
        },
        _ => StoreError::Database {
            doing: doing.into(),
            reason: words(error),
        },
    }
}

/// Whether it is SQLITE_IOERR_WRITE.
fn is_failed_write(error: &rusqlite::Error) -> bool {
    const SQLITE_IOERR_WRITE: i32 = 10 | (3 << 8);
    matches!(error, rusqlite::Error::SqliteFailure(code, _) if code.extended_code == SQLITE_IOERR_WRITE)
}

/// What SQLite said. Conversion errors may quote a value and are told in our own words.
fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            message.clone().unwrap_or_else(|| code.to_string())
        }
        rusqlite::Error::FromSqlConversionFailure(column, kind, _) => {
            format!("column {column} ({kind}) holds something unexpected")
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// Whether a row was refused because an equal one is there.
pub(super) fn is_duplicate(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(code, _)
            if code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                || code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
    )
}
