//! The schema, step by step. A step is one transaction, never changes once released, and there is
//! no way back.

use super::lock::{ENGINE, MIGRATION, PROGRAM, holder, locked};
use super::server::opening;
use crate::contract::{Result, StoreError};
use crate::role::Role;
use std::time::Duration;
use tokio_postgres::{Client, Error};

/// The steps, the first one first.
const STEPS: &[&str] = &[
    include_str!("../migrations/postgres/0001_begin.sql"),
    include_str!("../migrations/postgres/0002_people.sql"),
    include_str!("../migrations/postgres/0003_views.sql"),
    include_str!("../migrations/postgres/0004_credentials.sql"),
    include_str!("../migrations/postgres/0005_logins.sql"),
    include_str!("../migrations/postgres/0006_alerts.sql"),
    include_str!("../migrations/postgres/0007_access.sql"),
    include_str!("../migrations/postgres/0008_credentials_taken.sql"),
];

/// So often a process beside an engine asks for the database to itself …
const ATTEMPTS: u32 = 4;
/// … at this distance.
const DISTANCE: Duration = Duration::from_millis(50);

const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM postroom_data.schema_versions";
const IS_THERE: &str = "SELECT to_regclass('postroom_data.schema_versions') IS NOT NULL";

/// The newest schema version that this program knows.
pub(super) fn newest() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

async fn read_version(client: &Client) -> std::result::Result<u32, Error> {
    if !client.query_one(IS_THERE, &[]).await?.try_get(0)? {
        return Ok(0);
    }
    let version: i64 = client.query_one(VERSION, &[]).await?.try_get(0)?;
    Ok(u32::try_from(version).unwrap_or(u32::MAX))
}

/// The schema version of a database; 0 where nothing of ours is. `Newer` when this program does
/// not know it.
pub(super) async fn version(client: &Client, place: &str) -> Result<u32> {
    let found = read_version(client)
        .await
        .map_err(|error| opening(&error, place))?;
    if found > newest() {
        return Err(StoreError::Newer {
            place: place.into(),
            found,
            known: newest(),
        });
    }
    Ok(found)
}

/// Takes every step that is still to be taken. The engine holds its lock already; a process beside
/// one takes it for the step, for a schema is changed by whoever has the database to itself.
pub(super) async fn migrate(client: &Client, role: Role, place: &str) -> Result<()> {
    while version(client, place).await? < newest() {
        let taken = step(client, role, place).await;
        if taken.is_err() {
            // If that fails too, the connection is gone, and the step with it.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        taken?;
    }
    Ok(())
}

/// Takes the engine's lock until the end of the transaction. A process that has just taken a step
/// lets go of its locks one after the other, this one last it may be: it is asked for again.
async fn alone(client: &Client) -> std::result::Result<bool, Error> {
    for attempt in 1..=ATTEMPTS {
        let row = client
            .query_one(
                "SELECT pg_try_advisory_xact_lock($1, $2)",
                &[&PROGRAM, &ENGINE],
            )
            .await?;
        if row.try_get(0)? {
            return Ok(true);
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(DISTANCE).await;
        }
    }
    Ok(false)
}

async fn step(client: &Client, role: Role, place: &str) -> Result<()> {
    let failed = |error: Error| opening(&error, place);
    // Whoever comes second waits here for as long as the first one takes.
    client
        .batch_execute("BEGIN; SET LOCAL lock_timeout = 0")
        .await
        .map_err(failed)?;
    client
        .execute(
            "SELECT pg_advisory_xact_lock($1, $2)",
            &[&PROGRAM, &MIGRATION],
        )
        .await
        .map_err(failed)?;
    if role == Role::Beside && !alone(client).await.map_err(failed)? {
        return Err(locked(place, holder(client).await.map_err(failed)?));
    }
    let done = version(client, place).await?;
    let Some(step) = STEPS.get(done as usize) else {
        return client.batch_execute("COMMIT").await.map_err(failed);
    };
    client
        .batch_execute("SET LOCAL search_path = postroom_data")
        .await
        .map_err(failed)?;
    client.batch_execute(step).await.map_err(failed)?;
    client
        .execute(
            "INSERT INTO postroom_data.schema_versions (version) VALUES ($1)",
            &[&(i64::from(done) + 1)],
        )
        .await
        .map_err(failed)?;
    client.batch_execute("COMMIT").await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps that are out there, by the beginning of their BLAKE3. A database that took one
    /// does not take it again: whatever is to be another way is a step of its own.
    const LANDED: &[&str] = &[
        "de0e33cd19100130",
        "3817ae990847fbe7",
        "2efb1670ff7c479d",
        "36a7e2ee54878e6e",
        "6e58405918181aa3",
        "1fcc41d8d19a713e",
        "2dc0a0882bd74411",
        "af14214f33f560fe",
    ];

    #[test]
    fn what_landed_is_never_changed() {
        let steps: Vec<_> = STEPS
            .iter()
            .map(|step| blake3::hash(step.as_bytes()).to_hex()[..16].to_owned())
            .collect();
        assert_eq!(steps, LANDED);
    }
}
