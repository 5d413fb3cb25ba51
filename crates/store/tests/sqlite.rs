//! The conformance suite on SQLite in a data folder.

use async_trait::async_trait;
use postroom_store::seal::VaultReset;
use postroom_store::suite::Ground;
use postroom_store::{MasterKey, SqliteOptions, SqliteStore, Store, StoreError, conformance};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

struct Folder(TempDir);

fn ground() -> Folder {
    Folder(tempfile::tempdir().expect("a folder"))
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
impl Ground for Folder {
    async fn open_with(
        &self,
        master: MasterKey,
        reset: Option<VaultReset>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let mut options = SqliteOptions::new(self.0.path(), master);
        options.reset_vault = reset;
        Ok(Arc::new(SqliteStore::open(options).await?))
    }

    fn files(&self) -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        read_all(self.0.path(), &mut files);
        files
    }
}

conformance!(ground);
