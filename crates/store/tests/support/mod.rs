//! What the tests on PostgreSQL share. Not every one of them uses all of it.
#![allow(dead_code, reason = "each test file is a crate of its own")]

pub(crate) mod proxy;

use postroom_cluster::Database;
use std::time::{Duration, Instant};

/// Every value of every table, bytes as they are.
pub(crate) fn everything(database: &Database) -> Vec<Vec<u8>> {
    // What a writer left behind is removed in the background.
    let until = Instant::now() + Duration::from_secs(20);
    let left = || {
        let sql = "SELECT count(*) FROM postroom_data.blob_uploads";
        database.sql(sql).expect("read").trim() != "0"
    };
    while left() {
        assert!(Instant::now() < until, "an upload was left behind");
        std::thread::sleep(Duration::from_millis(20));
    }

    let tables = database
        .sql(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables
              WHERE table_schema LIKE 'postroom%' AND table_type = 'BASE TABLE'",
        )
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
