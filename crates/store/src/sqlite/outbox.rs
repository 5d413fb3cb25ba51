//! The outbox.

use super::errors::{Answer, Fault};
use super::values::{from_json, micros, micros_of, named, time, time_of, to_json};
use super::writer::Tx;
use super::{SqliteStore, changes, idempotency};
use crate::contract::Result;
use crate::contract::idempotency::IdempotencyClaim;
use crate::contract::outbox::{Outbox, OutboxQuery};
use crate::text::Texts as _;
use async_trait::async_trait;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::outbox::OutboxItem;
use postroom_model::{KeyId, MailboxId, MessageId, OutboxId, Timestamp};
use rusqlite::{Row, params, params_from_iter, types::Value};
use std::fmt::Write as _;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, mailbox, key, kind, original, status, step, message_id,
                internet_message_id, conversation_id, reason, attempts, created_at, due_at,
                sent_at, doubtful_since, message FROM outbox ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO outbox (id, mailbox, key, kind, original, status, step,
        message_id, internet_message_id, conversation_id, reason, attempts, created_at, due_at,
        sent_at, doubtful_since, message)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const SAVE: &str = "UPDATE outbox SET status = $1, step = $2, message_id = $3,
        internet_message_id = $4, conversation_id = $5, reason = $6, attempts = $7, due_at = $8,
        sent_at = $9, doubtful_since = $10, message = $11
    WHERE id = $12 AND status = $13 AND step = $14 AND attempts = $15";
// The status's words as the index has them.
const DUE: &str = select!(
    "WHERE status IN ('queued', 'sending') AND due_at <= $1 ORDER BY created_at, id LIMIT $2"
);
const NEXT_DUE: &str = "SELECT MIN(due_at) FROM outbox WHERE status IN ('queued', 'sending')";
const HAS_BLOB: &str = "SELECT EXISTS (SELECT 1 FROM blobs WHERE hash = $1)";
const NAME_BLOB: &str = "INSERT INTO outbox_blobs (outbox, hash) VALUES ($1, $2)
    ON CONFLICT (outbox, hash) DO NOTHING";
const FORGET_BLOBS: &str = "DELETE FROM outbox_blobs WHERE outbox = $1";

fn item(row: &Row<'_>) -> Answer<OutboxItem> {
    Ok(OutboxItem {
        id: OutboxId::new(row.get::<_, String>(0)?),
        mailbox: MailboxId::new(row.get::<_, String>(1)?),
        key: row.get::<_, Option<String>>(2)?.map(KeyId::new),
        kind: named(row.get(3)?)?,
        original: row.get::<_, Option<String>>(4)?.map(MessageId::new),
        status: named(row.get(5)?)?,
        step: named(row.get(6)?)?,
        message_id: row.get::<_, Option<String>>(7)?.map(MessageId::new),
        internet_message_id: row.get(8)?,
        conversation_id: row.get(9)?,
        reason: row.get(10)?,
        attempts: row.get(11)?,
        created_at: time(row.get(12)?)?,
        due_at: time(row.get(13)?)?,
        sent_at: time_of(row.get(14)?)?,
        doubtful_since: time_of(row.get(15)?)?,
        message: from_json(&row.get::<_, String>(16)?)?,
    })
}

/// Says which contents an item needs. One that is not here was collected: such an item could never
/// leave, so it is not taken in.
fn name_blobs(tx: &Tx<'_>, item: &OutboxItem) -> Answer<()> {
    for attachment in &item.message.attachments {
        let there: bool = tx
            .prepare_cached(HAS_BLOB)?
            .query_row([&attachment.blob], |row| row.get(0))?;
        if !there {
            return Err(Fault::Broken(
                "the content of an attachment is not in the store",
            ));
        }
        tx.prepare_cached(NAME_BLOB)?
            .execute(params![item.id.as_str(), attachment.blob])?;
    }
    Ok(())
}

/// Takes an item in, with its change and the answer to its call.
pub(super) fn accept(
    tx: &Tx<'_>,
    item: &OutboxItem,
    claim: Option<&IdempotencyClaim>,
) -> Answer<()> {
    let item = &item.cleaned();
    let id = item.id.as_str();
    tx.prepare_cached(INSERT)?.execute(params![
        id,
        item.mailbox.as_str(),
        item.key.as_ref().map(KeyId::as_str),
        item.kind.name(),
        item.original.as_ref().map(MessageId::as_str),
        item.status.name(),
        item.step.name(),
        item.message_id.as_ref().map(MessageId::as_str),
        item.internet_message_id,
        item.conversation_id,
        item.reason,
        item.attempts,
        micros(item.created_at),
        micros(item.due_at),
        micros_of(item.sent_at),
        micros_of(item.doubtful_since),
        to_json(&item.message)?,
    ])?;
    name_blobs(tx, item)?;
    if let Some(claim) = claim {
        idempotency::answer(tx, claim, item.created_at)?;
    }
    changes::write_one(
        tx,
        item.mailbox.as_str(),
        ChangedResource::Outbox,
        id,
        ChangeKind::Created,
        item.created_at,
    )
}

