//! It goes away and comes back, or takes no more.

use crate::{
    as_user, blocking, hasty, nothing_lost_or_doubled, open, own_database, refused, write_many,
};
use futures::future::join_all;
use postroom_cluster::Cluster;
use postroom_cluster::Stop;
use postroom_store::PostgresStore;
use postroom_store::Store as _;
use postroom_store::StoreError;
use postroom_store::contract::changes::Changes as _;
use postroom_store::contract::messages::Messages as _;
use postroom_store::contract::settings::Settings as _;
use postroom_store::suite::made::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_and_started_loses_nothing() {
    let cluster = Arc::new(blocking(|| Cluster::start().expect("started")).await);
    let database = cluster.create_database().expect("made");
    let store = Arc::new(open(&database.url()).await);
    with_mailboxes(store.as_ref(), &["one", "two"]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            tokio::spawn(async move { write_many(store, writer, 100_000, &stop).await })
        })
        .collect();
    for how in [Stop::Fast, Stop::Immediate, Stop::Fast] {
        // In the midst of it: something was written since the last time.
        let before = store.latest_change().await.expect("read");
        while store.latest_change().await.expect("read") == before {
            tokio::task::yield_now().await;
        }
        let cluster = Arc::clone(&cluster);
        blocking(move || cluster.restart(how).expect("restarted")).await;
    }
    store.check().await.expect("works");
    stop.store(true, Ordering::Relaxed);
    let written = join_all(writers).await.into_iter();
    let written: Vec<usize> = written.map(|it| it.expect("ran")).collect();
    database
        .sql("UPDATE postroom_data.store SET checks = checks - 1")
        .expect("the one above");
    nothing_lost_or_doubled(&store, &database, &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_nothing() {
    let cluster = Arc::new(blocking(|| Cluster::start().expect("started")).await);
    let database = cluster.create_database().expect("made");
    let store = Arc::new(open(&database.url()).await);
    with_mailboxes(store.as_ref(), &["one", "two"]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            tokio::spawn(async move { write_many(store, writer, 100_000, &stop).await })
        })
        .collect();
    for _ in 0..6 {
        let before = store.latest_change().await.expect("read");
        while store.latest_change().await.expect("read") == before {
            tokio::task::yield_now().await;
        }
        let cluster = Arc::clone(&cluster);
        blocking(move || cluster.restart(Stop::Immediate).expect("restarted")).await;
    }
    stop.store(true, Ordering::Relaxed);
    let written = join_all(writers).await.into_iter();
    let written: Vec<usize> = written.map(|it| it.expect("ran")).collect();
    nothing_lost_or_doubled(&store, &database, &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_named_and_so_is_what_to_do() {
    let cluster = Arc::new(blocking(|| Cluster::start().expect("started")).await);
    let database = cluster.create_database().expect("made");
    let store = PostgresStore::open(hasty(&database.url()))
        .await
        .expect("opened");
    store.put_setting("a", "b").await.expect("written");
    {
        let cluster = Arc::clone(&cluster);
        blocking(move || cluster.stop(Stop::Fast).expect("stopped")).await;
    }
    let read = store.setting("a").await.expect_err("away");
    let written = store.put_setting("a", "c").await.expect_err("away");
    let opened = refused(hasty(&database.url())).await;
    for error in [read, written, opened] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains("see that PostgreSQL runs"), "{words}");
        assert!(words.contains(database.name()), "{words}");
    }
    {
        let cluster = Arc::clone(&cluster);
        blocking(move || cluster.resume().expect("started")).await;
    }
    // The lock comes back in the background.
    while store.put_setting("a", "c").await.is_err() {}
    assert_eq!(
        store.setting("a").await.expect("read").as_deref(),
        Some("c")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_connections_is_waited_out_and_named() {
    let database = Cluster::shared().create_database();
    let role = format!("limited_{}", database.name());
    own_database(&database, &role);
    let url = as_user(&database.url(), &role, "secret-word");
    let store = Arc::new(open(&url).await);
    // The lock and two more.
    database
        .sql(&format!("ALTER ROLE {role} CONNECTION LIMIT 3"))
        .expect("limited");
    let writes = (0..40).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.put_setting(&number.to_string(), "x").await })
    });
    for written in join_all(writes).await {
        written.expect("ran").expect("written");
    }
    database
        .sql(&format!("ALTER ROLE {role} CONNECTION LIMIT 1"))
        .expect("limited");
    let error = refused(hasty(&url)).await;
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("CONNECTION LIMIT"), "{error}");
    drop(store);
    drop(database.sql(&format!(
        "REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}"
    )));
    let _ = database.sql(&format!("DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_read_only_says_so_and_works_again() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    store.put_setting("a", "b").await.expect("written");
    let set = |value: &str| {
        let name = database.name();
        database
            .sql(&format!(
                "ALTER DATABASE {name} SET default_transaction_read_only = {value};
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            ))
            .expect("set");
    };
    set("on");
    let error = store.put_setting("a", "c").await.expect_err("refused");
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert!(
        error.to_string().contains("default_transaction_read_only"),
        "{error}"
    );
    assert_eq!(
        store.setting("a").await.expect("read").as_deref(),
        Some("b")
    );
    database
        .sql(&format!(
            "BEGIN READ WRITE; ALTER DATABASE {} RESET default_transaction_read_only; COMMIT;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = '{}' AND pid <> pg_backend_pid()",
            database.name(),
            database.name()
        ))
        .expect("reset");
    store.put_setting("a", "d").await.expect("written");
}

/// No room, as the server says it; a trigger says it here, for a disk cannot be filled everywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_is_named_and_nothing_is_half_written() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    with_mailboxes(&store, &["one"]).await;
    database
        .sql(
            "CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON postroom_data.message_texts
                EXECUTE FUNCTION public.full();",
        )
        .expect("made");
    let one = message("m", "a", "1");
    let put = async || {
        store
            .put_message(&"one".into(), &one, &[], None, at(1))
            .await
    };
    let error = put().await.expect_err("no room");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains(database.name()), "{error}");
    let there = store.message(&"one".into(), &"m".into()).await;
    assert!(there.expect("read").is_none());
    assert!(all_changes(&store).await.is_empty());
    database
        .sql("DROP TRIGGER full_disk ON postroom_data.message_texts")
        .expect("dropped");
    assert_eq!(put().await.expect("written").created, 1);
}

/// A server that takes its time: a write waits, and nothing else waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_is_waited_for() {
    let database = Cluster::shared().create_database();
    let store = Arc::new(open(&database.url()).await);
    store.put_setting("a", "b").await.expect("written");
    let url = database.url();
    let holder = std::thread::spawn(move || {
        // Ended by the test: nobody waits for the hour.
        postroom_cluster::psql(
            &url,
            "BEGIN; LOCK TABLE postroom_data.settings; SELECT pg_sleep(3600)",
        )
    });
    let asked = |what: &str| {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {what}"
        );
        database.sql(&count).expect("asked").trim() != "0"
    };
    while !asked("wait_event = 'PgSleep'") {}
    let slow = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.put_setting("a", "c").await })
    };
    while !asked("wait_event_type = 'Lock'") {}
    store.check().await.expect("what is elsewhere goes on");
    assert!(!slow.is_finished());
    database
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event = 'PgSleep'",
        )
        .expect("ended");
    slow.await.expect("joined").expect("written");
    assert!(holder.join().expect("joined").is_err());
    let setting = store.setting("a").await.expect("read");
    assert_eq!(setting.as_deref(), Some("c"));
}
