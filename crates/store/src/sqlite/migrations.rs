//! The schema, step by step. A step is one transaction, never changes once released, and there is
//! no way back.

use super::errors::from_sqlite;
use crate::contract::{Result, StoreError};
use rusqlite::Connection;

/// The steps, the first one first.
const STEPS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_begin.sql"),
    include_str!("../migrations/sqlite/0002_people.sql"),
    include_str!("../migrations/sqlite/0003_views.sql"),
    include_str!("../migrations/sqlite/0004_credentials.sql"),
    include_str!("../migrations/sqlite/0005_logins.sql"),
    include_str!("../migrations/sqlite/0006_alerts.sql"),
    include_str!("../migrations/sqlite/0007_access.sql"),
    include_str!("../migrations/sqlite/0008_credentials_taken.sql"),
];

/// The newest schema version that this program knows.
pub(super) fn newest() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// The schema version of a database; 0 for an empty one. `Newer` when this program does not know
/// it.
pub(super) fn version(connection: &Connection, place: &str) -> Result<u32> {
    let found: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| from_sqlite(&error, "reading the schema's version", place))?;
    if found > newest() {
        return Err(StoreError::Newer {
            place: place.into(),
            found,
            known: newest(),
        });
    }
    Ok(found)
}

/// Takes every step that is still to be taken.
pub(super) fn migrate(connection: &mut Connection, place: &str) -> Result<()> {
    let done = version(connection, place)?;
    for (step, number) in STEPS.iter().zip(1_u32..).skip(done as usize) {
        let mut take = || {
            let transaction = connection.transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()
        };
        take().map_err(|error| {
            from_sqlite(
                &error,
                &format!("bringing the schema to version {number}"),
                place,
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(connection: &Connection) -> Vec<String> {
        let mut statement = connection
            .prepare("SELECT COALESCE(sql, name) FROM sqlite_schema ORDER BY name")
            .expect("prepared");
        let rows = statement.query_map([], |row| row.get(0)).expect("asked");
        rows.collect::<rusqlite::Result<_>>().expect("read")
    }

    #[test]
    fn again_is_nothing_and_every_step_counts_one() {
        let mut one = Connection::open_in_memory().expect("opened");
        migrate(&mut one, "").expect("migrated");
        assert_eq!(version(&one, "").expect("read"), newest());
        let fresh = schema(&one);
        migrate(&mut one, "").expect("migrated");
        assert_eq!(schema(&one), fresh);
    }

    /// The steps that are out there, by the beginning of their BLAKE3. A database that took one
    /// does not take it again: whatever is to be another way is a step of its own.
    const LANDED: &[&str] = &[
        "a94b0edf5c952f63",
        "dc3ad24a4bde8f38",
        "ccfad80bad86d9ee",
        "a2a260c17cf6e24c",
        "48b5bf970ac16002",
        "e780f652ee4224f2",
        "36c9c1aa963fd867",
        "d014b42d2e8a4e19",
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
