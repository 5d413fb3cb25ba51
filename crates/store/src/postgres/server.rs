//! Units of work against the server: each can be run again, and is, when the server was away.

use super::changes::{self, PendingChange};
use super::connector::Connector;
use super::errors::{Answer, Fault, from_postgres, is_refusal};
use super::lock::EngineLock;
use super::patience::Patience;
use crate::contract::data_keys::WrappedKey;
use crate::contract::{Result, StoreError};
use crate::version::Version;
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod};
use futures::future::BoxFuture;
use postgres_types::ToSql;
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::{Row, SimpleQueryMessage, Statement};

/// Bytes of a transaction's mark.
const MARK: usize = 16;

const STATUS: &str = "SELECT pg_xact_status($1::text::xid8)";
const HAS_MARK: &str = "SELECT EXISTS (SELECT 1 FROM commits WHERE mark = $1)";
// Long after anybody can still wonder.
const FORGET_MARKS: &str = "DELETE FROM commits WHERE at < now() - interval '1 hour'";
/// Every so many transactions old marks are forgotten.
const FORGET_EVERY: u64 = 5000;

/// How patient a store is.
#[derive(Clone, Copy, Debug)]
pub(super) struct PatienceFor {
    /// With reads.
    pub(super) reads: Duration,
    /// With writes.
    pub(super) writes: Duration,
}

/// The pool of connections, and how work is done on them.
pub(super) struct Server {
    pool: Pool,
    /// The database in words, without a password.
    pub(super) place: String,
    patience: PatienceFor,
    /// The engine's lock; a writer beside an engine has none.
    lock: Option<EngineLock>,
    feed: watch::Sender<u64>,
    written: std::sync::atomic::AtomicU64,
    version: Version,
}

/// A connection at work. `'a` is what the work borrows from its caller.
pub(super) struct Session<'a> {
    client: Client,
    work: PhantomData<&'a ()>,
}

impl Session<'_> {
    /// A statement, prepared once for this connection.
    pub(super) async fn statement(&self, sql: &str) -> Answer<Statement> {
        Ok(self.client.prepare_cached(sql).await?)
    }

    /// Statements, for a pipeline: there each must be ready before the first is sent, or they
    /// overtake each other.
    pub(super) async fn statements<const N: usize>(
        &self,
        texts: [&str; N],
    ) -> Answer<[Statement; N]> {
        let prepared = texts.map(|sql| self.client.prepare_cached(sql));
        futures::future::try_join_all(prepared)
            .await?
            .try_into()
            .map_err(|_| Fault::Broken("a statement is missing"))
    }

    /// All rows.
    pub(super) async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Answer<Vec<Row>> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, values).await?)
    }

    /// One row, or none.
    pub(super) async fn row_opt(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Answer<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// One row.
    pub(super) async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Answer<Row> {
        self.row_opt(sql, values)
            .await?
            .ok_or(Fault::Broken("a row is missing"))
    }

    /// How many rows a statement touched.
    pub(super) async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Answer<u64> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, values).await?)
    }

    /// The connection itself, for statements that are sent without waiting for each other.
    pub(super) fn client(&self) -> &tokio_postgres::Client {
        &self.client
    }
}

/// A transaction at work.
pub(super) struct Tx<'a> {
    session: Session<'a>,
    changes: Mutex<Vec<PendingChange>>,
}

impl<'a> std::ops::Deref for Tx<'a> {
    type Target = Session<'a>;

    fn deref(&self) -> &Session<'a> {
        &self.session
    }
}

impl Tx<'_> {
    /// Notes a change. Positions in the feed are given out at the very end: see [`changes`].
    pub(super) fn note(&self, change: PendingChange) {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(change);
    }

    fn noted(&self) -> Vec<PendingChange> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// By what a transaction is known afterwards.
struct Mark {
    mark: [u8; MARK],
    number: String,
}

/// How an attempt ended.
enum Attempt<T> {
    Done(T),
    Failed(Fault),
    /// The connection broke at the commit: it happened, or it did not.
    Unknown(Mark, T),
}

