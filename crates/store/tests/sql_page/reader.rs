//! The readers' group: it may read the views, and nothing else.

use crate::page::views;
use crate::stores::Reader;
use postroom_cluster::{Cluster, Database, psql};
use postroom_store::postgres::{ReaderRole, reader_script};
use postroom_store::{DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Store};

async fn open(url: &str) -> PostgresStore {
    let url = DatabaseUrl::parse(url).expect("an address");
    let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
    PostgresStore::open(options).await.expect("opened")
}

/// A member of the group sees every view, and is refused everything else that there is.
fn assert_reads_only_views(database: &Database, reader: &Reader) {
    for (view, _) in views() {
        psql(&reader.url, &format!("SELECT * FROM postroom.{view}")).expect("may be read");
    }
    let tables = database
        .sql(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'postroom_data'",
        )
        .expect("listed");
    assert!(tables.lines().count() > 15, "{tables}");
    let functions = database
        .sql("SELECT proname FROM pg_proc WHERE pronamespace = 'postroom_data'::regnamespace")
        .expect("listed");
    assert_eq!(
        functions.trim(),
        "readable_json",
        "a function that readers might run"
    );
    let definers = "SELECT count(*) FROM pg_proc p WHERE p.prosecdef
        AND p.pronamespace IN ('postroom'::regnamespace, 'postroom_data'::regnamespace)";
    assert_eq!(database.sql(definers).expect("counted").trim(), "0");
    let mut forbidden: Vec<_> = tables
        .lines()
        .map(|table| format!("SELECT * FROM postroom_data.{table}"))
        .collect();
    forbidden.extend(
        [
            "SELECT postroom_data.readable_json('{}')",
            "CREATE TABLE postroom.mine (a int)",
            "CREATE SCHEMA mine",
            "CREATE TABLE public.mine (a int)",
            "INSERT INTO postroom.outbox (outbox_id) VALUES ('x')",
            "UPDATE postroom.people SET mail = 'x'",
            "DELETE FROM postroom.changes",
            "DROP VIEW postroom.calls",
            "SET ROLE postgres",
            "SELECT pg_read_file('/etc/passwd')",
        ]
        .map(str::to_owned),
    );
    for sql in forbidden {
        let refused = psql(&reader.url, &sql).expect_err(&sql).to_string();
        assert!(
            [
                "permission denied",
                "must be owner",
                "cannot insert into view",
                "cannot update view",
                "cannot delete from view"
            ]
            .iter()
            .any(|words| refused.contains(words)),
            "{sql}: {refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_views_and_nothing_else() {
    let database = Cluster::shared().create_database();
    let store = open(&database.url()).await;
    assert_eq!(store.reader_role(), ReaderRole::Ready);
    assert_reads_only_views(&database, &Reader::new(&database));
    // The next start finds it ready.
    drop(store);
    let store = open(&database.url()).await;
    assert_eq!(store.reader_role(), ReaderRole::Ready);
    store.check().await.expect("works");
}

/// Postroom's own role may not make roles: it says so and goes on, until somebody ran the script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_does_it_where_postroom_may_not() {
    // Roles are the cluster's, and other tests make the group in theirs.
    let cluster = Cluster::start().expect("started");
    let database = cluster.create_database().expect("made");
    let name = database.name();
    database
        .sql(&format!(
            "CREATE ROLE plain LOGIN PASSWORD 'plain'; ALTER DATABASE {name} OWNER TO plain"
        ))
        .expect("made");
    let url = database.url();
    let (_, host) = url.rsplit_once('@').expect("an address with a name");
    let plain = format!("postgres://plain:plain@{host}");
    let store = open(&plain).await;
    assert_eq!(store.reader_role(), ReaderRole::Missing);
    drop(store);
    for _ in 0..2 {
        database.sql(&reader_script(name, None)).expect("run");
    }
    let store = open(&plain).await;
    assert_eq!(store.reader_role(), ReaderRole::Ready);
    assert_reads_only_views(&database, &Reader::new(&database));
    drop(store);
    let script = reader_script(name, Some("a person"));
    database.sql(&script).expect("run");
    let member = "SELECT pg_has_role('a person', 'postroom_reader', 'MEMBER')";
    assert_eq!(database.sql(member).expect("asked").trim(), "t");
}
