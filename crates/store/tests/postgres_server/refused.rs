//! Who is not let in, and databases that will not do.

use crate::{as_user, open, options, refused};
use postroom_cluster::Cluster;
use postroom_store::MasterKey;
use postroom_store::Store as _;
use postroom_store::StoreError;

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
async fn another_master_key_is_refused() {
    let database = Cluster::shared().create_database();
    open(&database.url()).await.close().await.expect("closed");
    let mut wrong = options(&database.url());
    wrong.master_key = MasterKey::from_bytes([8; 32]);
    let error = refused(wrong).await;
    assert!(matches!(error, StoreError::MasterKey(_)), "{error}");
}
