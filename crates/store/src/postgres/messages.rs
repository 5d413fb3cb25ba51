//! The mirror's messages and attachments.

use super::contents::{Contents, must_be_here};
use super::errors::Answer;
use super::intake::Intake;
use super::numbers::{self, LockedMailbox};
use super::server::Tx;
use super::values::{count, has_nul, kept, named, texts};
use super::{PostgresStore, changes, cursors, list_messages, mailboxes};
use crate::contract::Result;
use crate::contract::messages::{Applied, MessagePage, MessageQuery, Messages, StoredMessage};
use crate::version::{TAKING_IN_A_MESSAGE, TAKING_IN_MESSAGES};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::resource::attachment::{AttachmentRecord, BlobRef};
use postroom_model::resource::message::MessageRecord;
use postroom_model::{AttachmentId, FolderId, MailboxId, MessageId, Timestamp};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;

const LEAVE: &str = "UPDATE messages SET leaving = true
    WHERE mailbox = $1 AND id = ANY ($2) AND folder = $3 AND NOT leaving";
const LEAVE_UNSEEN: &str = "UPDATE messages SET leaving = true
    WHERE mailbox = $1 AND folder = $2 AND NOT leaving AND seen < $3";
const LEAVE_FOLDER: &str = "UPDATE messages SET leaving = true
    WHERE mailbox = $1 AND folder = $2 AND NOT leaving";
/// The messages of a mailbox that are leaving, behind an id, so many.
pub(super) const LEAVING: &str = "SELECT id FROM messages
    WHERE mailbox = $1 AND leaving AND id > $2 ORDER BY id LIMIT $3";
const ARE_LEAVING: &str = "SELECT id, number FROM messages
    WHERE mailbox = $1 AND id = ANY ($2) AND leaving";
const DELETE: &str = "DELETE FROM messages WHERE mailbox = $1 AND number = ANY ($2)";
const NUMBER: &str = "SELECT number FROM messages WHERE mailbox = $1 AND id = $2";
const SEE: &str = "UPDATE messages m SET seen = GREATEST(m.seen, $2), leaving = false
    FROM unnest($4::text[], $5::text[]) AS it (id, change_key)
    WHERE m.mailbox = $1 AND m.folder = $3 AND m.id = it.id
        AND m.change_key IS NOT DISTINCT FROM it.change_key
    RETURNING m.id";
const COUNT: &str = "SELECT COUNT(*) FROM messages WHERE mailbox = $1 AND folder = $2";
const SET_CONTENT: &str = "UPDATE attachments SET blob_hash = $1, blob_size = $2
    WHERE mailbox = $3 AND message = $4 AND id = $5";
const MIME: &str = "SELECT mime_hash, mime_size FROM messages
    WHERE mailbox = $1 AND id = $2 AND mime_hash IS NOT NULL";
const SET_MIME: &str = "UPDATE messages SET mime_hash = $1, mime_size = $2
    WHERE mailbox = $3 AND number = $4";

macro_rules! attachments {
    ($end:literal) => {
        concat!(
            "SELECT a.id, a.kind, a.name, a.content_type, a.size, a.is_inline, a.content_id,
                a.blob_hash, a.blob_size, a.json::text, m.id
             FROM attachments a JOIN messages m ON m.mailbox = a.mailbox AND m.number = a.message ",
            $end
        )
    };
}

const ATTACHMENTS: &str =
    attachments!("WHERE a.mailbox = $1 AND a.message = $2 ORDER BY a.ordinal");
/// Attachments of a mailbox that want their content, so many: in the words of the index. A
/// reference has no content of its own.
pub(super) const WITHOUT_CONTENT: &str = attachments!(
    "WHERE a.mailbox = $1 AND a.blob_hash IS NULL AND a.kind <> 'reference'
     ORDER BY a.message, a.ordinal LIMIT $2"
);

fn attachment(row: &Row) -> Answer<AttachmentRecord> {
    let hash: Option<String> = row.try_get(7)?;
    let size: Option<i64> = row.try_get(8)?;
    Ok(AttachmentRecord {
        id: AttachmentId::new(row.try_get::<_, String>(0)?),
        kind: named(row.try_get(1)?)?,
        name: row.try_get(2)?,
        content_type: row.try_get(3)?,
        size: row.try_get(4)?,
        is_inline: row.try_get(5)?,
        content_id: row.try_get(6)?,
        blob: hash.map(|hash| BlobRef {
            hash,
            size: count(size.unwrap_or_default()),
        }),
        json: row.try_get(9)?,
    })
}

