//! The floor of writing: the same rows, with nothing else.

use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::path::Path;
use std::time::Instant;

/// Tables that the mirror fills page by page.
const MIRRORED: &[&str] = &[
    "messages",
    "attachments",
    "blobs",
    "changes",
    "message_texts",
];

/// Writes the rows of one database into another one with the same schema and settings, in so many
/// transactions. Prints the seconds that this took.
pub(crate) fn run(rows: &Path, to: &Path, transactions: usize) -> Result<()> {
    let from = Connection::open(rows)?;
    let page_size: i64 = from.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let mut into = Connection::open(to)?;
    into.pragma_update(None, "page_size", page_size)?;
    into.pragma_update(None, "journal_mode", "wal")?;
    into.pragma_update(None, "synchronous", "full")?;
    // Only some tables are filled.
    into.pragma_update(None, "foreign_keys", "off")?;
    let schema: Vec<String> = from
        .prepare(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' \
             AND type IN ('table', 'index') ORDER BY type DESC",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for statement in schema {
        into.execute_batch(&statement)?;
    }
    let mut tables = Vec::new();
    for table in MIRRORED {
        let Ok(mut select) = from.prepare(&format!("SELECT * FROM {table}")) else {
            continue;
        };
        let columns = select.column_count();
        let rows: Vec<Vec<Value>> = select
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?
            .collect::<Result<_, _>>()?;
        let marks = vec!["?"; columns].join(",");
        tables.push((format!("INSERT INTO {table} VALUES ({marks})"), rows));
    }
    drop(from);
    let began = Instant::now();
    for number in 0..transactions {
        let transaction = into.transaction()?;
        for (insert, rows) in &tables {
            let mut insert = transaction.prepare_cached(insert)?;
            let part = |number: usize| rows.len() * number / transactions;
            for row in &rows[part(number)..part(number + 1)] {
                insert.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    println!("{}", began.elapsed().as_secs_f64());
    Ok(())
}