fn list(query: &OutboxQuery) -> (String, Vec<Value>) {
    let mut sql = String::from(select!("WHERE 1 = 1"));
    let mut values = Vec::new();
    let mut any_of = |sql: &mut String, column: &str, list: Vec<Value>| {
        // An empty list is written, and matches nothing.
        let _ = write!(sql, " AND {column} IN (");
        for (index, value) in list.into_iter().enumerate() {
            values.push(value);
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}", values.len());
        }
        sql.push(')');
    };
    if let Some(mailboxes) = &query.mailboxes {
        let mailboxes = mailboxes.iter();
        any_of(
            &mut sql,
            "mailbox",
            mailboxes
                .map(|it| Value::from(it.as_str().to_owned()))
                .collect(),
        );
    }
    if !query.statuses.is_empty() {
        let statuses = query.statuses.iter();
        any_of(
            &mut sql,
            "status",
            statuses
                .map(|it| Value::from(it.name().to_owned()))
                .collect(),
        );
    }
    if let Some(after) = &query.after {
        values.push(Value::from(after.as_str().to_owned()));
        let _ = write!(
            sql,
            " AND (created_at, id) < (SELECT created_at, id FROM outbox WHERE id = ${})",
            values.len()
        );
    }
    values.push(Value::from(i64::from(query.limit)));
    let _ = write!(
        sql,
        " ORDER BY created_at DESC, id DESC LIMIT ${}",
        values.len()
    );
    (sql, values)
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn accept_outbox(
        &self,
        item: &OutboxItem,
        claim: Option<&IdempotencyClaim>,
    ) -> Result<()> {
        let (item, claim) = (item.clone(), claim.cloned());
        self.write("accepting an outbox item", move |tx| {
            accept(tx, &item, claim.as_ref())
        })
        .await
    }

    async fn outbox_item(&self, id: &OutboxId) -> Result<Option<OutboxItem>> {
        self.read("reading an outbox item", |connection| {
            let mut statement = connection.prepare_cached(select!("WHERE id = $1"))?;
            let mut rows = statement.query([id.as_str()])?;
            rows.next()?.map(item).transpose()
        })
    }

    async fn list_outbox(&self, query: &OutboxQuery) -> Result<Vec<OutboxItem>> {
        let (sql, values) = list(query);
        self.read("listing the outbox", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_and_then(params_from_iter(values), item)?
                .collect()
        })
    }

    async fn due_outbox(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxItem>> {
        self.read("looking what is due in the outbox", |connection| {
            let mut statement = connection.prepare_cached(DUE)?;
            statement
                .query_and_then(params![micros(now), limit], item)?
                .collect()
        })
    }

    async fn next_due_outbox(&self) -> Result<Option<Timestamp>> {
        self.read("looking when the outbox is due", |connection| {
            time_of(
                connection
                    .prepare_cached(NEXT_DUE)?
                    .query_row([], |row| row.get(0))?,
            )
        })
    }

    async fn save_outbox(&self, was: &OutboxItem, now: &OutboxItem, at: Timestamp) -> Result<bool> {
        let (was, now) = (was.clone(), now.cleaned());
        self.write("writing an outbox item", move |tx| {
            let id = was.id.as_str();
            let rows = tx.prepare_cached(SAVE)?.execute(params![
                now.status.name(),
                now.step.name(),
                now.message_id.as_ref().map(MessageId::as_str),
                now.internet_message_id,
                now.conversation_id,
                now.reason,
                now.attempts,
                micros(now.due_at),
                micros_of(now.sent_at),
                micros_of(now.doubtful_since),
                to_json(&now.message)?,
                id,
                was.status.name(),
                was.step.name(),
                was.attempts,
            ])?;
            if rows == 0 {
                return Ok(false);
            }
            if was.message.attachments != now.message.attachments {
                tx.prepare_cached(FORGET_BLOBS)?.execute([id])?;
                name_blobs(tx, &now)?;
            }
            if was.status != now.status {
                changes::write_one(
                    tx,
                    was.mailbox.as_str(),
                    ChangedResource::Outbox,
                    id,
                    ChangeKind::Updated,
                    at,
                )?;
            }
            Ok(true)
        })
        .await
    }
}
