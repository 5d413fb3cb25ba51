//! The conformance suite on PostgreSQL with large contents in a folder: the cases that it matters
//! to.

use async_trait::async_trait;
use postroom_cluster::{Cluster, Database};
use postroom_store::seal::VaultReset;
use postroom_store::suite::Ground;
use postroom_store::{
    BlobPlace, DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Store, StoreError,
    conformance,
};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

mod support;

struct Place(Database, TempDir);

fn ground() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    Place(Cluster::shared().create_database(), folder)
}

fn read_all(folder: &Path, files: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            read_all(&path, files);
        } else {
            files.push(std::fs::read(path).expect("read"));
        }
    }
}

#[async_trait]
impl Ground for Place {
    async fn open_with(
        &self,
        master: MasterKey,
        reset: Option<VaultReset>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let url = DatabaseUrl::parse(&self.0.url()).expect("an address");
        let mut options =
            PostgresOptions::new(url, master).blobs(BlobPlace::Folder(self.1.path().to_owned()));
        options.reset_vault = reset;
        Ok(Arc::new(PostgresStore::open(options).await?))
    }

    fn files(&self) -> Vec<Vec<u8>> {
        let mut files = support::everything(&self.0);
        read_all(self.1.path(), &mut files);
        files
    }
}

conformance! { ground
    blobs {
        equal_contents_are_kept_once
        pieces_make_the_same_content
        a_dropped_writer_keeps_nothing
        collects_what_nothing_points_to
        put_again_is_new_again
    }
    messages { attachments_come_and_stay mime_goes_with_a_change }
    outbox { needs_its_contents }
    secrets { are_not_readable_on_disk }
    random { any_sequence_matches_the_model }
}

/// A store removes files that it has no row for: it must not be given another one's folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_belongs_to_one_store() {
    use postroom_store::StoreError;
    use postroom_store::contract::blobs::Blobs as _;
    let place = ground();
    let other = Cluster::shared().create_database();
    let open = async |database: &Database| {
        let url = DatabaseUrl::parse(&database.url()).expect("an address");
        let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]))
            .blobs(BlobPlace::Folder(place.1.path().to_owned()));
        PostgresStore::open(options).await
    };
    let store = open(&place.0).await.expect("opened");
    let content = bytes::Bytes::from(vec![1; 300_000]);
    let blob = store
        .put_blob(content, postroom_model::Timestamp::UNIX_EPOCH)
        .await
        .expect("put");
    store.close().await.expect("closed");
    let refused = open(&other).await.expect_err("refused");
    assert!(
        matches!(&refused, StoreError::Unusable { reason, .. } if reason.contains("another store")),
        "{refused}"
    );
    let store = open(&place.0).await.expect("its own");
    assert!(store.read_blob(&blob.hash).await.expect("read").is_some());
    store.close().await.expect("closed");

    // The contents of a data folder, which has no such mark.
    std::fs::remove_file(place.1.path().join("store")).expect("removed");
    assert!(open(&other).await.is_err());
    let file = place.1.path().join(&blob.hash[..2]).join(&blob.hash[2..]);
    assert!(file.exists());
}
