//! Cursors.

use super::PostgresStore;
use super::errors::Answer;
use super::server::Tx;
use crate::contract::Result;
use crate::contract::cursors::{Cursor, CursorKey, Cursors};
use async_trait::async_trait;
use futures::FutureExt as _;

const GET: &str = "SELECT link, complete, comparison FROM cursors
    WHERE owner = $1 AND kind = $2 AND scope = $3";
/// Writes a cursor: owner, kind, scope, link, complete, comparison.
pub(super) const PUT: &str = "INSERT INTO cursors (owner, kind, scope, link, complete, comparison)
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
pub(super) async fn put(
    tx: &Tx<'_>,
    owner: &str,
    kind: &str,
    scope: &str,
    cursor: &Cursor,
) -> Answer<()> {
    tx.execute(
        PUT,
        &[
            &owner,
            &kind,
            &scope,
            &cursor.link,
            &cursor.complete,
            &cursor.comparison,
        ],
    )
    .await?;
    Ok(())
}

/// Forgets a cursor.
pub(super) async fn forget(tx: &Tx<'_>, owner: &str, kind: &str, scope: &str) -> Answer<()> {
    tx.execute(FORGET, &[&owner, &kind, &scope]).await?;
    Ok(())
}

/// Forgets every cursor of an owner.
pub(super) async fn forget_all(tx: &Tx<'_>, owner: &str) -> Answer<()> {
    tx.execute(FORGET_ALL, &[&owner]).await?;
    Ok(())
}

#[async_trait]
impl Cursors for PostgresStore {
    async fn cursor(&self, key: &CursorKey) -> Result<Option<Cursor>> {
        self.server()
            .read("reading a cursor", move |session| {
                async move {
                    let row = session
                        .row_opt(GET, &[&key.owner, &key.kind, &key.scope])
                        .await?;
                    let Some(row) = row else { return Ok(None) };
                    Ok(Some(Cursor {
                        link: row.try_get(0)?,
                        complete: row.try_get(1)?,
                        comparison: row.try_get(2)?,
                    }))
                }
                .boxed()
            })
            .await
    }

    async fn forget_cursor(&self, key: &CursorKey) -> Result<()> {
        self.server()
            .write("forgetting a cursor", move |tx| {
                forget(tx, &key.owner, key.kind, &key.scope).boxed()
            })
            .await
    }
}
