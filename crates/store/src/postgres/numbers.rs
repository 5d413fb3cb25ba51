//! The store's own numbers for mailboxes and folders, and what they have counted up to. They
//! outlive what they stand for: see the schema.

use super::errors::{Answer, Fault};
use super::server::{Session, Tx};
use super::values::has_nul;

const MAILBOX: &str = "SELECT number FROM mailboxes WHERE id = $1";
const LOCK: &str = "SELECT number, last_change FROM mailbox_numbers WHERE mailbox = $1
    FOR NO KEY UPDATE";
const NEW: &str = "INSERT INTO mailbox_numbers (mailbox, last_change) VALUES ($1, 0)
    ON CONFLICT (mailbox) DO NOTHING";
const COUNT_ON: &str = "UPDATE mailbox_numbers SET last_change = $1 WHERE number = $2";
const FOLDER: &str = "SELECT number FROM folder_numbers WHERE mailbox = $1 AND folder = $2";

/// A mailbox whose row is locked: nobody else writes into it until the transaction ends.
#[derive(Debug)]
pub(super) struct LockedMailbox {
    /// Its number.
    pub(super) number: i64,
    /// The number of its last change.
    pub(super) last_change: i64,
}

/// The number of a mailbox that is served.
pub(super) async fn mailbox(session: &Session<'_>, id: &str) -> Answer<Option<i64>> {
    let row = session.row_opt(MAILBOX, &[&id]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Locks a mailbox, served or not, if it has a number.
pub(super) async fn lock_known(tx: &Tx<'_>, id: &str) -> Answer<Option<LockedMailbox>> {
    let Some(row) = tx.row_opt(LOCK, &[&id]).await? else {
        return Ok(None);
    };
    Ok(Some(LockedMailbox {
        number: row.try_get(0)?,
        last_change: row.try_get(1)?,
    }))
}

/// Locks a mailbox, served or not; it gets a number if it had none.
pub(super) async fn lock_any(tx: &Tx<'_>, id: &str) -> Answer<LockedMailbox> {
    if let Some(known) = lock_known(tx, id).await? {
        return Ok(known);
    }
    tx.execute(NEW, &[&id]).await?;
    lock_known(tx, id)
        .await?
        .ok_or(Fault::Broken("a mailbox got no number"))
}

/// Locks a mailbox that is served. An id with U+0000 is nobody's.
pub(super) async fn lock_served(tx: &Tx<'_>, id: &str) -> Answer<Option<LockedMailbox>> {
    if has_nul(id) {
        return Ok(None);
    }
    tx.statements([LOCK, MAILBOX]).await?;
    // The second is asked under the lock of the first: whoever removes a mailbox takes it, too.
    let (locked, served) = tokio::join!(biased; lock_known(tx, id), mailbox(tx, id));
    let (locked, served) = (locked?, served?);
    Ok(locked.filter(|_| served.is_some()))
}

/// Writes up to which number a mailbox counted its changes.
pub(super) async fn count_on(tx: &Tx<'_>, mailbox: &LockedMailbox) -> Answer<()> {
    tx.execute(COUNT_ON, &[&mailbox.last_change, &mailbox.number])
        .await?;
    Ok(())
}

/// The number of a folder, if it has one.
pub(super) async fn folder(session: &Session<'_>, mailbox: i64, id: &str) -> Answer<Option<i64>> {
    if has_nul(id) {
        return Ok(None);
    }
    let row = session.row_opt(FOLDER, &[&mailbox, &id]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
