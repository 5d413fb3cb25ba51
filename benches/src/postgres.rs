//! The first sync into PostgreSQL, beside the floor of that: the same rows by COPY, with nothing
//! else.

use crate::postroom::{self, Place};
use crate::tenant::Started;
use anyhow::Result;
use postroom_cluster::{Cluster, psql};
use std::path::Path;
use std::time::Instant;

/// Tables that the mirror fills page by page, those first that others refer to.
const MIRRORED: &[&str] = &[
    "messages",
    "message_texts",
    "attachments",
    "blobs",
    "blob_pieces",
    "changes",
];

/// Mirrors so many messages, prints how fast, and gives where they are.
pub(crate) async fn run(cluster: &Cluster, messages: usize, folder: &Path) -> Result<Place> {
    psql(&cluster.admin_url(), "CREATE DATABASE postroom")?;
    let place = Place {
        database: Some(cluster.url("postroom")),
        ..Place::folder(folder.join("postgres"))?
    };
    let tenant = Started::new(messages, 0).await?;
    postroom::prepare(&place, &tenant.address)?;
    let taken = postroom::sync(&place, &tenant.address)?;
    let floor = floor(cluster, folder)?;
    println!(
        "PostgreSQL: {messages} messages in {:.2} s, {:.0} a second, {:.2} s of the program's \
         processor time, {:.0} MB at the most",
        taken.wall.as_secs_f64(),
        messages as f64 / taken.wall.as_secs_f64(),
        taken.processor.as_secs_f64(),
        taken.peak_bytes as f64 / 1e6,
    );
    println!(
        "PostgreSQL: floor, COPY of the same rows into the same tables: {floor:.2} s; the sync takes \
         {:.2} times that",
        taken.wall.as_secs_f64() / floor
    );
    Ok(place)
}

/// The seconds that COPY takes for the same rows.
fn floor(cluster: &Cluster, folder: &Path) -> Result<f64> {
    let from = cluster.url("postroom");
    psql(
        &cluster.admin_url(),
        "CREATE DATABASE floor TEMPLATE postroom",
    )?;
    let into = cluster.url("floor");
    let tables: Vec<_> = MIRRORED
        .iter()
        .map(|table| format!("postroom_data.{table}"))
        .collect();
    psql(&into, &format!("TRUNCATE {}", tables.join(", ")))?;
    let file = |table: &str| folder.join(format!("{table}.copy"));
    for table in &tables {
        let file = file(table);
        psql(
            &from,
            &format!("\\copy {table} TO '{}' (FORMAT binary)", file.display()),
        )?;
    }
    let began = Instant::now();
    for table in &tables {
        let file = file(table);
        psql(
            &into,
            &format!("\\copy {table} FROM '{}' (FORMAT binary)", file.display()),
        )?;
    }
    // What it takes to start psql so often is none of the floor.
    let copied = began.elapsed();
    let began = Instant::now();
    for _ in &tables {
        psql(&into, "SELECT 1")?;
    }
    Ok(copied.saturating_sub(began.elapsed()).as_secs_f64())
}
