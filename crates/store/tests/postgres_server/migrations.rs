//! The schema, when many start at once, or one breaks off.

use crate::{hasty, open, options, refused};
use futures::future::join_all;
use postroom_cluster::Cluster;
use postroom_store::PostgresStore;
use postroom_store::Role;
use postroom_store::Store as _;
use postroom_store::StoreError;
use postroom_store::suite::made::*;

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

/// Tables, columns, keys, indexes and views, as PostgreSQL says them. Columns by name: one that was
/// added later lies behind the others.
const SCHEMA: &str = "SELECT format('column %I.%I.%I %s %s %s %s', table_schema, table_name,
        column_name, data_type, is_nullable, collation_name, column_default)
    FROM information_schema.columns WHERE table_schema LIKE 'postroom%'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname LIKE 'postroom%'
    UNION ALL SELECT format('key %s %s %s', conrelid::regclass, conname,
        pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace::regnamespace::text LIKE 'postroom%'
    UNION ALL SELECT format('view %I.%I %s', schemaname, viewname, md5(definition))
    FROM pg_views WHERE schemaname LIKE 'postroom%'
    ORDER BY 1";

/// The steps as they lie in the source, the first one first.
fn steps() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/migrations/postgres");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("listed")
        .map(|entry| entry.expect("listed").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("read"))
        .collect()
}

/// A database as an older version left it, opened by this one.
async fn schema_after(steps: &[String]) -> String {
    let database = Cluster::shared().create_database();
    for (step, number) in steps.iter().zip(1..) {
        database
            .sql(&format!(
                "BEGIN; SET LOCAL search_path = postroom_data; {step};
                 INSERT INTO postroom_data.schema_versions (version) VALUES ({number}); COMMIT"
            ))
            .expect("taken");
    }
    let store = open(&database.url()).await;
    store.check().await.expect("works");
    database.sql(SCHEMA).expect("read")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_version_made_it_the_schema_becomes_the_same() {
    let steps = steps();
    let fresh = schema_after(&[]).await;
    assert!(fresh.contains("messages_mailbox_id_key"), "{fresh}");
    for taken in [3, steps.len() - 1] {
        assert_eq!(schema_after(&steps[..taken]).await, fresh, "{taken} steps");
    }
    // For some days step 3 indexed ids as step 8 does now.
    let (before, rest) = steps[2].split_once("-- SQL users ask").expect("indexes");
    let (_, after) = rest
        .split_once("CREATE INDEX folder_numbers")
        .expect("indexes");
    let mut otherwise = steps[..7].to_vec();
    otherwise[2] = format!(
        "{before}CREATE INDEX messages_by_id ON messages USING hash (id);
         CREATE INDEX messages_by_conversation_id ON messages USING hash (conversation_id);
         CREATE INDEX folder_numbers{after}"
    );
    assert_eq!(schema_after(&otherwise).await, fresh);
}
