//! Ways to the server.

use crate::{blocking, open, options, refused};
use bytes::Bytes;
use postroom_cluster::Cluster;
use postroom_cluster::Stop;
use postroom_store::PostgresStore;
use postroom_store::Store as _;
use postroom_store::StoreError;
use postroom_store::contract::blobs::Blobs as _;
use postroom_store::suite::made::*;

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
