//! What is looked at before a database is used: whether it is fit, and whether it is ours.

use super::server::opening;
use super::vault;
use crate::contract::{Result, StoreError};
use crate::seal::{MasterKey, Vault, VaultReset, new_store_id};
use tokio_postgres::Client;

/// PostgreSQL 15, as `server_version_num` has it.
const OLDEST: i32 = 150_000;

/// The collation by which searches make small letters: Unicode's own.
pub(super) const COLLATION: &str = "und-x-icu";

const ABOUT: &str = "SELECT current_setting('server_version_num')::int,
    current_setting('server_version'), current_setting('server_encoding'),
    EXISTS (SELECT 1 FROM pg_collation WHERE collname = $1), pg_is_in_recovery(),
    has_database_privilege(current_database(), 'CREATE')";
const OURS: &str = "SELECT to_regclass('postroom_data.store') IS NOT NULL
    AND to_regclass('postroom_data.schema_versions') IS NOT NULL";
// What belongs to an extension is nobody's program.
const FOREIGN: &str = "SELECT n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid
            AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    ORDER BY (n.nspname IN ('postroom', 'postroom_data')) DESC, 1 LIMIT 1";
const NEW_STORE: &str = "INSERT INTO store (one, id, checks, forgotten) VALUES (1, $1, 0, 0)
    ON CONFLICT (one) DO NOTHING";

/// What the server told of itself.
#[derive(Debug)]
pub(super) struct About {
    /// Its version, for people.
    pub(super) version: String,
    /// Whether Postroom's tables are there.
    pub(super) is_ours: bool,
}

/// Whether a server's version will do; else why not.
fn is_old(number: i32, version: &str) -> Option<String> {
    (number < OLDEST).then(|| {
        format!("it is PostgreSQL {version}, and PostgreSQL 15 is the oldest that will do")
    })
}

/// Looks at the database. `Unusable` or `ReadOnly`, with what to do, when it will not do.
pub(super) async fn examine(client: &Client, place: &str) -> Result<About> {
    let failed = |error| opening(&error, place);
    let unusable = |reason: String| StoreError::Unusable {
        place: place.into(),
        reason,
    };
    let row = client
        .query_one(ABOUT, &[&COLLATION])
        .await
        .map_err(failed)?;
    let version: String = row.try_get(1).map_err(failed)?;
    if let Some(reason) = is_old(row.try_get(0).map_err(failed)?, &version) {
        return Err(unusable(reason));
    }
    let encoding: String = row.try_get(2).map_err(failed)?;
    if encoding != "UTF8" {
        return Err(unusable(format!(
            "its encoding is {encoding}, and mail is in every script: make a database with \
             createdb --encoding=UTF8 --template=template0 postroom"
        )));
    }
    if !row.try_get::<_, bool>(3).map_err(failed)? {
        return Err(unusable(format!(
            "it has no collation {COLLATION:?}, by which texts are searched: use a PostgreSQL that \
             was built with ICU, as all packages are, or run SELECT \
             pg_import_system_collations('pg_catalog') as a superuser"
        )));
    }
    if row.try_get(4).map_err(failed)? {
        return Err(StoreError::ReadOnly {
            place: place.into(),
            reason: "it is a standby: give the primary's address".into(),
        });
    }
    let is_ours = is_ours(client, place).await?;
    if !is_ours {
        if let Some(row) = client.query_opt(FOREIGN, &[]).await.map_err(failed)? {
            let table: String = row.try_get(0).map_err(failed)?;
            return Err(unusable(format!(
                "it holds tables of another program ({table}): make a database for Postroom alone, \
                 with createdb postroom"
            )));
        }
        if !row.try_get::<_, bool>(5).map_err(failed)? {
            return Err(unusable(
                "the role may not create schemas in it: let it own the database (ALTER DATABASE … \
                 OWNER TO …), or GRANT CREATE ON DATABASE … TO …"
                    .into(),
            ));
        }
    }
    Ok(About { version, is_ours })
}

/// Whether Postroom's tables are there.
pub(super) async fn is_ours(client: &Client, place: &str) -> Result<bool> {
    client
        .query_one(OURS, &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| opening(&error, place))
}

/// Writes what a new store needs, and opens the data keys, in one transaction. Gives the store's id,
/// too.
pub(super) async fn prepare(
    client: &mut Client,
    master: &MasterKey,
    reset: Option<VaultReset>,
    place: &str,
) -> Result<(Vault, String)> {
    let failed = |error| opening(&error, place);
    let transaction = client.transaction().await.map_err(failed)?;
    // Whoever comes second waits for the first one's row.
    transaction
        .execute(NEW_STORE, &[&new_store_id()?])
        .await
        .map_err(failed)?;
    let id = transaction
        .query_one("SELECT id FROM store FOR SHARE", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    let vault = vault::open(&transaction, master, reset, place).await?;
    transaction.commit().await.map_err(failed)?;
    Ok((vault, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_told_so() {
        for (number, version, old) in [
            (90_624, "9.6.24", true),
            (140_012, "14.12", true),
            (150_000, "15.0", false),
            (180_001, "18.1", false),
        ] {
            let reason = is_old(number, version);
            assert_eq!(reason.is_some(), old, "{version}");
            assert!(reason.is_none_or(|reason| reason.contains(version)));
        }
    }
}
