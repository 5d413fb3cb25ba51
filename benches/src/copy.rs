//! A whole installation from SQLite to PostgreSQL and back, compared row by row on both ways.

use crate::measure;
use crate::postroom::{self, Place};
use crate::tenant::Started;
use anyhow::{Context, Result, ensure};
use postroom_cluster::{Cluster, psql};
use std::path::Path;
use std::time::Instant;

/// Messages that are copied.
const MESSAGES: usize = 20_000;

/// Copies and prints how long that takes.
pub(crate) async fn run(cluster: &Cluster, folder: &Path) -> Result<()> {
    let place = Place::folder(folder.join("copy"))?;
    let tenant = Started::new(MESSAGES, 0).await?;
    postroom::prepare(&place, &tenant.address)?;
    postroom::sync(&place, &tenant.address)?;
    psql(&cluster.admin_url(), "CREATE DATABASE copied")?;
    let database = cluster.url("copied");
    let there = place.folder.join("data").display().to_string();
    let back = place.folder.join("back").display().to_string();
    let mut rows = Vec::new();
    for (name, from, to) in [
        ("SQLite to PostgreSQL", &there, &database),
        ("PostgreSQL to SQLite", &database, &back),
    ] {
        let began = Instant::now();
        let mut copy = place.command()?;
        copy.args(["store", "copy", "--json", from, to]);
        let (taken, said) = measure::run(&mut copy)?;
        let took = began.elapsed().as_secs_f64();
        let said: serde_json::Value = serde_json::from_str(said.trim())?;
        let copied = said["rows"].as_u64().context("rows")?;
        println!(
            "copy of {MESSAGES} messages, {name}: {copied} rows and {} contents in {took:.2} s, {:.0} MB at the \
             most",
            said["contents"],
            taken.peak_bytes as f64 / 1e6,
        );
        rows.push(copied);
    }
    ensure!(
        rows[0] == rows[1],
        "{} rows there, {} back",
        rows[0],
        rows[1]
    );
    Ok(())
}
