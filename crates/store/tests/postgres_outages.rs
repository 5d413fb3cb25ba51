//! What only a server has: it goes away, comes back, is full, is another's, or does not let us in.

use bytes::Bytes;
use futures::future::join_all;
use postroom_cluster::{Cluster, Database, Stop};
use postroom_store::contract::blobs::{Blobs as _, blob_ref};
use postroom_store::contract::changes::Changes as _;
use postroom_store::contract::keys::Keys as _;
use postroom_store::contract::messages::Messages as _;
use postroom_store::contract::outbox::Outbox as _;
use postroom_store::contract::settings::Settings as _;
use postroom_store::suite::made::*;
use postroom_store::{
    DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Role, Store as _, StoreError,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::proxy::{Break, Proxy};
use tokio::sync::oneshot;

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
async fn who_may_not_come_in_is_told_why_without_the_password() {
    let database = Cluster::shared().create_database();
    let url = database.url();
    let wrong = as_user(&url, "postgres", "wrong-secret");
    let nobody = as_user(&url, "nobody_at_all", "wrong-secret");
    let nowhere = format!("{url}_that_is_not_there");
    for (url, part) in [
        (wrong, "see user and password"),
        (nobody, "see user and password"),
        (nowhere, "createdb"),
    ] {
        let error = refused(options(&url)).await;
        assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
        let words = format!("{error} {error:?}");
        assert!(words.contains(part), "{words}");
        assert!(!words.contains("wrong-secret"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_rights_is_told_what_it_needs() {
    let database = Cluster::shared().create_database();
    let role = format!("weak_{}", database.name());
    database
        .sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'secret-word'"))
        .expect("made");
    let url = as_user(&database.url(), &role, "secret-word");
    let error = refused(options(&url)).await;
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    assert!(
        error.to_string().contains("may not create schemas"),
        "{error}"
    );
    // The tables are there, but another role's.
    open(&database.url()).await.close().await.expect("closed");
    let error = refused(options(&url)).await;
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("OWNER TO"), "{error}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_programs_database_is_left_alone() {
    for (made, named) in [
        ("CREATE TABLE invoices (number int)", "public.invoices"),
        (
            "CREATE SCHEMA shop; CREATE VIEW shop.open AS SELECT 1",
            "shop.open",
        ),
        (
            "CREATE SCHEMA postroom_data; CREATE TABLE postroom_data.store (x int)",
            "postroom_data.store",
        ),
        (
            "CREATE SCHEMA postroom; CREATE TABLE postroom.letters (x int);
             CREATE TABLE another (x int)",
            "postroom.letters",
        ),
    ] {
        let database = Cluster::shared().create_database();
        database.sql(made).expect("made");
        let error = refused(options(&database.url())).await;
        assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
        let words = error.to_string();
        assert!(
            words.contains(named) && words.contains("createdb"),
            "{words}"
        );
        let left = database.sql("SELECT to_regclass('postroom_data.messages')");
        assert_eq!(left.expect("read").trim(), "", "nothing was made");
    }
    // Beside ours it may be.
    let database = Cluster::shared().create_database();
    open(&database.url()).await.close().await.expect("closed");
    database.sql("CREATE TABLE notes (x int)").expect("made");
    open(&database.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_encoding_is_refused() {
    let database = Cluster::shared().create_database();
    let name = format!("{}_latin", database.name());
    database
        .sql(&format!(
            "CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        ))
        .expect("made");
    let error = refused(options(&database.url().replace(database.name(), &name))).await;
    assert!(error.to_string().contains("LATIN1"), "{error}");
    database
        .sql(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .expect("dropped");
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_start_at_once_make_the_tables_once() {
    let database = Cluster::shared().create_database();
    let openings = (0..6).map(|_| {
        let options = options(&database.url()).role(Role::Beside);
        tokio::spawn(PostgresStore::open(options))
    });
    let mut stores = Vec::new();
    for opened in join_all(openings).await {
        stores.push(opened.expect("ran").expect("opened"));
    }
    // One store: what one writes with its key, another reads with its own.
    with_mailboxes(&stores[0], &[]).await;
    use postroom_store::contract::connections::Connections as _;
    stores[0]
        .insert_credential(&"c".into(), &credential("s", "word", 1))
        .await
        .expect("written");
    for store in &stores {
        let read = store.credentials(&"c".into()).await.expect("read");
        assert_eq!(read[0].secret.reveal(), "word");
    }
    let versions = database.sql("SELECT count(*) FROM postroom_data.schema_versions");
    let newest = stores[0].describe().await.expect("described").schema;
    assert_eq!(versions.expect("read").trim(), newest.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_breaks_off_leaves_nothing() {
    let database = Cluster::shared().create_database();
    // Whoever makes a table here is stopped in the midst of it, and then its session ends.
    database
        .sql(
            "CREATE FUNCTION public.stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                IF EXISTS (SELECT 1 FROM pg_event_trigger_ddl_commands()
                    WHERE object_identity LIKE '%attachments%') THEN
                    PERFORM pg_terminate_backend(pg_backend_pid());
                END IF; END $$;
              CREATE EVENT TRIGGER stop ON ddl_command_end EXECUTE FUNCTION public.stop();",
        )
        .expect("made");
    let error = refused(hasty(&database.url())).await;
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    let left = database.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'postroom%'");
    assert_eq!(left.expect("read").trim(), "0");
    database
        .sql("DROP EVENT TRIGGER stop; DROP FUNCTION public.stop()")
        .expect("dropped");
    open(&database.url()).await.check().await.expect("works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_by_its_version() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    let known = store.describe().await.expect("described").schema;
    store.close().await.expect("closed");
    database
        .sql("INSERT INTO postroom_data.schema_versions (version) VALUES (99)")
        .expect("written");
    let error = refused(options(&database.url())).await;
    assert!(
        matches!(error, StoreError::Newer { found: 99, known: it, .. } if it == known),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key_is_refused() {
    let database = Cluster::shared().create_database();
    open(&database.url()).await.close().await.expect("closed");
    let mut wrong = options(&database.url());
    wrong.master_key = MasterKey::from_bytes([8; 32]);
    let error = refused(wrong).await;
    assert!(matches!(error, StoreError::MasterKey(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_content_is_never_served_and_is_collected() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    let whole = vec![7; 1 << 20];
    let mut writer = store.write_blob().await.expect("begun");
    writer.write(&whole).await.expect("written");
    assert!(
        store
            .read_blob(&blob_ref(&whole).hash)
            .await
            .expect("read")
            .is_none()
    );
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM postroom_data.{table}");
        database.sql(&sql).expect("read").trim().to_owned()
    };
    assert_ne!(count("blob_pieces"), "0");
    // As a process that dies does: nobody drops it.
    std::mem::forget(writer);
    store.collect_blobs(at(100)).await.expect("collected");
    assert_ne!(count("blob_pieces"), "0", "it may be under way");
    database
        .sql("UPDATE postroom_data.blob_uploads SET begun_at = now() - interval '2 days'")
        .expect("aged");
    store.collect_blobs(at(100)).await.expect("collected");
    assert_eq!(
        (count("blob_pieces"), count("blob_uploads")),
        ("0".into(), "0".into())
    );

    // One that was collected while it came is refused, not kept without its pieces.
    let mut writer = store.write_blob().await.expect("begun");
    writer.write(&whole).await.expect("written");
    database
        .sql("UPDATE postroom_data.blob_uploads SET begun_at = now() - interval '2 days'")
        .expect("aged");
    store.collect_blobs(at(100)).await.expect("collected");
    assert!(writer.finish(at(1)).await.is_err());
    assert!(
        store
            .read_blob(&blob_ref(&whole).hash)
            .await
            .expect("read")
            .is_none()
    );

    // The same content twice at once is kept once, without pieces of nobody's.
    let content = Bytes::from(whole);
    let (one, two) = tokio::join!(
        store.put_blob(content.clone(), at(1)),
        store.put_blob(content.clone(), at(1)),
    );
    assert_eq!(one.expect("kept"), two.expect("kept"));
    assert_eq!(count("blob_pieces"), "4");
    assert_eq!(store.collect_blobs(at(100)).await.expect("collected"), 1);
    assert_eq!(
        (count("blob_pieces"), count("blob_uploads")),
        ("0".into(), "0".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_verified_where_that_is_asked() {
    let cluster = blocking(|| {
        let cluster = Cluster::start().expect("started");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
        let pem = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        cluster
            .write_file("server.crt", pem.as_bytes())
            .expect("written");
        cluster
            .write_file("server.key", key.as_bytes())
            .expect("written");
        std::fs::write(cluster.folder().join("ca.pem"), pem).expect("written");
        cluster.add_settings("ssl = on").expect("set");
        cluster.restart(Stop::Fast).expect("restarted");
        cluster
    })
    .await;
    let database = cluster.create_database().expect("made");
    let url = database.url().replace("127.0.0.1", "localhost");
    let ca = cluster.folder().join("ca.pem").display().to_string();
    let error = refused(options(&format!("{url}?sslmode=verify-full"))).await;
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("sslrootcert"), "{error}");
    let encrypted = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE s.ssl AND a.application_name LIKE 'postroom%'";
    for (query, is_encrypted) in [
        (format!("sslmode=verify-full&sslrootcert={ca}"), true),
        (format!("sslmode=require&sslrootcert={ca}"), true),
        ("sslmode=prefer".into(), true),
        (String::new(), true),
        ("sslmode=disable".into(), false),
    ] {
        let store = open(&format!("{url}?{query}")).await;
        store.check().await.expect("works");
        let count = database.sql(encrypted).expect("read");
        assert_eq!(count.trim() != "0", is_encrypted, "{query}");
        store.close().await.expect("closed");
    }
    // The name counts, too.
    let other = database.url();
    let error = refused(options(&format!(
        "{other}?sslmode=require&sslrootcert={ca}"
    )))
    .await;
    assert!(error.to_string().contains("certificate"), "{error}");
    let mut by_file = options(&format!("{url}?sslmode=verify-full"));
    by_file.ca_file = Some(ca.into());
    PostgresStore::open(by_file).await.expect("opened");
}

#[tokio::test]
async fn works_on_a_runtime_of_one_thread_and_by_a_socket() {
    let cluster = Cluster::start().expect("started");
    let database = cluster.create_database().expect("made");
    let store = open(&cluster.socket_url(database.name())).await;
    store.check().await.expect("works");
    let blob = store.put_blob(Bytes::from(vec![1; 300_000]), at(1)).await;
    let hash = blob.expect("kept").hash;
    assert!(store.read_blob(&hash).await.expect("read").is_some());
    store.close().await.expect("closed");
}