/// Locks a mailbox and gives the number of one of its messages.
async fn lock_with(
    tx: &Tx<'_>,
    mailbox: &MailboxId,
    id: &MessageId,
) -> Answer<Option<(LockedMailbox, i64)>> {
    let Some(mailbox) = numbers::lock_served(tx, mailbox.as_str()).await? else {
        return Ok(None);
    };
    if has_nul(id.as_str()) {
        return Ok(None);
    }
    let row = tx.row_opt(NUMBER, &[&mailbox.number, &id.as_str()]).await?;
    let number = row.map(|row| row.try_get(0)).transpose()?;
    Ok(number.map(|number| (mailbox, number)))
}

/// Marks everything in a folder as leaving.
pub(super) async fn folder_is_leaving(tx: &Tx<'_>, mailbox: i64, folder: i64) -> Answer<()> {
    tx.execute(LEAVE_FOLDER, &[&mailbox, &folder]).await?;
    Ok(())
}

/// Deletes messages of a mailbox for good, with their changes.
async fn delete(
    tx: &Tx<'_>,
    mailbox: &mut LockedMailbox,
    messages: &[(i64, &str)],
    at: Timestamp,
) -> Answer<()> {
    let numbers: Vec<_> = messages.iter().map(|(number, _)| *number).collect();
    // Their texts and attachments go with them.
    tx.execute(DELETE, &[&mailbox.number, &numbers]).await?;
    for (_, id) in messages {
        changes::note(
            tx,
            mailbox,
            ChangedResource::Message,
            id,
            ChangeKind::Deleted,
            at,
        );
    }
    mailboxes::count_messages(tx, mailbox.number, -kept(messages.len() as u64)).await?;
    numbers::count_on(tx, mailbox).await
}

async fn apply(
    tx: &Tx<'_>,
    owner: &MailboxId,
    page: &MessagePage,
    contents: &Contents,
    at: Timestamp,
) -> Answer<Applied> {
    let Some(mailbox) = numbers::lock_served(tx, owner.as_str()).await? else {
        return Ok(Applied::default());
    };
    contents.put(tx, at).await?;
    let comparison = page.cursor.comparison;
    let mut intake = Intake::begin(tx, mailbox, comparison, at);
    intake.look_up_folders(&[page.folder.as_str()]).await?;
    let folder = intake.folder(page.folder.as_str())?;
    let mailbox = intake.mailbox();
    // Removals first: what a page names as both removed and present is present.
    let removed = texts(&page.removed);
    if !removed.is_empty() {
        intake.applied.leaving += tx.execute(LEAVE, &[&mailbox, &removed, &folder]).await?;
    }
    intake.take(&page.messages).await?;
    if let (Some(comparison), true) = (comparison, page.cursor.complete) {
        intake.applied.leaving += tx
            .execute(LEAVE_UNSEEN, &[&mailbox, &folder, &comparison])
            .await?;
    }
    cursors::put(
        tx,
        owner.as_str(),
        cursors::MESSAGES,
        page.folder.as_str(),
        &page.cursor,
    )
    .await?;
    intake.finish().await
}

#[async_trait]
impl Messages for PostgresStore {
    async fn apply_messages(
        &self,
        mailbox: &MailboxId,
        page: &MessagePage,
        at: Timestamp,
    ) -> Result<Applied> {
        let contents = Contents::prepare(self, &page.contents, at).await?;
        let contents = &contents;
        self.server()
            .write(TAKING_IN_MESSAGES, move |tx| {
                apply(tx, mailbox, page, contents, at).boxed()
            })
            .await
    }

    async fn leaving(
        &self,
        mailbox: &MailboxId,
        after: Option<&MessageId>,
        limit: u32,
    ) -> Result<Vec<MessageId>> {
        self.server()
            .read("listing messages that are leaving", move |session| {
                async move {
                    let mailbox = numbers::mailbox(session, mailbox.as_str()).await?;
                    let Some(mailbox) = mailbox else {
                        return Ok(Vec::new());
                    };
                    let after = after.map_or("", MessageId::as_str);
                    let rows = session
                        .rows(LEAVING, &[&mailbox, &after, &i64::from(limit)])
                        .await?;
                    let mut ids = Vec::with_capacity(rows.len());
                    for row in rows {
                        ids.push(MessageId::new(row.try_get::<_, String>(0)?));
                    }
                    Ok(ids)
                }
                .boxed()
            })
            .await
    }

