//! One engine has a database.

use crate::{PATIENT, open, options, refused};
use postroom_cluster::{Cluster, Database};
use postroom_store::PostgresStore;
use postroom_store::Role;
use postroom_store::Store as _;
use postroom_store::StoreError;
use postroom_store::contract::changes::Changes as _;
use postroom_store::contract::data_keys::DataKeys as _;
use postroom_store::contract::keys::Keys as _;
use postroom_store::contract::outbox::Outbox as _;
use postroom_store::contract::settings::Settings as _;
use postroom_store::suite::made::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_engine_is_told_who_has_the_database() {
    let database = Cluster::shared().create_database();
    let first = open(&database.url()).await;
    let error = refused(options(&database.url())).await;
    let StoreError::Locked { holder, .. } = &error else {
        panic!("{error}");
    };
    assert!(
        holder.contains(&format!("pid {}", std::process::id())),
        "{holder}"
    );
    assert!(holder.contains("since 20"), "{holder}");
    // Something small beside it is fine, seen at once, and wakes the engine.
    let mut feed = first.watch_changes();
    feed.borrow_and_update();
    let beside = PostgresStore::open(options(&database.url()).role(Role::Beside))
        .await
        .expect("opened");
    beside
        .insert_key(&key("k"), &[1; 32])
        .await
        .expect("written");
    assert!(first.key_by_hash(&[1; 32]).await.expect("read").is_some());
    let item = outbox_item("o", "one", 1);
    beside.accept_outbox(&item, None).await.expect("written");
    tokio::time::timeout(PATIENT, feed.changed())
        .await
        .expect("in time")
        .expect("woken");
    // And the other way round.
    let mut feed = beside.watch_changes();
    let listening = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    while database.sql(listening).expect("read").trim() != "1" {
        tokio::task::yield_now().await;
    }
    feed.borrow_and_update();
    let item = outbox_item("p", "one", 1);
    first.accept_outbox(&item, None).await.expect("written");
    tokio::time::timeout(PATIENT, feed.changed())
        .await
        .expect("in time")
        .expect("woken");
    first.close().await.expect("closed");
    open(&database.url()).await;
}

/// A session of somebody else's that has taken an engine's lock away.
struct Intruder {
    release: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Intruder {
    /// Waits for the lock, ends the engine's session, and has the lock the moment that it is gone.
    /// Before it lets go, it does `then`.
    async fn takes_the_lock(database: &Database, then: &'static str) -> Self {
        let url = database.url();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            use std::io::Write as _;
            let mut psql = std::process::Command::new("psql")
                .args(["--no-psqlrc", "--quiet", "--dbname", &url])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("started");
            let mut input = psql.stdin.take().expect("piped");
            writeln!(input, "SELECT pg_advisory_lock(1886352244, 1);").expect("sent");
            // Until it is told to let go.
            let _ = released.recv();
            writeln!(input, "{then}").expect("sent");
            drop(input);
            psql.wait().expect("ended");
        });
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while database.sql(waits).expect("read").trim() != "1" {
            tokio::task::yield_now().await;
        }
        database
            .sql(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l
                  WHERE l.locktype = 'advisory' AND l.granted
                    AND database = (SELECT oid FROM pg_database
                        WHERE datname = current_database())",
            )
            .expect("ended");
        Self { release, thread }
    }

    fn lets_go(self) {
        drop(self.release);
        self.thread.join().expect("ended");
    }
}

/// Until the store has learned of it, a write may still go through.
async fn until_refused(store: &PostgresStore) -> StoreError {
    loop {
        if let Err(error) = store.put_setting("a", "c").await {
            return error;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_lost_its_lock_to_another_writes_nothing() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    store.put_setting("a", "b").await.expect("written");
    let intruder = Intruder::takes_the_lock(&database, "").await;
    let error = until_refused(&store).await;
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("psql"), "{error}");
    // Reading harms nobody.
    store.setting("a").await.expect("read");
    let before = store.version();
    intruder.lets_go();
    while store.put_setting("a", "d").await.is_err() {
        tokio::task::yield_now().await;
    }
    // Two: that it is there again, and what was written.
    assert!(
        store.version() >= before + 2,
        "what was remembered counts no more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_has_not_the_vaults_keys_any_more_writes_nothing() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    // Keys that it gave the vault itself are its own.
    let keys = store.data_keys().await.expect("read");
    assert!(
        store
            .replace_data_keys(&keys, &keys)
            .await
            .expect("written")
    );
    let intruder = Intruder::takes_the_lock(&database, "").await;
    until_refused(&store).await;
    intruder.lets_go();
    while store.put_setting("a", "d").await.is_err() {
        tokio::task::yield_now().await;
    }
    // As another engine does that rotates the vault.
    let rotates = "UPDATE postroom_data.vault_keys SET wrapped = wrapped || '\\x00'::bytea;";
    let intruder = Intruder::takes_the_lock(&database, rotates).await;
    until_refused(&store).await;
    intruder.lets_go();
    let error = loop {
        match store.put_setting("a", "e").await {
            Err(StoreError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => break error,
            Ok(()) => panic!("it wrote with keys that are not the vault's"),
        }
    };
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("start it again"), "{error}");
}
