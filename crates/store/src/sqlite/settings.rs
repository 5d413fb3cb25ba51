//! Settings.

use super::SqliteStore;
use super::errors::Answer;
use super::writer::Tx;
use crate::contract::Result;
use crate::contract::settings::{Settings, is_of_connection};
use async_trait::async_trait;
use postroom_model::ConnectionId;
use rusqlite::{OptionalExtension as _, params};

const GET: &str = "SELECT value FROM settings WHERE name = $1";
const PUT: &str = "INSERT INTO settings (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const ADD: &str =
    "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "UPDATE settings SET value = $1 WHERE name = $2 AND value = $3";
const NAMES: &str = "SELECT name FROM settings";
const REMOVE: &str = "DELETE FROM settings WHERE name = $1";

pub(super) fn put(tx: &Tx<'_>, name: &str, value: &str) -> Answer<()> {
    tx.prepare_cached(PUT)?.execute(params![name, value])?;
    Ok(())
}

/// Removes what is kept of a connection.
pub(super) fn remove_of_connection(tx: &Tx<'_>, connection: &ConnectionId) -> Answer<()> {
    let names: Vec<String> = tx
        .prepare_cached(NAMES)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in names.iter().filter(|it| is_of_connection(it, connection)) {
        tx.prepare_cached(REMOVE)?.execute([name])?;
    }
    Ok(())
}

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
        self.write("writing a setting", move |tx| put(tx, &name, &value))
            .await
    }

    async fn replace_setting(&self, name: &str, there: Option<&str>, value: &str) -> Result<bool> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let there = there.map(str::to_owned);
        self.write("replacing a setting", move |tx| {
            let rows = match there {
                None => tx.prepare_cached(ADD)?.execute(params![name, value])?,
                Some(there) => tx
                    .prepare_cached(REPLACE)?
                    .execute(params![value, name, there])?,
            };
            Ok(rows > 0)
        })
        .await
    }
}
