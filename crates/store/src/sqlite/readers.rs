//! Readers: a few connections that many callers share. Each sees the database as it was committed
//! last when its query began.

use super::connection;
use super::errors::{Answer, from_sqlite};
use crate::blocking::short;
use crate::contract::{Result, StoreError};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The pool.
#[derive(Clone)]
pub(super) struct Readers(Arc<Pool>);

struct Pool {
    path: PathBuf,
    place: String,
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    idle: Vec<Connection>,
    open: usize,
    closed: bool,
}

impl Readers {
    /// A pool of at most so many connections, opened when they are wanted.
    pub(super) fn new(path: PathBuf, place: String, most: usize) -> Self {
        Self(Arc::new(Pool {
            path,
            place,
            most: most.max(1),
            state: Mutex::new(State {
                idle: Vec::new(),
                open: 0,
                closed: false,
            }),
            freed: Condvar::new(),
        }))
    }

    /// A short read.
    pub(super) fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&Connection) -> Answer<T>,
    ) -> Result<T> {
        short(|| self.0.with(doing, work))
    }

    /// A read that may take long: it looks at many bodies.
    pub(super) async fn read_long<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Answer<T> + Send + 'static,
    ) -> Result<T> {
        let pool = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || pool.with(doing, work))
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::Database {
                    doing: doing.into(),
                    reason: "the read was broken off".into(),
                })
            })
    }

    /// Lets go of every connection that is idle now, and of the others when they come back.
    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.idle.clear();
        drop(state);
        self.0.freed.notify_all();
    }
}

impl Pool {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, doing: &str, work: impl FnOnce(&Connection) -> Answer<T>) -> Result<T> {
        let lent = self.lend()?;
        let connection = lent.connection.as_ref().ok_or(StoreError::Closed)?;
        work(connection).map_err(|fault| fault.into_store(doing, &self.place))
    }

    fn lend(&self) -> Result<Lent<'_>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(StoreError::Closed);
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(Lent {
                    pool: self,
                    connection: Some(connection),
                });
            }
            if state.open < self.most {
                state.open += 1;
                drop(state);
                // Counted already: if opening fails, dropping it counts it back.
                let mut lent = Lent {
                    pool: self,
                    connection: None,
                };
                lent.connection =
                    Some(connection::reader(&self.path).map_err(|error| {
                        from_sqlite(&error, "opening the database", &self.place)
                    })?);
                return Ok(lent);
            }
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A connection that goes back to the pool when dropped.
struct Lent<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        match self.connection.take() {
            // A panic in a transaction of the reader leaves it open: such a one is not used again.
            Some(connection) if !state.closed && connection.is_autocommit() => {
                state.idle.push(connection);
            }
            _ => state.open -= 1,
        }
        drop(state);
        self.pool.freed.notify_one();
    }
}
