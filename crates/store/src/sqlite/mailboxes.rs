//! Mailboxes and how their mirrors stand.

use super::errors::Answer;
use super::values::{count, kept, micros, micros_of, named, time, time_of};
use super::writer::Tx;
use super::{SqliteStore, changes, cursors, numbers};
use crate::contract::mailboxes::Mailboxes;
use crate::contract::{Result, StoreError};
use crate::text::{Texts as _, clean};
use crate::version::WRITING_MIRROR;
use async_trait::async_trait;
use postroom_model::mailbox::{Mailbox, SyncState};
use postroom_model::{AccountId, ConnectionId, MailboxId};
use rusqlite::{Connection, Params, Row, params};

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
const OF_ACCOUNT: &str = "SELECT number, id FROM mailboxes WHERE account = $1";
const OF_CONNECTION: &str = "SELECT number, id FROM mailboxes WHERE connection = $1
    OR account IN (SELECT id FROM accounts WHERE connection = $1)";
const BY_ID: &str = "SELECT number, id FROM mailboxes WHERE id = $1";
const REMOVE: &str = "DELETE FROM mailboxes WHERE number = $1";

fn mailbox(row: &Row<'_>) -> Answer<Mailbox> {
    Ok(Mailbox {
        id: MailboxId::new(row.get::<_, String>(0)?),
        connection: ConnectionId::new(row.get::<_, String>(1)?),
        account: AccountId::new(row.get::<_, String>(2)?),
        address: row.get(3)?,
        display_name: row.get(4)?,
        sync: SyncState {
            state: named(row.get(5)?)?,
            messages_done: count(row.get(6)?),
            messages_total: row.get::<_, Option<i64>>(7)?.map(count),
            last_synced_at: time_of(row.get(8)?)?,
            last_proven_at: time_of(row.get(9)?)?,
            error: row.get(10)?,
        },
        created_at: time(row.get(11)?)?,
    })
}

fn find(connection: &Connection, sql: &str, by: impl Params) -> Answer<Option<Mailbox>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    rows.next()?.map(mailbox).transpose()
}

/// Keeps `messagesDone` level within a unit of work.
pub(super) fn count_messages(tx: &Tx<'_>, mailbox: i64, more: i64) -> Answer<()> {
    if more != 0 {
        tx.prepare_cached(COUNT)?.execute(params![more, mailbox])?;
    }
    Ok(())
}

/// Removes those that a query names, with all that hangs on them. Gives how many.
fn remove(tx: &Tx<'_>, sql: &str, by: &str) -> Answer<usize> {
    let found = tx
        .prepare_cached(sql)?
        .query_map([by], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    for (number, id) in &found {
        cursors::forget_all(tx, id)?;
        changes::forget_mailbox(tx, *number)?;
        // Folders, messages, their texts and attachments go with it.
        tx.prepare_cached(REMOVE)?.execute([number])?;
    }
    Ok(found.len())
}

/// Removes the mailboxes that an account reaches.
pub(super) fn remove_of_account(tx: &Tx<'_>, account: &str) -> Answer<()> {
    remove(tx, OF_ACCOUNT, account).map(drop)
}

/// Removes a connection's mailboxes.
pub(super) fn remove_of_connection(tx: &Tx<'_>, connection: &str) -> Answer<()> {
    remove(tx, OF_CONNECTION, connection).map(drop)
}

#[async_trait]
impl Mailboxes for SqliteStore {
    async fn insert_mailbox(&self, mailbox: &Mailbox) -> Result<()> {
        let mailbox = mailbox.cleaned();
        self.write("adding a mailbox", move |tx| {
            let id = mailbox.id.as_str();
            if numbers::mailbox(tx, id)?.is_some() {
                return Err(StoreError::Conflict {
                    what: format!("the mailbox {}", mailbox.address),
                    existing: id.into(),
                }
                .into());
            }
            let sync = &mailbox.sync;
            tx.prepare_cached(INSERT)?.execute(params![
                numbers::any_mailbox(tx, id)?,
                id,
                mailbox.connection.as_str(),
                mailbox.account.as_str(),
                mailbox.address,
                mailbox.address.to_lowercase(),
                mailbox.display_name,
                sync.state.name(),
                sync.messages_total.map(kept),
                micros_of(sync.last_synced_at),
                micros_of(sync.last_proven_at),
                sync.error,
                micros(mailbox.created_at),
            ])?;
            Ok(())
        })
        .await
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>> {
        self.read("reading a mailbox", |connection| {
            find(connection, select!("WHERE id = $1"), [id.as_str()])
        })
    }

    async fn mailbox_by_address(&self, address: &str) -> Result<Option<Mailbox>> {
        self.read("looking up a mailbox", |connection| {
            find(
                connection,
                select!("WHERE address_folded = $1 ORDER BY created_at DESC, number DESC LIMIT 1"),
                [address.to_lowercase()],
            )
        })
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>> {
        self.read("listing mailboxes", |connection| {
            let mut statement =
                connection.prepare_cached(select!("ORDER BY address_folded, number"))?;
            statement.query_and_then([], mailbox)?.collect()
        })
    }

    async fn update_mailbox(
        &self,
        id: &MailboxId,
        account: &AccountId,
        address: &str,
        display_name: Option<&str>,
    ) -> Result<bool> {
        let (id, account) = (id.clone(), account.clone());
        let address = clean(address).into_owned();
        let display_name = display_name.map(|it| clean(it).into_owned());
        self.write("writing a mailbox", move |tx| {
            let rows = tx.prepare_cached(UPDATE)?.execute(params![
                account.as_str(),
                address,
                address.to_lowercase(),
                display_name,
                id.as_str(),
            ])?;
            Ok(rows > 0)
        })
        .await
    }

    async fn set_sync_state(&self, id: &MailboxId, sync: &SyncState) -> Result<()> {
        let (id, sync) = (id.clone(), sync.clone());
        let error = sync.error.as_deref().map(|it| clean(it).into_owned());
        self.write(WRITING_MIRROR, move |tx| {
            tx.prepare_cached(SET_SYNC)?.execute(params![
                sync.state.name(),
                sync.messages_total.map(kept),
                micros_of(sync.last_synced_at),
                micros_of(sync.last_proven_at),
                error,
                id.as_str(),
            ])?;
            Ok(())
        })
        .await
    }

    async fn remove_mailbox(&self, id: &MailboxId) -> Result<bool> {
        let id = id.clone();
        self.write("removing a mailbox", move |tx| {
            Ok(remove(tx, BY_ID, id.as_str())? > 0)
        })
        .await
    }
}
