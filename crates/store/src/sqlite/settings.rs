//! Settings.

use super::SqliteStore;
use crate::contract::Result;
use crate::contract::settings::Settings;
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};

const GET: &str = "SELECT value FROM settings WHERE name = $1";
const PUT: &str = "INSERT INTO settings (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

#[async_trait]
impl Settings for SqliteStore {
    async fn setting(&self, name: &str) -> Result<Option<String>> {
        self.read("reading a setting", |connection| {
            Ok(connection
                .prepare_cached(GET)?
                .query_row([name], |row| row.get(0))
                .optional()?)
        })
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write("writing a setting", move |tx| {
            tx.prepare_cached(PUT)?.execute(params![name, value])?;
            Ok(())
        })
        .await
    }
}
