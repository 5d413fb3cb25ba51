//! No statement that is called often reads a whole table, however full it is.

use postroom_cluster::Cluster;
use postroom_store::postgres::plans::planned;
use postroom_store::suite::made::*;
use postroom_store::{DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Store as _};

/// 200,000 messages in 20 folders of one mailbox, with all that hangs on them.
const FILL: &str = "SET search_path = postroom_data;
    INSERT INTO folder_numbers (mailbox, number, folder, last_message)
        SELECT 1, n, 'f' || n, 10000 FROM generate_series(1, 20) n;
    INSERT INTO messages (mailbox, number, id, change_key, folder, place, leaving, seen,
            received_at, received_order, subject, from_name, from_address, is_read, is_draft,
            has_attachments, attachments_known, conversation_id, internet_message_id, body_type)
        SELECT 1, n, md5(n::text) || n, 'k', 1 + n % 20, n, n % 1000 = 0, 1,
            timestamptz '2026-01-01' + n * interval '1 minute',
            timestamptz '2026-01-01' + n * interval '1 minute', 'subject', 'Ada', 'ada@x',
            true, false, false, true, 'c' || n % 20000, '<' || n || '@x>', 'text'
        FROM generate_series(1, 200000) n;
    INSERT INTO message_texts (mailbox, message, json, body)
        SELECT 1, n, '{}', 'body' FROM generate_series(1, 200000) n;
    INSERT INTO attachments (mailbox, message, ordinal, id, kind, name, size, is_inline, json,
            blob_hash)
        SELECT 1, n, 0, 'a', 'file', 'a', 1, false, '{}', CASE WHEN n % 500 > 0 THEN 'h' END
        FROM generate_series(1, 200000, 2) n;
    INSERT INTO changes (position, mailbox, number, resource, id, kind, at)
        SELECT n, 1, n, 'message', n::text, 'created', now() FROM generate_series(1, 200000) n;
    UPDATE feed SET last_position = 200000;
    INSERT INTO outbox (id, mailbox, kind, status, step, attempts, created_at, due_at, message)
        SELECT n::text, 'one', 'send', CASE WHEN n % 5000 = 0 THEN 'queued' ELSE 'sent' END, 'new',
            0, now(), now(), '{}'
        FROM generate_series(1, 100000) n;
    INSERT INTO calls (id, at, connection, caller, method, path, duration_ms, request_bytes,
            response_bytes, attempt, client_request_id)
        SELECT n::text, now() - n * interval '1 second', 'c', 'x', 'GET', '/', 1, 1, 1, 1, 'r'
        FROM generate_series(1, 100000) n;
    ANALYZE;";

/// Tables that are big here.
const BIG: [&str; 6] = [
    "messages",
    "message_texts",
    "attachments",
    "changes",
    "outbox",
    "calls",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_called_often_reads_a_whole_table() {
    let database = Cluster::shared().create_database();
    let url = DatabaseUrl::parse(&database.url()).expect("an address");
    let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
    let store = PostgresStore::open(options).await.expect("opened");
    with_mailboxes(&store, &["one"]).await;
    store.close().await.expect("closed");
    database.sql(FILL).expect("filled");
    for mode in ["force_custom_plan", "force_generic_plan"] {
        for it in planned() {
            let plan = database
                .sql(&format!(
                    "SET search_path = postroom_data; SET plan_cache_mode = {mode};
                     PREPARE it AS {}; EXPLAIN (COSTS OFF) EXECUTE it({})",
                    it.sql, it.arguments
                ))
                .expect("planned");
            for table in BIG {
                let whole = plan.lines().any(|line| {
                    line.contains("Seq Scan on") && line.split_whitespace().any(|it| it == table)
                });
                assert!(!whole, "{} ({mode}) reads all of {table}:\n{plan}", it.name);
            }
            // The mailbox's newest is found by walking an index, never by sorting the mailbox.
            let sorts = plan
                .lines()
                .any(|line| line.trim_start_matches(['-', '>', ' ']) == "Sort");
            if it.name.ends_with("newest") {
                let first = plan.split("CTE Scan").next().unwrap_or_default();
                assert!(
                    first.contains("Incremental Sort") || !sorts,
                    "{}:\n{plan}",
                    it.name
                );
            }
        }
    }
}
