//! The outbox.

use super::PostgresStore;
use super::conditions::Conditions;
use super::contents::must_be_here;
use super::errors::{Answer, Fault};
use super::server::Tx;
use super::values::{at, at_of, from_json, named, small, texts, time, time_of, to_json};
use super::{changes, idempotency};
use crate::contract::Result;
use crate::contract::idempotency::IdempotencyClaim;
use crate::contract::outbox::{Outbox, OutboxQuery};
use crate::text::Texts as _;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::outbox::OutboxItem;
use postroom_model::{KeyId, MailboxId, MessageId, OutboxId, Timestamp};
use std::collections::BTreeSet;
use tokio_postgres::Row;

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

const ONE: &str = select!("WHERE id = $1");
const INSERT: &str = "INSERT INTO outbox (id, mailbox, key, kind, original, status, step,
        message_id, internet_message_id, conversation_id, reason, attempts, created_at, due_at,
        sent_at, doubtful_since, message)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const SAVE: &str = "UPDATE outbox SET status = $1, step = $2, message_id = $3,
        internet_message_id = $4, conversation_id = $5, reason = $6, attempts = $7, due_at = $8,
        sent_at = $9, doubtful_since = $10, message = $11
    WHERE id = $12 AND status = $13 AND step = $14 AND attempts = $15";
/// What is due at a time, so many. The status's words as the index has them.
pub(super) const DUE: &str = select!(
    "WHERE status IN ('queued', 'sending') AND due_at <= $1 ORDER BY created_at, id LIMIT $2"
);
const NEXT_DUE: &str = "SELECT MIN(due_at) FROM outbox WHERE status IN ('queued', 'sending')";
const NAME_BLOB: &str = "INSERT INTO outbox_blobs (outbox, hash) VALUES ($1, $2)
    ON CONFLICT (outbox, hash) DO NOTHING";
const FORGET_BLOBS: &str = "DELETE FROM outbox_blobs WHERE outbox = $1";

fn item(row: &Row) -> Answer<OutboxItem> {
    Ok(OutboxItem {
        id: OutboxId::new(row.try_get::<_, String>(0)?),
        mailbox: MailboxId::new(row.try_get::<_, String>(1)?),
        key: row.try_get::<_, Option<String>>(2)?.map(KeyId::new),
        kind: named(row.try_get(3)?)?,
        original: row.try_get::<_, Option<String>>(4)?.map(MessageId::new),
        status: named(row.try_get(5)?)?,
        step: named(row.try_get(6)?)?,
        message_id: row.try_get::<_, Option<String>>(7)?.map(MessageId::new),
        internet_message_id: row.try_get(8)?,
        conversation_id: row.try_get(9)?,
        reason: row.try_get(10)?,
        attempts: small(row.try_get(11)?)?,
        created_at: time(row.try_get(12)?)?,
        due_at: time(row.try_get(13)?)?,
        sent_at: time_of(row.try_get(14)?)?,
        doubtful_since: time_of(row.try_get(15)?)?,
        message: from_json(row.try_get(16)?)?,
    })
}

/// Says which contents an item needs. One that is not here was collected: such an item could never
/// leave, so it is not taken in.
async fn name_blobs(tx: &Tx<'_>, item: &OutboxItem) -> Answer<()> {
    // Sorted, so that two items lock them in the same order.
    let attachments = item.message.attachments.iter();
    let hashes: BTreeSet<&str> = attachments.map(|it| it.blob.as_str()).collect();
    for hash in hashes {
        must_be_here(tx, hash).await.map_err(|fault| match fault {
            Fault::Broken(_) => Fault::Broken("the content of an attachment is not in the store"),
            other => other,
        })?;
        tx.execute(NAME_BLOB, &[&item.id.as_str(), &hash]).await?;
    }
    Ok(())
}

/// Takes an item in, with its change and the answer to its call.
pub(super) async fn accept(
    tx: &Tx<'_>,
    item: &OutboxItem,
    claim: Option<&IdempotencyClaim>,
) -> Answer<()> {
    let item = &item.cleaned();
    let id = item.id.as_str();
    // First, for it locks the mailbox.
    changes::note_one(
        tx,
        item.mailbox.as_str(),
        ChangedResource::Outbox,
        id,
        ChangeKind::Created,
        item.created_at,
    )
    .await?;
    tx.execute(
        INSERT,
        &[
            &id,
            &item.mailbox.as_str(),
            &item.key.as_ref().map(KeyId::as_str),
            &item.kind.name(),
            &item.original.as_ref().map(MessageId::as_str),
            &item.status.name(),
            &item.step.name(),
            &item.message_id.as_ref().map(MessageId::as_str),
            &item.internet_message_id,
            &item.conversation_id,
            &item.reason,
            &i64::from(item.attempts),
            &at(item.created_at),
            &at(item.due_at),
            &at_of(item.sent_at),
            &at_of(item.doubtful_since),
            &to_json(&item.message)?,
        ],
    )
    .await?;
    name_blobs(tx, item).await?;
    if let Some(claim) = claim {
        idempotency::answer(tx, claim, item.created_at).await?;
    }
    Ok(())
}

