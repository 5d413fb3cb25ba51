//! Mailboxes and how their mirrors stand.

use super::PostgresStore;
use super::errors::Answer;
use super::server::{Session, Tx};
use super::values::{at, at_of, count, kept, named, time, time_of};
use super::{changes, cursors, numbers};
use crate::contract::mailboxes::Mailboxes;
use crate::contract::{Result, StoreError};
use crate::text::{Texts as _, clean};
use crate::version::WRITING_MIRROR;
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::mailbox::{Mailbox, SyncState};
use postroom_model::{AccountId, ConnectionId, MailboxId};
use tokio_postgres::Row;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, connection, account, address, display_name, phase, messages_done,
                messages_total, last_synced_at, last_proven_at, error, created_at
             FROM mailboxes ",
            $end
        )
    };
}

const ONE: &str = select!("WHERE id = $1");
const BY_ADDRESS: &str =
    select!("WHERE address_folded = $1 ORDER BY created_at DESC, number DESC LIMIT 1");
const INSERT: &str = "INSERT INTO mailboxes (number, id, connection, account, address,
        address_folded, display_name, phase, messages_done, messages_total, last_synced_at,
        last_proven_at, error, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $13)";
// The connection follows the account.
const UPDATE: &str = "UPDATE mailboxes SET account = $1,
        connection = COALESCE((SELECT connection FROM accounts WHERE id = $1), connection),
        address = $2, address_folded = $3, display_name = $4
    WHERE id = $5";
const SET_SYNC: &str = "UPDATE mailboxes SET phase = $1, messages_total = $2, last_synced_at = $3,
        last_proven_at = $4, error = $5
    WHERE id = $6";
const COUNT: &str = "UPDATE mailboxes SET messages_done = messages_done + $1 WHERE number = $2";
const OF_ACCOUNT: &str = "SELECT id FROM mailboxes WHERE account = $1 ORDER BY number";
const OF_CONNECTION: &str = "SELECT id FROM mailboxes WHERE connection = $1
    OR account IN (SELECT id FROM accounts WHERE connection = $1) ORDER BY number";
const REMOVE: &str = "DELETE FROM mailboxes WHERE number = $1";

fn mailbox(row: &Row) -> Answer<Mailbox> {
    Ok(Mailbox {
        id: MailboxId::new(row.try_get::<_, String>(0)?),
        connection: ConnectionId::new(row.try_get::<_, String>(1)?),
        account: AccountId::new(row.try_get::<_, String>(2)?),
        address: row.try_get(3)?,
        display_name: row.try_get(4)?,
        sync: SyncState {
            state: named(row.try_get(5)?)?,
            messages_done: count(row.try_get(6)?),
            messages_total: row.try_get::<_, Option<i64>>(7)?.map(count),
            last_synced_at: time_of(row.try_get(8)?)?,
            last_proven_at: time_of(row.try_get(9)?)?,
            error: row.try_get(10)?,
        },
        created_at: time(row.try_get(11)?)?,
    })
}

async fn find(
    session: &Session<'_>,
    sql: &str,
    by: &[&(dyn ToSql + Sync)],
) -> Answer<Option<Mailbox>> {
    session
        .row_opt(sql, by)
        .await?
        .as_ref()
        .map(mailbox)
        .transpose()
}

/// Keeps `messagesDone` level within a unit of work.
pub(super) async fn count_messages(tx: &Tx<'_>, mailbox: i64, more: i64) -> Answer<()> {
    if more != 0 {
        tx.execute(COUNT, &[&more, &mailbox]).await?;
    }
    Ok(())
}

/// Removes one with all that hangs on it.
async fn remove(tx: &Tx<'_>, id: &str) -> Answer<bool> {
    let Some(mailbox) = numbers::lock_served(tx, id).await? else {
        return Ok(false);
    };
    cursors::forget_all(tx, id).await?;
    changes::forget_mailbox(tx, mailbox.number).await?;
    // Folders, messages, their texts and attachments go with it.
    tx.execute(REMOVE, &[&mailbox.number]).await?;
    Ok(true)
}

