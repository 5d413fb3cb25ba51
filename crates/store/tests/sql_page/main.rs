//! docs/sql.md is true on both stores: every query runs and finds something, every view has the
//! columns that are documented, both stores show the same, and no view shows a secret.
//!
//! The views are read as their users read them: by other programs than Postroom, on PostgreSQL by a
//! member of the readers' group.

mod page;
mod reader;
mod sample;
mod stores;

use page::{Kind, Type, queries, views};
use sample::{SECRETS, Sample, large, small};
use stores::{Postgres, Reading, Sqlite};

/// Runs every query of the page.
fn run_all(store: &dyn Reading, kind: Kind) {
    let queries = queries(kind);
    assert!(queries.len() >= 20, "{} queries", queries.len());
    for query in queries {
        let rows = store
            .rows(&query.sql)
            .unwrap_or_else(|error| panic!("{}: {error}", query.name));
        assert!(!rows.is_empty(), "{:?} found nothing", query.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_finds_something_on_sqlite() {
    run_all(&Sqlite::filled(&Sample::new()).await, Kind::Sqlite);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_finds_something_on_postgresql() {
    run_all(&Postgres::filled(&Sample::new()).await, Kind::Postgres);
}

/// The promised columns, in order, with their types.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_have_the_documented_columns() {
    let sample = Sample::new();
    let (sqlite, postgres) = (
        Sqlite::filled(&sample).await,
        Postgres::filled(&sample).await,
    );
    let documented = views();
    assert_eq!(documented.len(), 9);
    for (view, columns) in &documented {
        let names: Vec<_> = columns.iter().map(|it| it.name.clone()).collect();
        assert_eq!(sqlite.columns(view), names, "{view} on SQLite");
        let there = postgres.columns_with_types(view);
        let wanted: Vec<_> = columns
            .iter()
            .map(|it| {
                let name = match it.is {
                    Type::Text => "text",
                    Type::Number => "bigint",
                    Type::Time => "timestamp with time zone",
                    Type::YesNo => "boolean",
                    Type::Bytes => "bytea",
                };
                format!("{}|{name}", it.name)
            })
            .collect();
        assert_eq!(there, wanted, "{view} on PostgreSQL");
        for column in columns {
            sqlite.assert_type(view, column);
        }
    }
    let mut names: Vec<_> = documented.iter().map(|it| it.0.clone()).collect();
    names.sort();
    assert_eq!(sqlite.views(), names);
    assert_eq!(postgres.views(), names);
}

/// Both stores show the same rows, to the microsecond, and neither shows a secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_stores_show_the_same_and_no_secret() {
    let sample = Sample::new();
    let (sqlite, postgres) = (
        Sqlite::filled(&sample).await,
        Postgres::filled(&sample).await,
    );
    for (view, columns) in views() {
        // Where a content lies is the store's own affair.
        let columns: Vec<_> = columns
            .into_iter()
            .filter(|it| !it.name.starts_with("content_file") && it.name != "content")
            .collect();
        let mut one = sqlite.canonical(&view, &columns);
        let mut other = postgres.canonical(&view, &columns);
        one.sort();
        other.sort();
        assert!(!one.is_empty(), "{view} is empty");
        assert_eq!(one, other, "{view}");
        for secret in SECRETS {
            assert!(
                !one.iter().any(|row| row.contains(secret)),
                "{secret} in {view}"
            );
        }
    }
}

/// Contents are there as bytes; a large one is put together, or its file is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contents_are_whole() {
    let sample = Sample::new();
    let (sqlite, postgres) = (
        Sqlite::filled(&sample).await,
        Postgres::filled(&sample).await,
    );
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|it| format!("{it:02x}")).collect() };
    let of = |name: &str| format!("WHERE name = '{name}'");
    for name in ["order.pdf", "again.PDF"] {
        let sql = format!(
            "SELECT lower(hex(content)) FROM postroom_attachments {}",
            of(name)
        );
        assert_eq!(sqlite.rows(&sql).expect("read"), [hex(&small())]);
        let sql = format!(
            "SELECT encode(content, 'hex') FROM postroom.attachments {}",
            of(name)
        );
        assert_eq!(postgres.rows(&sql).expect("read"), [hex(&small())]);
    }
    let sql = format!(
        "SELECT encode(content, 'hex') FROM postroom.attachments {} AND content_file IS NULL",
        of("plan.bin")
    );
    assert_eq!(postgres.rows(&sql).expect("read"), [hex(&large())]);
    let sql = format!(
        "SELECT content_file FROM postroom_attachments {} AND content IS NULL",
        of("plan.bin")
    );
    let file = sqlite.rows(&sql).expect("read").remove(0);
    let file = sqlite.folder().join("blobs").join(file);
    assert_eq!(std::fs::read(file).expect("read"), large());
}