impl Server {
    /// A pool of at most so many connections.
    pub(super) fn new(
        connector: &Connector,
        place: String,
        most: usize,
        patience: PatienceFor,
        lock: Option<EngineLock>,
        feed: watch::Sender<u64>,
        version: Version,
    ) -> Result<Self> {
        let manager = Manager::from_connect(
            connector.config(),
            connector.clone(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(most.max(1))
            .build()
            .map_err(|error| StoreError::Database {
                doing: "making the pool of connections".into(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            pool,
            place,
            patience,
            lock,
            feed,
            written: 0.into(),
            version,
        })
    }

    /// See [`crate::contract::Store::version`].
    pub(super) fn version(&self) -> u64 {
        self.version.now()
    }

    /// See [`EngineLock::knows`].
    pub(super) fn knows_keys(&self, keys: &[WrappedKey]) {
        if let Some(lock) = &self.lock {
            lock.knows(keys);
        }
    }

    /// A connection, within what is left of a patience.
    async fn session<'a>(&self, patience: &Patience) -> Answer<Session<'a>> {
        let client = tokio::time::timeout(patience.left(), self.pool.get())
            .await
            .map_err(|_| Fault::Busy)?
            .map_err(|error| match error {
                PoolError::Backend(error) => Fault::Postgres(error),
                PoolError::Closed => Fault::Store(StoreError::Closed),
                _ => Fault::Busy,
            })?;
        Ok(Session {
            client,
            work: PhantomData,
        })
    }

    /// Reads. Where the work asks for a text with U+0000, there is nothing.
    pub(super) async fn read<'a, T, W>(&self, doing: &str, work: W) -> Result<T>
    where
        T: Default + Send,
        W: for<'s> Fn(&'s Session<'a>) -> BoxFuture<'s, Answer<T>> + Send + Sync,
    {
        let mut patience = Patience::new(self.patience.reads);
        loop {
            let answer = match self.session(&patience).await {
                Ok(session) => work(&session).await,
                Err(fault) => Err(fault),
            };
            match answer {
                Ok(value) => return Ok(value),
                Err(fault) if fault.is_nul() => return Ok(T::default()),
                Err(fault) => patience.again(fault, doing, &self.place).await?,
            }
        }
    }

    /// Does a unit of work in a transaction. Returns when it is on disk. The work may be run more
    /// than once; only its last run counts.
    pub(super) async fn write<'a, T, W>(&self, doing: &str, work: W) -> Result<T>
    where
        T: Send,
        W: for<'t> Fn(&'t Tx<'a>) -> BoxFuture<'t, Answer<T>> + Send + Sync,
    {
        let moves = self.version.moves(doing);
        let written = self.write_in_time(doing, work).await;
        // An error may mean that nobody knows whether it happened.
        if written.is_ok() {
            moves.ended();
        }
        written
    }

    async fn write_in_time<'a, T, W>(&self, doing: &str, work: W) -> Result<T>
    where
        T: Send,
        W: for<'t> Fn(&'t Tx<'a>) -> BoxFuture<'t, Answer<T>> + Send + Sync,
    {
        let mut patience = Patience::new(self.patience.writes);
        loop {
            if let Some(lock) = &self.lock {
                lock.is_ours(patience.left(), &self.place).await?;
            }
            match self.attempt(&patience, &work).await {
                Attempt::Done(value) => return Ok(value),
                Attempt::Failed(fault) => patience.again(fault, doing, &self.place).await?,
                Attempt::Unknown(mark, value) => {
                    if self.happened(&mark).await? {
                        self.wake();
                        return Ok(value);
                    }
                }
            }
        }
    }

    async fn attempt<'a, T, W>(&self, patience: &Patience, work: &W) -> Attempt<T>
    where
        W: for<'t> Fn(&'t Tx<'a>) -> BoxFuture<'t, Answer<T>>,
    {
        let session = match self.session(patience).await {
            Ok(session) => session,
            Err(fault) => return Attempt::Failed(fault),
        };
        let mut open = Open(Some(Tx {
            session,
            changes: Mutex::default(),
        }));
        let tx = match open.0.as_ref() {
            Some(tx) => tx,
            None => return Attempt::Failed(Fault::Busy),
        };
        let mark = match begin(tx).await {
            Ok(mark) => mark,
            Err(fault) => return Attempt::Failed(fault),
        };
        let value = match work(tx).await {
            Ok(value) => value,
            Err(fault) => {
                if tx.client().batch_execute("ROLLBACK").await.is_ok() {
                    open.0 = None;
                }
                return Attempt::Failed(fault);
            }
        };
        let changes = tx.noted();
        match commit(tx, &changes).await {
            Ok(()) => {
                open.0 = None;
                if !changes.is_empty() {
                    self.wake();
                }
                self.forget_marks().await;
                Attempt::Done(value)
            }
            Err(Fault::Postgres(error)) if !is_refusal(&error) => Attempt::Unknown(mark, value),
            Err(fault) => {
                if tx.client().batch_execute("ROLLBACK").await.is_ok() {
                    open.0 = None;
                }
                Attempt::Failed(fault)
            }
        }
    }

    /// Wakes those who watch the feed in this process. Others are woken by NOTIFY.
    fn wake(&self) {
        self.feed.send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    /// Whether a transaction happened whose commit broke off.
    async fn happened(&self, mark: &Mark) -> Result<bool> {
        let mut patience = Patience::new(self.patience.writes);
        loop {
            let asked = match self.session(&patience).await {
                Ok(session) => has_happened(&session, mark).await,
                Err(fault) => Err(fault),
            };
            let fault = match asked {
                Ok(Some(happened)) => return Ok(happened),
                // Its server process still works on it.
                Ok(None) => Fault::Busy,
                Err(fault) => fault,
            };
            let asking = "asking what became of a write";
            if let Err(error) = patience.again(fault, asking, &self.place).await {
                return Err(StoreError::Unavailable {
                    place: self.place.clone(),
                    reason: format!(
                        "the connection broke at the end of a write, and whether it was written is \
                         not known ({error})"
                    ),
                });
            }
        }
    }

    /// From time to time, forgets old marks. If that fails, the next one does it.
    async fn forget_marks(&self) {
        use std::sync::atomic::Ordering;
        let before = self.written.fetch_add(1, Ordering::Relaxed);
        if !before.is_multiple_of(FORGET_EVERY) {
            return;
        }
        let patience = Patience::new(self.patience.reads);
        if let Ok(session) = self.session(&patience).await {
            let _ = session.execute(FORGET_MARKS, &[]).await;
        }
    }

    /// Lets go of every connection. Work that goes on ends first where it can.
    pub(super) async fn close(&self) {
        self.pool.close();
        // Connections at work come back when it is done.
        let patience = Patience::new(self.patience.writes);
        while self.pool.status().size > 0 && !patience.left().is_zero() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if let Some(lock) = &self.lock {
            lock.close().await;
        }
    }
}

/// A transaction that is not over. Dropped so, its connection is thrown away, and the server undoes
/// it: whoever took the connection next would be in the midst of it.
struct Open<'a>(Option<Tx<'a>>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(tx) = self.0.take() {
            drop(Client::take(tx.session.client));
        }
    }
}

/// Begins a transaction, leaves its mark in it and learns its number, all in one go.
async fn begin(tx: &Tx<'_>) -> Answer<Mark> {
    let mut mark = [0; MARK];
    aws_lc_rs::rand::fill(&mut mark)
        .map_err(|_| Fault::Broken("the system gives no randomness"))?;
    let mut sql = String::from("BEGIN; INSERT INTO commits (mark) VALUES ('\\x");
    for byte in mark {
        // Writing to a String cannot fail.
        let _ = write!(sql, "{byte:02x}");
    }
    sql.push_str("'); SELECT pg_current_xact_id()::text");
    let answers = tx.client().simple_query(&sql).await?;
    let number = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(Mark {
        mark,
        number: number.ok_or(Fault::Broken("a transaction has no number"))?,
    })
}

/// Writes the changes, wakes other processes and commits: sent together, so that the feed is
/// locked no longer than that takes.
async fn commit(tx: &Tx<'_>, changes: &[PendingChange]) -> Answer<()> {
    if changes.is_empty() {
        return Ok(tx.client().batch_execute("COMMIT").await?);
    }
    let told = changes::Writing::prepare(tx, changes).await?;
    // Polled in this order, and so sent in it.
    let (told, committed) =
        tokio::join!(biased; told.send(tx), tx.client().batch_execute("COMMIT"));
    // Where the first failed, the second was a rollback.
    told?;
    Ok(committed?)
}

/// Whether a transaction happened; `None` while it is still under way.
async fn has_happened(session: &Session<'_>, mark: &Mark) -> Answer<Option<bool>> {
    let asked = session.rows(STATUS, &[&mark.number]).await;
    let status: Option<String> = match asked {
        Ok(rows) => rows
            .first()
            .map(|row| row.try_get(0))
            .transpose()?
            .flatten(),
        // A number that the server does not know of: it crashed before anything of it was on disk.
        Err(Fault::Postgres(error)) if is_refusal(&error) => None,
        Err(fault) => return Err(fault),
    };
    if status.as_deref() == Some("in progress") {
        return Ok(None);
    }
    // The number alone does not tell: a server that crashed before anything of the transaction was
    // on disk gives its number to another one. The mark is nobody else's.
    let row = session.row(HAS_MARK, &[&mark.mark.as_slice()]).await?;
    Ok(Some(row.try_get(0)?))
}

/// An error while opening, before there is a store.
pub(super) fn opening(error: &tokio_postgres::Error, place: &str) -> StoreError {
    from_postgres(error, "opening the store", place)
}
