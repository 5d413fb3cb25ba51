//! One engine has a database.

use crate::{PATIENT, open, options, refused};
use postroom_cluster::Cluster;
use postroom_store::PostgresStore;
use postroom_store::Role;
use postroom_store::Store as _;
use postroom_store::StoreError;
use postroom_store::contract::changes::Changes as _;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_lost_its_lock_to_another_writes_nothing() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    store.put_setting("a", "b").await.expect("written");
    // Another session waits for the lock, and has it the moment that the first one's is gone.
    let url = database.url();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
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
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .expect("ended");
    let error = loop {
        // Until the store has learned of it, a write may still go through.
        if let Err(error) = store.put_setting("a", "c").await {
            break error;
        }
    };
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("psql"), "{error}");
    // Reading harms nobody.
    store.setting("a").await.expect("read");
    drop(release);
    other.join().expect("ended");
    while store.put_setting("a", "d").await.is_err() {
        tokio::task::yield_now().await;
    }
}
