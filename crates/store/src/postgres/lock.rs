//! One engine at a time: an advisory lock of the session, held on a connection of its own, which
//! also hears when another process wrote changes.
//!
//! When that connection dies, the lock is gone with it, and is taken again in the background. Until
//! then writes wait; when another engine was quicker, they are refused. An engine that had it
//! meanwhile may have changed what this one remembers: accounts and keys by their version, and the
//! vault's own keys, which cannot be taken anew while the engine runs.

use super::connector::Connector;
use super::patience::jittered;
use super::server::opening;
use super::vault;
use crate::contract::data_keys::WrappedKey;
use crate::contract::{Result, StoreError};
use crate::version::Version;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error};

/// The lock's two numbers: of this program, and of what is locked. A lock is the database's.
pub(super) const PROGRAM: i32 = 0x706f_7374;
pub(super) const ENGINE: i32 = 1;
pub(super) const MIGRATION: i32 = 2;

/// What is listened to. Whoever writes changes notifies it.
pub(super) const CHANNEL: &str = "postroom_changes";

/// An engine that ends at this moment lets go of it soon: so often it is asked for …
const ATTEMPTS: u32 = 20;
/// … at this distance.
const DISTANCE: Duration = Duration::from_millis(100);

/// The longest pause between two attempts to take it again.
const LONGEST: Duration = Duration::from_secs(1);

/// Who has the lock, as `pg_stat_activity` tells. Another role's particulars are hidden.
const HOLDER: &str = "SELECT COALESCE(NULLIF(a.application_name, ''), 'another program')
        || COALESCE(' at ' || host(a.client_addr), '')
        || COALESCE(', since ' || to_char(a.backend_start AT TIME ZONE 'UTC',
            'YYYY-MM-DD HH24:MI:SS') || 'Z', '')
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid::bigint = $1 AND l.objid::bigint = $2 LIMIT 1";

/// How the lock stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Ours,
    /// The connection died.
    Lost,
    /// Somebody else has it: who.
    Theirs(String),
    /// Somebody else had it, and gave the vault other keys than this engine has.
    OtherKeys,
    Closed,
}

/// The vault's keys as this engine knows them, and those that it gave the vault itself.
#[derive(Debug, Default)]
struct KnownKeys(Mutex<Vec<Vec<WrappedKey>>>);

impl KnownKeys {
    fn add(&self, keys: &[WrappedKey]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(keys.to_vec());
    }

    fn are(&self, keys: &[WrappedKey]) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // None are known while the store is being opened: they are read after that.
        known.is_empty() || known.iter().any(|known| known == keys)
    }
}

/// What is told of a lock that is taken again.
#[derive(Clone)]
struct Told {
    states: watch::Sender<State>,
    version: Version,
    keys: Arc<KnownKeys>,
}

/// The engine's lock. Dropped, it is let go of.
#[derive(Debug)]
pub(super) struct EngineLock {
    state: watch::Receiver<State>,
    keys: Arc<KnownKeys>,
    keeper: Keeper,
}

/// The task that keeps the connection.
#[derive(Debug)]
struct Keeper {
    task: Mutex<Option<JoinHandle<()>>>,
    end: watch::Sender<bool>,
}

/// The connection that holds the lock or listens.
struct Held {
    client: Client,
    task: JoinHandle<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who has the lock of this database, for people.
pub(super) async fn holder(client: &Client) -> std::result::Result<String, Error> {
    let values = [i64::from(PROGRAM), i64::from(ENGINE)];
    let row = client.query_opt(HOLDER, &[&values[0], &values[1]]).await?;
    match row {
        Some(row) => row.try_get(0),
        None => Ok("another process".into()),
    }
}

/// The store's error when somebody else has it.
pub(super) fn locked(place: &str, holder: String) -> StoreError {
    StoreError::Locked {
        place: format!("the database {place}"),
        holder,
    }
}

async fn connect(
    connector: &Connector,
    feed: &watch::Sender<u64>,
) -> std::result::Result<Held, Error> {
    let feed = feed.clone();
    let (client, task) = connector
        .connect_with(move |message| {
            if matches!(message, AsyncMessage::Notification(_)) {
                feed.send_modify(|turn| *turn = turn.wrapping_add(1));
            }
        })
        .await?;
    let held = Held { client, task };
    held.client
        .batch_execute(&format!(
            "LISTEN {CHANNEL}; SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = 0"
        ))
        .await?;
    Ok(held)
}

async fn try_lock(client: &Client) -> std::result::Result<bool, Error> {
    let row = client
        .query_one("SELECT pg_try_advisory_lock($1, $2)", &[&PROGRAM, &ENGINE])
        .await?;
    row.try_get(0)
}

impl EngineLock {
    /// Takes the lock. `Locked` when another engine has it.
    pub(super) async fn take(
        connector: &Connector,
        place: &str,
        feed: &watch::Sender<u64>,
        version: &Version,
    ) -> Result<Self> {
        let held = connect(connector, feed)
            .await
            .map_err(|error| opening(&error, place))?;
        let mut attempts = 1;
        while !try_lock(&held.client)
            .await
            .map_err(|error| opening(&error, place))?
        {
            if attempts == ATTEMPTS {
                let holder = holder(&held.client)
                    .await
                    .map_err(|error| opening(&error, place))?;
                return Err(locked(place, holder));
            }
            attempts += 1;
            tokio::time::sleep(DISTANCE).await;
        }
        let (states, state) = watch::channel(State::Ours);
        let (end, ended) = watch::channel(false);
        let keys = Arc::new(KnownKeys::default());
        let told = Told {
            states,
            version: version.clone(),
            keys: Arc::clone(&keys),
        };
        let keeping = keep(
            connector.clone(),
            feed.clone(),
            Some(held),
            Some(told),
            ended,
        );
        Ok(Self {
            state,
            keys,
            keeper: Keeper {
                task: Mutex::new(Some(tokio::spawn(keeping))),
                end,
            },
        })
    }

