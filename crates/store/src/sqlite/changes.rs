//! The change feed.

use super::errors::{Answer, Fault};
use super::values::{affected, count, micros, named, time};
use super::writer::Tx;
use super::{SqliteStore, numbers};
use crate::change_cursor::CursorText;
use crate::contract::changes::{ChangePage, ChangeQuery, Changes};
use crate::contract::{Result, StoreError};
use async_trait::async_trait;
use postroom_model::change::{Change, ChangeKind, ChangedResource};
use postroom_model::{MailboxId, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};
use std::fmt::Write as _;
use tokio::sync::watch;

const LAST_NUMBER: &str = "SELECT last_change FROM mailbox_numbers WHERE number = $1";
const COUNT_ON: &str = "UPDATE mailbox_numbers SET last_change = $1 WHERE number = $2";
const INSERT: &str = "INSERT INTO changes (mailbox, number, resource, id, kind, at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const LATEST: &str = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'changes'";
const FORGOTTEN: &str = "SELECT forgotten FROM store";
const FORGET_MAILBOX: &str = "DELETE FROM changes WHERE mailbox = $1";
// Only from the old end, so that what is left has no gaps, even if the clock went back once.
const OLD_END: &str = "SELECT COALESCE(
        (SELECT position - 1 FROM changes WHERE at >= $1 ORDER BY position LIMIT 1),
        (SELECT MAX(position) FROM changes),
        0)";
const PRUNE: &str = "DELETE FROM changes WHERE position <= $1";
const SET_FORGOTTEN: &str = "UPDATE store SET forgotten = $1 WHERE forgotten < $1";

/// Writes changes of one mailbox within a unit of work. The number is read once and written once.
pub(super) struct ChangeWriter<'t, 'c> {
    tx: &'t Tx<'c>,
    mailbox: i64,
    last: i64,
    at: i64,
    written: bool,
}

impl<'t, 'c> ChangeWriter<'t, 'c> {
    /// For a mailbox by its number.
    pub(super) fn begin(tx: &'t Tx<'c>, mailbox: i64, at: Timestamp) -> Answer<Self> {
        let last = tx
            .prepare_cached(LAST_NUMBER)?
            .query_row([mailbox], |row| row.get(0))?;
        Ok(Self {
            tx,
            mailbox,
            last,
            at: micros(at),
            written: false,
        })
    }

    /// Writes the next one.
    pub(super) fn write(
        &mut self,
        resource: ChangedResource,
        id: &str,
        kind: ChangeKind,
    ) -> Answer<()> {
        self.last += 1;
        self.written = true;
        self.tx.prepare_cached(INSERT)?.execute(params![
            self.mailbox,
            self.last,
            resource.name(),
            id,
            kind.name(),
            self.at
        ])?;
        Ok(())
    }

    /// Writes how far it counted, and wakes readers when the commit is done.
    pub(super) fn finish(self) -> Answer<()> {
        if self.written {
            self.tx
                .prepare_cached(COUNT_ON)?
                .execute(params![self.last, self.mailbox])?;
            self.tx.changed();
        }
        Ok(())
    }
}

/// Writes one change of a mailbox that may be gone (the outbox outlives it).
pub(super) fn write_one(
    tx: &Tx<'_>,
    mailbox: &str,
    resource: ChangedResource,
    id: &str,
    kind: ChangeKind,
    at: Timestamp,
) -> Answer<()> {
    let number = numbers::any_mailbox(tx, mailbox)?;
    let mut writer = ChangeWriter::begin(tx, number, at)?;
    writer.write(resource, id, kind)?;
    writer.finish()
}

/// Forgets a mailbox's changes. Its numbers go on.
pub(super) fn forget_mailbox(tx: &Tx<'_>, mailbox: i64) -> Answer<()> {
    tx.prepare_cached(FORGET_MAILBOX)?.execute([mailbox])?;
    Ok(())
}

fn latest(connection: &Connection) -> Answer<i64> {
    Ok(connection
        .prepare_cached(LATEST)?
        .query_row([], |row| row.get(0))?)
}

/// Where to begin, if nothing behind that was forgotten.
fn start(connection: &Connection, cursor: CursorText<'_>, since: Option<&str>) -> Answer<i64> {
    let forgotten: i64 = connection
        .prepare_cached(FORGOTTEN)?
        .query_row([], |row| row.get(0))?;
    let Some(since) = since else {
        return Ok(forgotten);
    };
    match cursor.read(since) {
        // A position that was never given: of a store that was set back to an older copy.
        Some(position) if position >= forgotten && position <= latest(connection)? => Ok(position),
        _ => Err(Fault::Store(StoreError::CursorExpired)),
    }
}