    async fn settle(&self, mailbox: &MailboxId, gone: &[MessageId], at: Timestamp) -> Result<u64> {
        self.server()
            .write("settling a mirror", move |tx| {
                async move {
                    let Some(mut mailbox) = numbers::lock_served(tx, mailbox.as_str()).await?
                    else {
                        return Ok(0);
                    };
                    let rows = tx
                        .rows(ARE_LEAVING, &[&mailbox.number, &texts(gone)])
                        .await?;
                    let mut numbers: HashMap<String, i64> = HashMap::new();
                    for row in rows {
                        numbers.insert(row.try_get(0)?, row.try_get(1)?);
                    }
                    // In the order given; an id given twice is one message.
                    let leaving: Vec<(i64, &str)> = gone
                        .iter()
                        .filter_map(|id| Some((numbers.remove(id.as_str())?, id.as_str())))
                        .collect();
                    if !leaving.is_empty() {
                        delete(tx, &mut mailbox, &leaving, at).await?;
                    }
                    Ok(leaving.len() as u64)
                }
                .boxed()
            })
            .await
    }

    async fn compare(
        &self,
        mailbox: &MailboxId,
        folder: &FolderId,
        listed: &[(MessageId, Option<String>)],
        comparison: i64,
    ) -> Result<Vec<MessageId>> {
        self.server()
            .write("comparing a folder", move |tx| {
                async move {
                    let Some(mailbox) = numbers::lock_served(tx, mailbox.as_str()).await? else {
                        return Ok(Vec::new());
                    };
                    let folder = numbers::folder(tx, mailbox.number, folder.as_str()).await?;
                    let known = || listed.iter().filter(|(id, _)| !has_nul(id.as_str()));
                    let ids: Vec<_> = known().map(|(id, _)| id.as_str()).collect();
                    let keys: Vec<_> = known()
                        .map(|(_, key)| key.as_deref().map(crate::text::clean))
                        .collect();
                    let keys: Vec<_> = keys.iter().map(Option::as_deref).collect();
                    let rows = tx
                        .rows(SEE, &[&mailbox.number, &comparison, &folder, &ids, &keys])
                        .await?;
                    let mut seen: HashSet<String> = HashSet::new();
                    for row in rows {
                        seen.insert(row.try_get(0)?);
                    }
                    let missing = listed.iter().filter(|(id, _)| !seen.contains(id.as_str()));
                    Ok(missing.map(|(id, _)| id.clone()).collect())
                }
                .boxed()
            })
            .await
    }

    async fn finish_comparison(
        &self,
        mailbox: &MailboxId,
        folder: &FolderId,
        comparison: i64,
    ) -> Result<u64> {
        self.server()
            .write("ending a comparison", move |tx| {
                async move {
                    let Some(mailbox) = numbers::lock_served(tx, mailbox.as_str()).await? else {
                        return Ok(0);
                    };
                    let number = mailbox.number;
                    match numbers::folder(tx, number, folder.as_str()).await? {
                        Some(folder) => {
                            tx.execute(LEAVE_UNSEEN, &[&number, &folder, &comparison])
                                .await
                        }
                        None => Ok(0),
                    }
                }
                .boxed()
            })
            .await
    }

    async fn put_message(
        &self,
        mailbox: &MailboxId,
        message: &MessageRecord,
        contents: &[(BlobRef, Bytes)],
        comparison: Option<i64>,
        at: Timestamp,
    ) -> Result<Applied> {
        let contents = Contents::prepare(self, contents, at).await?;
        let contents = &contents;
        self.server()
            .write(TAKING_IN_A_MESSAGE, move |tx| {
                async move {
                    let Some(mailbox) = numbers::lock_served(tx, mailbox.as_str()).await? else {
                        return Ok(Applied::default());
                    };
                    contents.put(tx, at).await?;
                    let mut intake = Intake::begin(tx, mailbox, comparison, at);
                    intake.take(std::slice::from_ref(message)).await?;
                    intake.finish().await
                }
                .boxed()
            })
            .await
    }