/// The statement for a list, the newest first, with its values.
fn list(query: &OutboxQuery) -> Conditions {
    let mut all = Conditions::default();
    if let Some(mailboxes) = &query.mailboxes {
        let mailboxes: Vec<_> = texts(mailboxes).into_iter().map(str::to_owned).collect();
        let mailboxes = all.value(mailboxes, "text[]");
        all.add(format_args!("mailbox = ANY ({mailboxes})"));
    }
    if !query.statuses.is_empty() {
        let statuses: Vec<_> = query.statuses.iter().map(|it| it.name()).collect();
        let statuses = all.value(statuses, "text[]");
        all.add(format_args!("status = ANY ({statuses})"));
    }
    if let Some(after) = &query.after {
        let after = all.value(after.as_str().to_owned(), "text");
        all.add(format_args!(
            "(created_at, id) < (SELECT created_at, id FROM outbox WHERE id = {after})"
        ));
    }
    let limit = all.value(i64::from(query.limit), "bigint");
    all.sql = format!(
        "{}{} ORDER BY created_at DESC, id DESC LIMIT {limit}",
        select!("WHERE true"),
        all.sql
    );
    all
}

#[async_trait]
impl Outbox for PostgresStore {
    async fn accept_outbox(
        &self,
        item: &OutboxItem,
        claim: Option<&IdempotencyClaim>,
    ) -> Result<()> {
        self.server()
            .write("accepting an outbox item", move |tx| {
                accept(tx, item, claim).boxed()
            })
            .await
    }

    async fn outbox_item(&self, id: &OutboxId) -> Result<Option<OutboxItem>> {
        self.server()
            .read("reading an outbox item", move |session| {
                async move {
                    let row = session.row_opt(ONE, &[&id.as_str()]).await?;
                    row.as_ref().map(item).transpose()
                }
                .boxed()
            })
            .await
    }

    async fn list_outbox(&self, query: &OutboxQuery) -> Result<Vec<OutboxItem>> {
        let all = &list(query);
        self.server()
            .read("listing the outbox", move |session| {
                async move {
                    let rows = session.rows(&all.sql, &all.values()).await?;
                    rows.iter().map(item).collect()
                }
                .boxed()
            })
            .await
    }

    async fn due_outbox(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxItem>> {
        self.server()
            .read("looking what is due in the outbox", move |session| {
                async move {
                    let rows = session.rows(DUE, &[&at(now), &i64::from(limit)]).await?;
                    rows.iter().map(item).collect()
                }
                .boxed()
            })
            .await
    }

    async fn next_due_outbox(&self) -> Result<Option<Timestamp>> {
        self.server()
            .read("looking when the outbox is due", |session| {
                async move { time_of(session.row(NEXT_DUE, &[]).await?.try_get(0)?) }.boxed()
            })
            .await
    }

    async fn save_outbox(
        &self,
        was: &OutboxItem,
        now: &OutboxItem,
        time: Timestamp,
    ) -> Result<bool> {
        let now = &now.cleaned();
        self.server()
            .write("writing an outbox item", move |tx| {
                async move {
                    let id = was.id.as_str();
                    let mut mailbox = None;
                    if was.status != now.status {
                        // Before the item's own row, as whoever accepts one does.
                        let locked = super::numbers::lock_any(tx, was.mailbox.as_str()).await?;
                        mailbox = Some(locked);
                    }
                    let rows = tx
                        .execute(
                            SAVE,
                            &[
                                &now.status.name(),
                                &now.step.name(),
                                &now.message_id.as_ref().map(MessageId::as_str),
                                &now.internet_message_id,
                                &now.conversation_id,
                                &now.reason,
                                &i64::from(now.attempts),
                                &at(now.due_at),
                                &at_of(now.sent_at),
                                &at_of(now.doubtful_since),
                                &to_json(&now.message)?,
                                &id,
                                &was.status.name(),
                                &was.step.name(),
                                &i64::from(was.attempts),
                            ],
                        )
                        .await?;
                    if rows == 0 {
                        return Ok(false);
                    }
                    if was.message.attachments != now.message.attachments {
                        tx.execute(FORGET_BLOBS, &[&id]).await?;
                        name_blobs(tx, now).await?;
                    }
                    if let Some(mut mailbox) = mailbox {
                        changes::note(
                            tx,
                            &mut mailbox,
                            ChangedResource::Outbox,
                            id,
                            ChangeKind::Updated,
                            time,
                        );
                        super::numbers::count_on(tx, &mailbox).await?;
                    }
                    Ok(true)
                }
                .boxed()
            })
            .await
    }
}
