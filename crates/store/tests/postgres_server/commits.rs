//! What becomes of a commit, and in which order commits are told.

use crate::open;
use crate::support::proxy::{Break, Proxy};
use postroom_cluster::Cluster;
use postroom_cluster::Database;
use postroom_store::PostgresStore;
use postroom_store::Store as _;
use postroom_store::contract::messages::Messages as _;
use postroom_store::contract::outbox::Outbox as _;
use postroom_store::suite::made::*;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A store whose commits can be broken.
async fn proxied(database: &Database) -> (PostgresStore, Proxy) {
    let url = database.url();
    let (_, server) = url.split_once('@').expect("a user");
    let (server, _) = server.split_once('/').expect("a database");
    let (proxy, port) = Proxy::start(server.to_owned()).await;
    let url = format!(
        "{}?sslmode=disable",
        url.replace(server, &format!("127.0.0.1:{port}"))
    );
    (open(&url).await, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_happened_once() {
    let database = Cluster::shared().create_database();
    let (store, proxy) = proxied(&database).await;
    let mut checks = 0;
    for how in [Break::After, Break::Before, Break::After] {
        proxy.break_next(how);
        store.check().await.expect("written");
        assert!(!proxy.is_waiting());
        checks += 1;
        let counted = database.sql("SELECT checks FROM postroom_data.store");
        assert_eq!(counted.expect("read").trim(), checks.to_string());
    }
    // The same for what would be refused if it were done twice, and is told in the feed.
    proxy.break_next(Break::After);
    let item = outbox_item("o", "one", 1);
    store.accept_outbox(&item, None).await.expect("written");
    assert_eq!(all_changes(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_still_under_way_is_waited_for() {
    let database = Cluster::shared().create_database();
    let (store, proxy) = proxied(&database).await;
    let store = Arc::new(store);
    let (release, held) = oneshot::channel();
    proxy.break_next(Break::BeforeAndHold(held));
    let checking = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.check().await })
    };
    // It asks the server, which says that the transaction goes on.
    let asking = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_xact_status%'";
    while database.sql(asking).expect("read").trim() == "0" {
        assert!(!checking.is_finished(), "it did not ask");
        tokio::task::yield_now().await;
    }
    assert!(!checking.is_finished());
    release.send(()).expect("held");
    checking.await.expect("ran").expect("written");
    let counted = database.sql("SELECT checks FROM postroom_data.store");
    assert_eq!(counted.expect("read").trim(), "1");
}

/// After a crash a server may give the number of a lost transaction to another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_transaction_with_the_same_number_is_not_taken_for_ours() {
    let database = Cluster::shared().create_database();
    let (store, proxy) = proxied(&database).await;
    // As if the commit had been another's: its mark is gone, its number says "committed".
    database
        .sql(
            "CREATE FUNCTION postroom_data.forget() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RETURN NULL; END $$;
              CREATE TRIGGER forget BEFORE INSERT ON postroom_data.commits
                FOR EACH ROW EXECUTE FUNCTION postroom_data.forget();",
        )
        .expect("made");
    proxy.break_next(Break::After);
    store.check().await.expect("written");
    // Run again, for without its mark it is not known to have happened.
    let counted = database.sql("SELECT checks FROM postroom_data.store");
    assert_eq!(counted.expect("read").trim(), "2");
}

/// Whoever writes a change waits for whoever has a position and did not commit yet: else a reader
/// could pass over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_given_in_the_order_of_commits() {
    let database = Cluster::shared().create_database();
    let store = Arc::new(open(&database.url()).await);
    with_mailboxes(store.as_ref(), &["one"]).await;
    let url = database.url();
    let (release, released) = std::sync::mpsc::channel::<()>();
    // Another process's write into another mailbox, held before its commit.
    let other = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut psql = std::process::Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--dbname", &url])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        let mut input = psql.stdin.take().expect("piped");
        writeln!(
            input,
            "SET search_path = postroom_data; BEGIN;
             INSERT INTO mailbox_numbers (number, mailbox, last_change) VALUES (1000, 'two', 1);
             UPDATE feed SET last_position = last_position + 1;
             INSERT INTO changes SELECT last_position, 1000, 1, 'message', 'first', 'created', now()
                FROM feed;"
        )
        .expect("sent");
        let _ = released.recv();
        writeln!(input, "COMMIT;").expect("sent");
        drop(input);
        psql.wait().expect("ended");
    });
    let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'idle in transaction' AND query LIKE '%INSERT INTO changes SELECT%'";
    while database.sql(held).expect("read").trim() != "1" {
        tokio::task::yield_now().await;
    }
    let writing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let one = message("second", "a", "1");
            store.put_message(&here(), &one, &[], None, at(1)).await
        })
    };
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock'";
    while database.sql(waits).expect("read").trim() == "0" {
        assert!(!writing.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
    assert!(all_changes(store.as_ref()).await.is_empty());
    release.send(()).expect("held");
    other.join().expect("ended");
    writing.await.expect("ran").expect("written");
    let ids: Vec<_> = all_changes(store.as_ref())
        .await
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, ["first", "second"]);
}