    async fn delete_message(
        &self,
        mailbox: &MailboxId,
        id: &MessageId,
        at: Timestamp,
    ) -> Result<bool> {
        self.server()
            .write("deleting a message", move |tx| {
                async move {
                    let Some((mut mailbox, number)) = lock_with(tx, mailbox, id).await? else {
                        return Ok(false);
                    };
                    delete(tx, &mut mailbox, &[(number, id.as_str())], at).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    async fn message(&self, mailbox: &MailboxId, id: &MessageId) -> Result<Option<StoredMessage>> {
        self.server()
            .read("reading a message", move |session| {
                async move {
                    match numbers::mailbox(session, mailbox.as_str()).await? {
                        Some(mailbox) => list_messages::one(session, mailbox, id.as_str()).await,
                        None => Ok(None),
                    }
                }
                .boxed()
            })
            .await
    }

    async fn list_messages(
        &self,
        mailbox: &MailboxId,
        query: &MessageQuery,
    ) -> Result<Vec<StoredMessage>> {
        self.server()
            .read("listing messages", move |session| {
                list_messages::list(session, mailbox.as_str(), query).boxed()
            })
            .await
    }

    async fn count_messages(&self, mailbox: &MailboxId, folder: &FolderId) -> Result<u64> {
        self.server()
            .read("counting messages", move |session| {
                async move {
                    let mailbox = numbers::mailbox(session, mailbox.as_str()).await?;
                    let Some(mailbox) = mailbox else { return Ok(0) };
                    let folder = numbers::folder(session, mailbox, folder.as_str()).await?;
                    let Some(folder) = folder else { return Ok(0) };
                    let row = session.row(COUNT, &[&mailbox, &folder]).await?;
                    Ok(count(row.try_get(0)?))
                }
                .boxed()
            })
            .await
    }

    async fn attachments(
        &self,
        mailbox: &MailboxId,
        message: &MessageId,
    ) -> Result<Vec<AttachmentRecord>> {
        self.server()
            .read("listing attachments", move |session| {
                async move {
                    let mailbox = numbers::mailbox(session, mailbox.as_str()).await?;
                    let Some(mailbox) = mailbox else {
                        return Ok(Vec::new());
                    };
                    let row = session
                        .row_opt(NUMBER, &[&mailbox, &message.as_str()])
                        .await?;
                    let Some(row) = row else {
                        return Ok(Vec::new());
                    };
                    let number: i64 = row.try_get(0)?;
                    let rows = session.rows(ATTACHMENTS, &[&mailbox, &number]).await?;
                    rows.iter().map(attachment).collect()
                }
                .boxed()
            })
            .await
    }

    async fn set_attachment_content(
        &self,
        mailbox: &MailboxId,
        message: &MessageId,
        attachment: &AttachmentId,
        content: &BlobRef,
    ) -> Result<bool> {
        self.server()
            .write("writing an attachment's content", move |tx| {
                async move {
                    let Some((mailbox, message)) = lock_with(tx, mailbox, message).await? else {
                        return Ok(false);
                    };
                    if has_nul(attachment.as_str()) {
                        return Ok(false);
                    }
                    must_be_here(tx, &content.hash).await?;
                    let rows = tx
                        .execute(
                            SET_CONTENT,
                            &[
                                &content.hash,
                                &kept(content.size),
                                &mailbox.number,
                                &message,
                                &attachment.as_str(),
                            ],
                        )
                        .await?;
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }

    async fn attachments_without_content(
        &self,
        mailbox: &MailboxId,
        limit: u32,
    ) -> Result<Vec<(MessageId, AttachmentRecord)>> {
        self.server()
            .read("listing attachments without content", move |session| {
                async move {
                    let mailbox = numbers::mailbox(session, mailbox.as_str()).await?;
                    let Some(mailbox) = mailbox else {
                        return Ok(Vec::new());
                    };
                    let rows = session
                        .rows(WITHOUT_CONTENT, &[&mailbox, &i64::from(limit)])
                        .await?;
                    let mut wanted = Vec::with_capacity(rows.len());
                    for row in &rows {
                        let message = MessageId::new(row.try_get::<_, String>(10)?);
                        wanted.push((message, attachment(row)?));
                    }
                    Ok(wanted)
                }
                .boxed()
            })
            .await
    }

    async fn message_mime(&self, mailbox: &MailboxId, id: &MessageId) -> Result<Option<BlobRef>> {
        self.server()
            .read("reading a message's MIME form", move |session| {
                async move {
                    let mailbox = numbers::mailbox(session, mailbox.as_str()).await?;
                    let Some(mailbox) = mailbox else {
                        return Ok(None);
                    };
                    let Some(row) = session.row_opt(MIME, &[&mailbox, &id.as_str()]).await? else {
                        return Ok(None);
                    };
                    let size: Option<i64> = row.try_get(1)?;
                    Ok(Some(BlobRef {
                        hash: row.try_get(0)?,
                        size: count(size.unwrap_or_default()),
                    }))
                }
                .boxed()
            })
            .await
    }

    async fn set_message_mime(
        &self,
        mailbox: &MailboxId,
        id: &MessageId,
        content: &BlobRef,
    ) -> Result<bool> {
        self.server()
            .write("keeping a message's MIME form", move |tx| {
                async move {
                    let Some((mailbox, number)) = lock_with(tx, mailbox, id).await? else {
                        return Ok(false);
                    };
                    must_be_here(tx, &content.hash).await?;
                    tx.execute(
                        SET_MIME,
                        &[&content.hash, &kept(content.size), &mailbox.number, &number],
                    )
                    .await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }
}
