//! Whether anybody has committed anything: this process, or another one beside it.
//!
//! `PRAGMA data_version` of a connection changes with every commit that came by another connection,
//! whoever has that, and stands still otherwise (SQLite, "PRAGMA data_version"). Our writer is
//! another connection, too. Asking takes two microseconds, for it looks into the index of the log,
//! which is shared memory, and at nothing else.

use super::connection;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A connection that does nothing but see this.
pub(super) struct Commits {
    path: PathBuf,
    state: Mutex<State>,
}

enum State {
    /// Nobody has asked yet.
    Unopened,
    Open(Connection),
    Closed,
}

impl Commits {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            state: Mutex::new(State::Unopened),
        }
    }

    /// A number that is another one once anybody has committed; `None` when it cannot be told.
    pub(super) fn number(&self) -> Option<u64> {
        let mut state = self.lock();
        if let State::Unopened = *state {
            *state = State::Open(connection::reader(&self.path).ok()?);
        }
        let State::Open(connection) = &*state else {
            return None;
        };
        let mut statement = connection.prepare_cached("PRAGMA data_version").ok()?;
        let number: i64 = statement.query_row([], |row| row.get(0)).ok()?;
        Some(number.cast_unsigned())
    }

    /// Lets go of the database.
    pub(super) fn close(&self) {
        *self.lock() = State::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
