//! The conformance suite on PostgreSQL, with contents in the database.

use async_trait::async_trait;
use postroom_cluster::{Cluster, Database};
use postroom_store::seal::VaultReset;
use postroom_store::suite::Ground;
use postroom_store::{
    DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Store, StoreError, conformance,
};
use std::sync::Arc;

mod support;

struct Place(Database);

fn ground() -> Place {
    Place(Cluster::shared().create_database())
}

#[async_trait]
impl Ground for Place {
    async fn open_with(
        &self,
        master: MasterKey,
        reset: Option<VaultReset>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let url = DatabaseUrl::parse(&self.0.url()).expect("an address");
        let mut options = PostgresOptions::new(url, master);
        options.reset_vault = reset;
        Ok(Arc::new(PostgresStore::open(options).await?))
    }

    fn files(&self) -> Vec<Vec<u8>> {
        support::everything(&self.0)
    }
}

conformance!(ground);
