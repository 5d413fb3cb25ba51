//! What only a server has: it goes away, comes back, is full, is another's, or does not let us in.

use postroom_cluster::Database;
use postroom_store::DatabaseUrl;
use postroom_store::MasterKey;
use postroom_store::PostgresOptions;
use postroom_store::PostgresStore;
use postroom_store::Store as _;
use postroom_store::StoreError;
use postroom_store::contract::messages::Messages as _;
use postroom_store::contract::outbox::Outbox as _;
use postroom_store::suite::made::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

mod away;
mod commits;
mod connecting;
mod contents;
mod engines;
mod migrations;
mod refused;
#[path = "../support/mod.rs"]
mod support;

/// Longer than any outage here, however slow the machine is.
const PATIENT: Duration = Duration::from_secs(120);

fn options(url: &str) -> PostgresOptions {
    let url = DatabaseUrl::parse(url).expect("an address");
    let mut options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
    options.read_patience = PATIENT;
    options.write_patience = PATIENT;
    options
}

/// One that does not wait for long.
fn hasty(url: &str) -> PostgresOptions {
    let mut options = options(url);
    options.read_patience = Duration::from_secs(3);
    options.write_patience = Duration::from_secs(3);
    options
}

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(options(url)).await.expect("opened")
}

async fn refused(options: PostgresOptions) -> StoreError {
    PostgresStore::open(options).await.expect_err("refused")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("done")
}

/// An address with another user.
fn as_user(url: &str, user: &str, password: &str) -> String {
    let (_, rest) = url.split_once('@').expect("a user");
    format!("postgres://{user}:{password}@{rest}")
}

/// A role without particular rights, with a database of its own.
fn own_database(database: &Database, role: &str) {
    database
        .sql(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'secret-word'; ALTER DATABASE {} OWNER TO {role};",
            database.name()
        ))
        .expect("made");
}

/// Numbers things until told to stop, or `most` of them. Gives how many.
async fn write_many(
    store: Arc<PostgresStore>,
    writer: usize,
    most: usize,
    stop: &AtomicBool,
) -> usize {
    let mailbox = if writer.is_multiple_of(2) {
        "one"
    } else {
        "two"
    };
    for number in 0..most {
        if stop.load(Ordering::Relaxed) {
            return number;
        }
        let id = format!("{writer}-{number}");
        // Each of these fails, or counts twice, when it is done twice.
        if number % 2 == 0 {
            let item = outbox_item(&id, mailbox, 1);
            store.accept_outbox(&item, None).await.expect("written");
        } else {
            store.check().await.expect("written");
            let one = message(&id, "a", "1");
            let applied = store
                .put_message(&mailbox.into(), &one, &[], None, at(1))
                .await;
            assert_eq!(applied.expect("written").created, 1);
        }
    }
    most
}

/// Every change is there once, numbered without gaps, in the order of the feed; and `checks` counted
/// once for each call.
async fn nothing_lost_or_doubled(store: &PostgresStore, database: &Database, written: &[usize]) {
    let changes = all_changes(store).await;
    assert_eq!(changes.len(), written.iter().sum::<usize>());
    let mut next: HashMap<&str, u64> = HashMap::new();
    for change in &changes {
        let next = next.entry(change.mailbox.as_str()).or_insert(1);
        assert_eq!(change.number, *next, "{change:?}");
        *next += 1;
    }
    for (writer, written) in written.iter().enumerate() {
        for number in 0..*written {
            let id = format!("{writer}-{number}");
            assert_eq!(changes.iter().filter(|it| it.id == id).count(), 1, "{id}");
        }
    }
    let checks = database.sql("SELECT checks FROM postroom_data.store");
    let wanted: usize = written.iter().map(|written| written / 2).sum();
    assert_eq!(checks.expect("read").trim(), wanted.to_string());
}
