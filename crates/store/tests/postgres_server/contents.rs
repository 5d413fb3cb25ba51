//! Contents in pieces.

use crate::open;
use bytes::Bytes;
use postroom_cluster::Cluster;
use postroom_store::contract::blobs::Blobs as _;
use postroom_store::contract::blobs::blob_ref;
use postroom_store::suite::made::*;

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
