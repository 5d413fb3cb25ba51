//! The one writer: a thread that takes whole units of work. Those that wait share a transaction
//! and its one sync to disk; each but the first has a savepoint, so that one that fails undoes only
//! itself. The first has nothing before it that would be undone, and mostly nothing behind it: without
//! a savepoint SQLite need not keep what each page was before. Nobody is answered before the commit.

use super::checkpoint::Checkpoints;
use super::errors::{Answer, from_sqlite};
use crate::contract::{Result, StoreError};
use crate::version::Version;
use rusqlite::Connection;
use std::cell::Cell;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// So many units of work share a transaction at most …
const GROUP: usize = 64;
/// … and none is added once it has lasted this long.
const GROUP_TIME: Duration = Duration::from_millis(50);

/// The transaction that a unit of work is in.
pub(super) struct Tx<'c> {
    connection: &'c Connection,
    changed: &'c Cell<bool>,
}

impl Tx<'_> {
    /// Says that the change feed has something new, to wake its readers after the commit.
    pub(super) fn changed(&self) {
        self.changed.set(true);
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A unit of work: does it and says what to tell its caller, or, given an error, tells that.
type Job = Box<dyn FnOnce(Result<&Tx<'_>>) -> Done + Send>;

/// What came of a unit of work.
struct Done {
    failed: bool,
    /// Tells the caller, after the commit; with an error when the commit came to nothing.
    reply: Box<dyn FnOnce(Option<StoreError>)>,
}

/// The writer thread and the way to it.
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    place: String,
    version: Version,
}

impl Writer {
    /// Starts the thread. `held` is let go of when the thread has ended: the folder's lock.
    pub(super) fn start(
        connection: Connection,
        place: String,
        feed: watch::Sender<u64>,
        checkpoints: Option<Checkpoints>,
        held: impl Send + 'static,
    ) -> Result<Self> {
        let (jobs, queue) = channel();
        let thread_place = place.clone();
        let thread = std::thread::Builder::new()
            .name("postroom-store".into())
            .spawn(move || {
                let is_engine = checkpoints.is_some();
                run(&connection, &queue, &feed, checkpoints, &thread_place);
                if is_engine {
                    // The log goes into the database, so that a closed store is one file. If that
                    // fails, the log is read at the next start. Beside an engine it would hold up
                    // the engine.
                    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                }
                drop(connection);
                drop(held);
            })
            .map_err(|source| StoreError::Io {
                doing: "starting the store's writer".into(),
                source,
            })?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            place,
            version: Version::default(),
        })
    }

    /// Does a unit of work in a transaction. Returns when it is on disk. It is done to its end even
    /// when the caller goes away.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Tx<'_>) -> Answer<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel::<Result<T>>();
        let place = self.place.clone();
        let version = self.version.clone();
        let job: Job = Box::new(move |tx| {
            let result =
                tx.and_then(|tx| work(tx).map_err(|fault| fault.into_store(doing, &place)));
            Done {
                failed: result.is_err(),
                // A caller that went away is not told.
                reply: Box::new(move |lost| {
                    version.moved(doing);
                    let _ = sender.send(match lost {
                        Some(error) => result.and(Err(error)),
                        None => result,
                    });
                }),
            }
        });
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .ok_or(StoreError::Closed)?
            .send(job)
            .map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Database {
                doing: doing.into(),
                reason: "the program has a fault here; nothing was written".into(),
            })
        })
    }

    /// See [`crate::contract::Store::version`].
    pub(super) fn version(&self) -> u64 {
        self.version.now()
    }

    /// Does what is queued, ends the thread and waits for it.
    pub(super) fn close(&self) {
        drop(
            self.jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic in a unit of work is caught there; here is nothing more to learn.
            let _ = thread.join();
        }
    }
}

fn run(
    connection: &Connection,
    queue: &Receiver<Job>,
    feed: &watch::Sender<u64>,
    mut checkpoints: Option<Checkpoints>,
    place: &str,
) {
    while let Ok(first) = queue.recv() {
        group(connection, first, queue, feed, place);
        if let Some(checkpoints) = &mut checkpoints {
            checkpoints.committed();
        }
    }
}

/// One transaction: a unit of work and those that wait behind it.
fn group(
    connection: &Connection,
    first: Job,
    queue: &Receiver<Job>,
    feed: &watch::Sender<u64>,
    place: &str,
) {
    let changed = Cell::new(false);
    let tx = Tx {
        connection,
        changed: &changed,
    };
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let done = first(Err(from_sqlite(&error, "beginning to write", place)));
        (done.reply)(None);
        return;
    }
    let begun = Instant::now();
    let mut replies = Vec::new();
    match catch_unwind(AssertUnwindSafe(|| first(Ok(&tx)))) {
        Ok(done) if !done.failed => replies.push(done.reply),
        failed => {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            // The caller of one that panicked learns it by the reply that is gone.
            if let Ok(done) = failed {
                (done.reply)(None);
            }
            return;
        }
    }
    let mut next = behind(connection, queue);
    while let Some(job) = next.take() {
        if let Some(done) = one(&tx, job, place) {
            replies.push(done.reply);
        }
        // SQLite may have undone the whole transaction (no room, I/O): nothing to add to.
        if connection.is_autocommit() {
            break;
        }
        if replies.len() < GROUP && begun.elapsed() < GROUP_TIME {
            next = behind(connection, queue);
        }
    }
    let lost: Option<rusqlite::Error> = if connection.is_autocommit() {
        Some(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            None,
        ))
    } else {
        connection.execute_batch("COMMIT").err()
    };
    if lost.is_some() && !connection.is_autocommit() {
        // A failed commit leaves the transaction open.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for reply in replies {
        reply(
            lost.as_ref()
                .map(|error| from_sqlite(error, "committing", place)),
        );
    }
    if lost.is_none() && changed.get() {
        feed.send_modify(|turn| *turn = turn.wrapping_add(1));
    }
}

/// The next unit of work that waits, if there is still a transaction for it: SQLite may have undone it
/// (no room, I/O).
fn behind(connection: &Connection, queue: &Receiver<Job>) -> Option<Job> {
    (!connection.is_autocommit())
        .then(|| queue.try_recv().ok())
        .flatten()
}

/// One unit of work in its savepoint. `None` when it panicked: its caller learns it by the reply
/// that is gone.
fn one(tx: &Tx<'_>, job: Job, place: &str) -> Option<Done> {
    if let Err(error) = tx.execute_batch("SAVEPOINT work") {
        return Some(job(Err(from_sqlite(&error, "beginning to write", place))));
    }
    let done = catch_unwind(AssertUnwindSafe(|| job(Ok(tx)))).ok();
    if tx.is_autocommit() {
        return done;
    }
    let end = if done.as_ref().is_none_or(|done| done.failed) {
        "ROLLBACK TO work; RELEASE work"
    } else {
        "RELEASE work"
    };
    match (tx.execute_batch(end), done) {
        (Ok(()), done) => done,
        // What is neither kept nor undone must not be committed.
        (Err(error), done) => {
            tracing::error!(%error, "a savepoint could not be ended");
            let _ = tx.execute_batch("ROLLBACK");
            done
        }
    }
}