    /// These are the vault's keys as this engine has them, or is about to write them.
    pub(super) fn knows(&self, keys: &[WrappedKey]) {
        self.keys.add(keys);
    }

    /// Waits until the lock is ours. `Unusable` when another engine changed the vault's keys
    /// meanwhile. `Locked` when another engine has it, `Unavailable` when it
    /// cannot be taken again for so long.
    pub(super) async fn is_ours(&self, patience: Duration, place: &str) -> Result<()> {
        let mut state = self.state.clone();
        let known = state.wait_for(|state| *state != State::Lost);
        match tokio::time::timeout(patience, known).await {
            Ok(Ok(state)) => match &*state {
                State::Theirs(holder) => Err(locked(place, holder.clone())),
                State::OtherKeys => Err(StoreError::Unusable {
                    place: place.into(),
                    reason: "another process changed the vault's keys while this one was cut off \
                             from the database: stop this server and start it again"
                        .into(),
                }),
                State::Closed => Err(StoreError::Closed),
                State::Ours | State::Lost => Ok(()),
            },
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Unavailable {
                place: place.into(),
                reason: "the connection that holds the engine's lock broke; see that PostgreSQL \
                         runs there and can be reached from here"
                    .into(),
            }),
        }
    }

    /// Lets go of it. Returns when the server knows.
    pub(super) async fn close(&self) {
        self.keeper.close().await;
    }
}

impl Keeper {
    async fn close(&self) {
        self.end.send_replace(true);
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // A task that was broken off has let go, too.
            let _ = task.await;
        }
    }
}

/// Hears what other processes write, for a store beside an engine.
#[derive(Debug)]
pub(super) struct Listener(#[expect(dead_code, reason = "dropped, it ends the task")] Arc<Keeper>);

impl Listener {
    /// Begins to listen, in the background.
    pub(super) fn start(connector: &Connector, feed: &watch::Sender<u64>) -> Self {
        let (end, ended) = watch::channel(false);
        let keeping = keep(connector.clone(), feed.clone(), None, None, ended);
        Self(Arc::new(Keeper {
            task: Mutex::new(Some(tokio::spawn(keeping))),
            end,
        }))
    }
}

/// Keeps the connection until the end: with `told` it holds the lock, without it only listens.
async fn keep(
    connector: Connector,
    feed: watch::Sender<u64>,
    mut held: Option<Held>,
    told: Option<Told>,
    mut ended: watch::Receiver<bool>,
) {
    let tell = |state: State| {
        if let Some(told) = &told {
            told.states.send_if_modified(|told| {
                let other = *told != state;
                *told = state;
                other
            });
        }
    };
    let mut pause = DISTANCE;
    loop {
        if let Some(mut connection) = held.take() {
            tokio::select! {
                _ = &mut connection.task => {}
                // Either it is said so, or the store is gone.
                _ = ended.changed() => {
                    tell(State::Closed);
                    let _ = connection.client.batch_execute("SELECT pg_advisory_unlock_all()").await;
                    return;
                }
            }
            tell(State::Lost);
            pause = DISTANCE;
        }
        match take_again(&connector, &feed, told.as_ref()).await {
            Ok(Taken::OtherKeys) => {
                tracing::error!(
                    "another process changed the vault's keys: this server has to be started again"
                );
                tell(State::OtherKeys);
                return;
            }
            Ok(Taken::Held(connection)) => {
                held = Some(connection);
                tell(State::Ours);
                // Something may have been written while nobody listened.
                feed.send_modify(|turn| *turn = turn.wrapping_add(1));
                continue;
            }
            Ok(Taken::By(holder)) => {
                tracing::error!(%holder, "another engine has the database: nothing is written");
                tell(State::Theirs(holder));
            }
            Err(_) => tell(State::Lost),
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            _ = ended.changed() => {
                tell(State::Closed);
                return;
            }
        }
        pause = LONGEST.min(pause * 2);
    }
}

/// What came of an attempt to take the lock again.
enum Taken {
    Held(Held),
    /// Somebody else has it.
    By(String),
    OtherKeys,
}

/// A new connection, with the lock if there is somebody to be told of it.
async fn take_again(
    connector: &Connector,
    feed: &watch::Sender<u64>,
    told: Option<&Told>,
) -> std::result::Result<Taken, Error> {
    let held = connect(connector, feed).await?;
    if let Some(told) = told {
        if !try_lock(&held.client).await? {
            return Ok(Taken::By(holder(&held.client).await?));
        }
        told.version.moved("taking the engine's lock again");
        if !told.keys.are(&vault::keys_of(&held.client).await?) {
            return Ok(Taken::OtherKeys);
        }
    }
    Ok(Taken::Held(held))
}
