//! The store's own numbers for mailboxes and folders, and what they have counted up to. They
//! outlive what they stand for: see the schema.

use super::errors::Answer;
use super::writer::Tx;
use rusqlite::{Connection, OptionalExtension as _, params};

const MAILBOX: &str = "SELECT number FROM mailboxes WHERE id = $1";
const ANY_MAILBOX: &str = "INSERT INTO mailbox_numbers (mailbox, last_change) VALUES ($1, 0)
    ON CONFLICT (mailbox) DO UPDATE SET mailbox = excluded.mailbox RETURNING number";
const KNOWN_MAILBOX: &str = "SELECT number FROM mailbox_numbers WHERE mailbox = $1";
const FOLDER: &str = "SELECT number FROM folder_numbers WHERE mailbox = $1 AND folder = $2";
const ANY_FOLDER: &str = "INSERT INTO folder_numbers (mailbox, folder, last_message)
    VALUES ($1, $2, 0)
    ON CONFLICT (mailbox, folder) DO UPDATE SET folder = excluded.folder
    RETURNING number, last_message";
const COUNT_ON: &str = "UPDATE folder_numbers SET last_message = $1 WHERE number = $2";

/// The number of a mailbox that is served.
pub(super) fn mailbox(connection: &Connection, id: &str) -> Answer<Option<i64>> {
    Ok(connection
        .prepare_cached(MAILBOX)?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// The number of a mailbox, served or not; it gets one if it had none.
pub(super) fn any_mailbox(tx: &Tx<'_>, id: &str) -> Answer<i64> {
    if let Some(number) = known_mailbox(tx, id)? {
        return Ok(number);
    }
    Ok(tx
        .prepare_cached(ANY_MAILBOX)?
        .query_row([id], |row| row.get(0))?)
}

/// The number of a mailbox, served or not, if it has one.
pub(super) fn known_mailbox(connection: &Connection, id: &str) -> Answer<Option<i64>> {
    Ok(connection
        .prepare_cached(KNOWN_MAILBOX)?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// The number of a folder, if it has one.
pub(super) fn folder(connection: &Connection, mailbox: i64, id: &str) -> Answer<Option<i64>> {
    Ok(connection
        .prepare_cached(FOLDER)?
        .query_row(params![mailbox, id], |row| row.get(0))
        .optional()?)
}

/// A folder that gives numbers to messages. Read once, counted in memory, written once at the end.
#[derive(Debug)]
pub(super) struct FolderCounter {
    /// The folder's number.
    pub(super) number: i64,
    last: i64,
    moved: bool,
}

impl FolderCounter {
    /// Of a folder, known or new.
    pub(super) fn begin(tx: &Tx<'_>, mailbox: i64, id: &str) -> Answer<Self> {
        Ok(tx
            .prepare_cached(ANY_FOLDER)?
            .query_row(params![mailbox, id], |row| {
                Ok(Self {
                    number: row.get(0)?,
                    last: row.get(1)?,
                    moved: false,
                })
            })?)
    }

    /// The next number for a message in the folder.
    pub(super) fn next(&mut self) -> i64 {
        self.moved = true;
        self.last += 1;
        self.last
    }

    /// Writes how far it counted.
    pub(super) fn finish(&self, tx: &Tx<'_>) -> Answer<()> {
        if self.moved {
            tx.prepare_cached(COUNT_ON)?
                .execute(params![self.last, self.number])?;
        }
        Ok(())
    }
}
