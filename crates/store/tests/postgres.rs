//! The conformance suite on PostgreSQL, with contents in the database.

use async_trait::async_trait;
use postroom_cluster::{Cluster, Database};
use postroom_store::suite::Ground;
use postroom_store::{DatabaseUrl, MasterKey, PostgresOptions, PostgresStore, Store, conformance};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Place(Database);

fn ground() -> Place {
    Place(Cluster::shared().create_database())
}

/// Every value of every table, bytes as they are.
fn everything(database: &Database) -> Vec<Vec<u8>> {
    let tables = database
        .sql("SELECT table_schema || '.' || table_name FROM information_schema.tables
              WHERE table_schema LIKE 'postroom%' AND table_type = 'BASE TABLE'")
        .expect("listed");
    tables
        .lines()
        .map(|table| {
            let rows = database
                .sql(&format!("SELECT row_to_json(it) FROM {table} it"))
                .expect("read");
            unescaped(rows.as_bytes())
        })
        .collect()
}

/// JSON in which a `bytea` is hexadecimal digits, as the bytes that it stands for, behind the text
/// itself.
fn unescaped(json: &[u8]) -> Vec<u8> {
    let mut bytes = json.to_vec();
    let text = String::from_utf8_lossy(json);
    for part in text.split("\\\\x").skip(1) {
        let digits: Vec<u8> = part.bytes().take_while(u8::is_ascii_hexdigit).collect();
        bytes.push(b'\n');
        bytes.extend(digits.chunks_exact(2).map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("digits")
        }));
    }
    bytes
}

#[async_trait]
impl Ground for Place {
    async fn open(&self) -> Arc<dyn Store> {
        let url = DatabaseUrl::parse(&self.0.url()).expect("an address");
        let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
        Arc::new(PostgresStore::open(options).await.expect("opened"))
    }

    fn files(&self) -> Vec<Vec<u8>> {
        // What a writer left behind is removed in the background.
        let until = Instant::now() + Duration::from_secs(20);
        let left = || {
            let sql = "SELECT count(*) FROM postroom_data.blob_uploads";
            self.0.sql(sql).expect("read").trim() != "0"
        };
        while left() {
            assert!(Instant::now() < until, "an upload was left behind");
            std::thread::sleep(Duration::from_millis(20));
        }
        everything(&self.0)
    }
}

conformance!(ground);