/// Removes those that a query names.
async fn remove_all(tx: &Tx<'_>, sql: &str, by: &str) -> Answer<()> {
    for row in tx.rows(sql, &[&by]).await? {
        remove(tx, row.try_get(0)?).await?;
    }
    Ok(())
}

/// Removes the mailboxes that an account reaches.
pub(super) async fn remove_of_account(tx: &Tx<'_>, account: &str) -> Answer<()> {
    remove_all(tx, OF_ACCOUNT, account).await
}

/// Removes a connection's mailboxes.
pub(super) async fn remove_of_connection(tx: &Tx<'_>, connection: &str) -> Answer<()> {
    remove_all(tx, OF_CONNECTION, connection).await
}

#[async_trait]
impl Mailboxes for PostgresStore {
    async fn insert_mailbox(&self, mailbox: &Mailbox) -> Result<()> {
        let mailbox = &mailbox.cleaned();
        self.server()
            .write("adding a mailbox", move |tx| {
                async move {
                    let id = mailbox.id.as_str();
                    let locked = numbers::lock_any(tx, id).await?;
                    if numbers::mailbox(tx, id).await?.is_some() {
                        return Err(StoreError::Conflict {
                            what: format!("the mailbox {}", mailbox.address),
                            existing: id.into(),
                        }
                        .into());
                    }
                    let sync = &mailbox.sync;
                    tx.execute(
                        INSERT,
                        &[
                            &locked.number,
                            &id,
                            &mailbox.connection.as_str(),
                            &mailbox.account.as_str(),
                            &mailbox.address,
                            &mailbox.address.to_lowercase(),
                            &mailbox.display_name,
                            &sync.state.name(),
                            &sync.messages_total.map(kept),
                            &at_of(sync.last_synced_at),
                            &at_of(sync.last_proven_at),
                            &sync.error,
                            &at(mailbox.created_at),
                        ],
                    )
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>> {
        self.server()
            .read("reading a mailbox", move |session| {
                async move { find(session, ONE, &[&id.as_str()]).await }.boxed()
            })
            .await
    }

    async fn mailbox_by_address(&self, address: &str) -> Result<Option<Mailbox>> {
        let folded = &address.to_lowercase();
        self.server()
            .read("looking up a mailbox", move |session| {
                async move { find(session, BY_ADDRESS, &[folded]).await }.boxed()
            })
            .await
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>> {
        self.server()
            .read("listing mailboxes", |session| {
                async move {
                    let sql = select!("ORDER BY address_folded, number");
                    let rows = session.rows(sql, &[]).await?;
                    rows.iter().map(mailbox).collect()
                }
                .boxed()
            })
            .await
    }

    async fn update_mailbox(
        &self,
        id: &MailboxId,
        account: &AccountId,
        address: &str,
        display_name: Option<&str>,
    ) -> Result<bool> {
        let (address, display_name) = (&*clean(address), &display_name.map(clean));
        self.server()
            .write("writing a mailbox", move |tx| {
                async move {
                    let rows = tx
                        .execute(
                            UPDATE,
                            &[
                                &account.as_str(),
                                &address,
                                &address.to_lowercase(),
                                &display_name.as_deref(),
                                &id.as_str(),
                            ],
                        )
                        .await?;
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }

    async fn set_sync_state(&self, id: &MailboxId, sync: &SyncState) -> Result<()> {
        let error = &sync.error.as_deref().map(clean);
        self.server()
            .write(WRITING_MIRROR, move |tx| {
                async move {
                    tx.execute(
                        SET_SYNC,
                        &[
                            &sync.state.name(),
                            &sync.messages_total.map(kept),
                            &at_of(sync.last_synced_at),
                            &at_of(sync.last_proven_at),
                            &error.as_deref(),
                            &id.as_str(),
                        ],
                    )
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn remove_mailbox(&self, id: &MailboxId) -> Result<bool> {
        self.server()
            .write("removing a mailbox", move |tx| {
                remove(tx, id.as_str()).boxed()
            })
            .await
    }
}
