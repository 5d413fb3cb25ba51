//! Settings.

use super::PostgresStore;
use crate::contract::Result;
use crate::contract::settings::Settings;
use async_trait::async_trait;
use futures::FutureExt as _;

const GET: &str = "SELECT value FROM settings WHERE name = $1";
const PUT: &str = "INSERT INTO settings (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

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
            .write("writing a setting", move |tx| {
                async move {
                    tx.execute(PUT, &[&name, &value]).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}