/// A message with odd JSON has no recipients, and hides nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_json_hides_nobody() {
    let store = Sqlite::filled(&Sample::new()).await;
    let sql = "SELECT message_id || ' ' || kind || ' ' || ordinal || ' ' || address || ' '
            || coalesce(domain, '-')
        FROM postroom_recipients WHERE message_id <> 'm5' ORDER BY 1";
    let rows = store.rows(sql).expect("read");
    assert_eq!(
        rows,
        [
            "m1 cc 1 sales@contoso.example contoso.example",
            "m1 from 1 ann@fabrikam.example fabrikam.example",
            "m1 reply_to 1 orders -",
            "m1 sender 1 ann@fabrikam.example fabrikam.example",
            "m1 to 1 support@Contoso.example contoso.example",
            "m1 to 2 bob@contoso.example contoso.example",
            "odd8 to 1 odd@contoso.example contoso.example",
        ]
    );
}

/// The usual conditions are answered by indexes, on both stores.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usual_conditions_have_their_index() {
    let sample = Sample::new();
    let (sqlite, postgres) = (
        Sqlite::filled(&sample).await,
        Postgres::filled(&sample).await,
    );
    for (condition, of_sqlite, of_postgres) in [
        (
            "mailbox_id = 'x' AND received_at >= '2026-11-01'",
            "messages_by_received_at (mailbox=? AND <expr>>?)",
            "messages_",
        ),
        (
            "received_at >= '2026-11-01' AND received_at < '2026-12-01'",
            "messages_by_received_at (mailbox=? AND <expr>>? AND <expr><?)",
            "messages_by_received_at",
        ),
        ("mailbox_id = 'x'", "(mailbox=?)", "messages_"),
        (
            "folder_id = 'x'",
            "folder_numbers_by_folder (folder=?)",
            "folder_numbers_by_folder",
        ),
        (
            "mailbox_id = 'x' AND conversation_id = 'x'",
            "(mailbox=?)",
            "messages_by_conversation",
        ),
        (
            "conversation_id = 'x'",
            "(mailbox=?)",
            "messages_by_conversation_id",
        ),
        ("message_id = 'x'", "(mailbox=?)", "messages_by_id"),
        (
            "internet_message_id = 'x'",
            "(mailbox=?)",
            "messages_by_message_id",
        ),
    ] {
        let plan = sqlite.plan(&format!(
            "SELECT subject FROM postroom_messages WHERE {condition}"
        ));
        assert!(plan.contains(of_sqlite), "{condition}: {plan}");
        let plan = postgres.plan(&format!(
            "SELECT subject FROM postroom.messages WHERE {condition}"
        ));
        assert!(plan.contains(of_postgres), "{condition}: {plan}");
    }
    // Two views are joined by an index that SQLite makes for it, not message by message.
    let plan = sqlite.plan(
        "SELECT m.subject, a.name FROM postroom_messages m
         JOIN postroom_attachments a ON a.mailbox_id = m.mailbox_id AND a.message_id = m.message_id",
    );
    assert!(plan.contains("AUTOMATIC"), "{plan}");
    // What is not asked for is not read.
    let plan = postgres.plan("SELECT subject FROM postroom.messages WHERE message_id = 'x'");
    assert!(!plan.contains("message_texts"), "{plan}");
}
