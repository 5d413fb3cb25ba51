//! Settings.

use super::PostgresStore;
use super::errors::Answer;
use super::server::Tx;
use crate::contract::Result;
use crate::contract::settings::{Settings, is_of_connection};
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::ConnectionId;

const GET: &str = "SELECT value FROM settings WHERE name = $1";
const PUT: &str = "INSERT INTO settings (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const ADD: &str =
    "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "UPDATE settings SET value = $2 WHERE name = $1 AND value = $3";
const NAMES: &str = "SELECT name FROM settings";
const REMOVE: &str = "DELETE FROM settings WHERE name = ANY ($1)";

pub(super) async fn put(tx: &Tx<'_>, name: &str, value: &str) -> Answer<()> {
    tx.execute(PUT, &[&name, &value]).await?;
    Ok(())
}

/// Removes what is kept of a connection.
pub(super) async fn remove_of_connection(tx: &Tx<'_>, connection: &ConnectionId) -> Answer<()> {
    let mut names = Vec::new();
    for row in tx.rows(NAMES, &[]).await? {
        let name: String = row.try_get(0)?;
        if is_of_connection(&name, connection) {
            names.push(name);
        }
    }
    tx.execute(REMOVE, &[&names]).await?;
    Ok(())
}

#[async_trait]
impl Settings for PostgresStore {
    async fn setting(&self, name: &str) -> Result<Option<String>> {
        self.server()
            .read("reading a setting", move |session| {
                async move {
                    let row = session.row_opt(GET, &[&name]).await?;
                    Ok(row.map(|row| row.try_get(0)).transpose()?)
                }
                .boxed()
            })
            .await
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<()> {
        self.server()
            .write("writing a setting", move |tx| put(tx, name, value).boxed())
            .await
    }

    async fn replace_setting(&self, name: &str, there: Option<&str>, value: &str) -> Result<bool> {
        self.server()
            .write("replacing a setting", move |tx| {
                async move {
                    let rows = match &there {
                        None => tx.execute(ADD, &[&name, &value]).await?,
                        Some(there) => tx.execute(REPLACE, &[&name, &value, there]).await?,
                    };
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }
}
