//! The conformance suite on PostgreSQL, with contents in the database.

use async_trait::async_trait;
use postroom_cluster::{Cluster, Database};
use postroom_store::suite::Ground;
use postroom_store::{DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Store, conformance};
use std::sync::Arc;

mod support;

struct Place(Database);

fn ground() -> Place {
    Place(Cluster::shared().create_database())
}

#[async_trait]
impl Ground for Place {
    async fn open(&self) -> Arc<dyn Store> {
        let url = DatabaseUrl::parse(&self.0.url()).expect("an address");
        let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
        Arc::new(PostgresStore::open(options).await.expect("opened"))
    }

    fn files(&self) -> Vec<Vec<u8>> {
        support::everything(&self.0)
    }
}

conformance!(ground);
