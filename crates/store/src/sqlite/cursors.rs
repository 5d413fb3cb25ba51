//! Cursors.

use super::SqliteStore;
use super::errors::Answer;
use super::writer::Tx;
use crate::contract::Result;
use crate::contract::cursors::{Cursor, CursorKey, Cursors};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};

const GET: &str = "SELECT link, complete, comparison FROM cursors
    WHERE owner = $1 AND kind = $2 AND scope = $3";
const PUT: &str = "INSERT INTO cursors (owner, kind, scope, link, complete, comparison)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (owner, kind, scope) DO UPDATE SET link = excluded.link,
        complete = excluded.complete, comparison = excluded.comparison";
const FORGET: &str = "DELETE FROM cursors WHERE owner = $1 AND kind = $2 AND scope = $3";
const FORGET_ALL: &str = "DELETE FROM cursors WHERE owner = $1";

/// The kind of a mailbox's folder tree.
pub(super) const MAIL_FOLDERS: &str = "mailFolders";
/// The kind of a folder's messages.
pub(super) const MESSAGES: &str = "messages";

/// Writes a cursor within the unit of work that it covers.
pub(super) fn put(
    tx: &Tx<'_>,
    owner: &str,
    kind: &str,
    scope: &str,
    cursor: &Cursor,
) -> Answer<()> {
    tx.prepare_cached(PUT)?.execute(params![
        owner,
        kind,
        scope,
        cursor.link,
        cursor.complete,
        cursor.comparison
    ])?;
    Ok(())
}

/// Forgets a cursor.
pub(super) fn forget(tx: &Tx<'_>, owner: &str, kind: &str, scope: &str) -> Answer<()> {
    tx.prepare_cached(FORGET)?
        .execute(params![owner, kind, scope])?;
    Ok(())
}

/// Forgets every cursor of an owner.
pub(super) fn forget_all(tx: &Tx<'_>, owner: &str) -> Answer<()> {
    tx.prepare_cached(FORGET_ALL)?.execute([owner])?;
    Ok(())
}

#[async_trait]
impl Cursors for SqliteStore {
    async fn cursor(&self, key: &CursorKey) -> Result<Option<Cursor>> {
        self.read("reading a cursor", |connection| {
            Ok(connection
                .prepare_cached(GET)?
                .query_row(params![key.owner, key.kind, key.scope], |row| {
                    Ok(Cursor {
                        link: row.get(0)?,
                        complete: row.get(1)?,
                        comparison: row.get(2)?,
                    })
                })
                .optional()?)
        })
    }

    async fn forget_cursor(&self, key: &CursorKey) -> Result<()> {
        let key = key.clone();
        self.write("forgetting a cursor", move |tx| {
            forget(tx, &key.owner, key.kind, &key.scope)
        })
        .await
    }
}