/// The query's SQL with its values. `None` when nothing can match.
fn select(
    connection: &Connection,
    query: &ChangeQuery,
    start: i64,
    end: i64,
) -> Answer<Option<(String, Vec<Value>)>> {
    let mut sql = String::from(
        "SELECT c.position, m.mailbox, c.number, c.resource, c.id, c.kind, c.at
         FROM changes c JOIN mailbox_numbers m ON m.number = c.mailbox
         WHERE c.position > $1 AND c.position <= $2",
    );
    let mut values = vec![Value::from(start), Value::from(end)];
    let mut list = |column: &str, list: Vec<Value>| {
        let _ = write!(sql, " AND {column} IN (");
        for (index, value) in list.into_iter().enumerate() {
            values.push(value);
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}", values.len());
        }
        sql.push(')');
    };
    if let Some(mailboxes) = &query.mailboxes {
        let mut known = Vec::new();
        for mailbox in mailboxes {
            known.extend(numbers::known_mailbox(connection, mailbox.as_str())?.map(Value::from));
        }
        if known.is_empty() {
            return Ok(None);
        }
        // Of one mailbox an index has them in order; of more, the feed itself does, and the plus
        // keeps SQLite from sorting all that it finds for every page.
        let column = if known.len() == 1 {
            "c.mailbox"
        } else {
            "+c.mailbox"
        };
        list(column, known);
    }
    if !query.resources.is_empty() {
        let names = query.resources.iter();
        list(
            "c.resource",
            names.map(|it| Value::from(it.name().to_owned())).collect(),
        );
    }
    values.push(Value::from(i64::from(query.limit)));
    let _ = write!(sql, " ORDER BY c.position LIMIT ${}", values.len());
    Ok(Some((sql, values)))
}

fn change(cursor: &CursorText<'_>, row: &Row<'_>) -> Answer<(i64, Change)> {
    let position: i64 = row.get(0)?;
    Ok((
        position,
        Change {
            cursor: cursor.write(position),
            mailbox: MailboxId::new(row.get::<_, String>(1)?),
            number: count(row.get(2)?),
            resource: named(row.get(3)?)?,
            id: row.get(4)?,
            change: named(row.get(5)?)?,
            at: time(row.get(6)?)?,
        },
    ))
}

#[async_trait]
impl Changes for SqliteStore {
    async fn changes(&self, query: &ChangeQuery) -> Result<ChangePage> {
        let cursor = || CursorText { store: &self.0.id };
        self.read("reading changes", |connection| {
            // One snapshot for all of it, so that the cursor never jumps over what it did not see.
            let snapshot = connection.unchecked_transaction()?;
            let start = start(&snapshot, cursor(), query.since.as_deref())?;
            let end = latest(&snapshot)?;
            let mut found = Vec::new();
            if let Some((sql, values)) = select(&snapshot, query, start, end)? {
                let mut statement = snapshot.prepare_cached(&sql)?;
                found = statement
                    .query_and_then(params_from_iter(values), |row| change(&cursor(), row))?
                    .collect::<Answer<Vec<_>>>()?;
            }
            let full = found.len() >= query.limit as usize;
            let position = match found.last() {
                Some((position, _)) if full => *position,
                // A limit of nothing reads nothing and goes nowhere.
                None if full => start,
                _ => end,
            };
            Ok(ChangePage {
                changes: found.into_iter().map(|(_, change)| change).collect(),
                cursor: cursor().write(position),
            })
        })
    }

    async fn latest_change(&self) -> Result<String> {
        self.read("reading the end of the change feed", |connection| {
            Ok(CursorText { store: &self.0.id }.write(latest(connection)?))
        })
    }

    fn watch_changes(&self) -> watch::Receiver<u64> {
        self.0.feed.clone()
    }

    async fn prune_changes(&self, before: Timestamp) -> Result<u64> {
        self.write("forgetting changes", move |tx| {
            let end: i64 = tx
                .prepare_cached(OLD_END)?
                .query_row([micros(before)], |row| row.get(0))?;
            let rows = tx.prepare_cached(PRUNE)?.execute([end])?;
            if rows > 0 {
                tx.prepare_cached(SET_FORGOTTEN)?.execute([end])?;
            }
            Ok(affected(rows))
        })
        .await
    }
}
