//! The mirror's messages and attachments.

use super::blobs::{Contents, must_be_here};
use super::changes::ChangeWriter;
use super::errors::{Answer, Fault};
use super::upsert::Intake;
use super::values::{affected, count, hash, kept, named};
use super::writer::Tx;
use super::{SqliteStore, cursors, list_messages, mailboxes, numbers};
use crate::contract::Result;
use crate::contract::messages::{Applied, MessagePage, MessageQuery, Messages, StoredMessage};
use crate::text;
use crate::version::{TAKING_IN_A_MESSAGE, TAKING_IN_MESSAGES};
use async_trait::async_trait;
use bytes::Bytes;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::resource::attachment::{AttachmentRecord, BlobRef};
use postroom_model::resource::message::MessageRecord;
use postroom_model::{AttachmentId, FolderId, MailboxId, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::HashSet;

const LEAVE: &str = "UPDATE messages SET leaving = 1
    WHERE mailbox = $1 AND id_hash = $2 AND id = $3 AND folder = $4 AND leaving = 0";
const LEAVE_UNSEEN: &str = "UPDATE messages SET leaving = 1
    WHERE folder = $1 AND leaving = 0 AND seen < $2";
const LEAVE_FOLDER: &str = "UPDATE messages SET leaving = 1 WHERE folder = $1 AND leaving = 0";
const LEAVING: &str = "SELECT id FROM messages WHERE mailbox = $1 AND leaving = 1 AND id > $2
    ORDER BY id LIMIT $3";
const IS_LEAVING: &str = "SELECT number FROM messages
    WHERE mailbox = $1 AND id_hash = $2 AND id = $3 AND leaving = 1";
const DELETE: &str = "DELETE FROM messages WHERE number = $1";
const NUMBER: &str = "SELECT number FROM messages
    WHERE mailbox = $1 AND id_hash = $2 AND id = $3";
const SEE: &str =
    "UPDATE messages SET seen = CASE WHEN seen < $1 THEN $1 ELSE seen END, leaving = 0
    WHERE mailbox = $2 AND id_hash = $3 AND id = $4 AND folder = $5
        AND change_key IS NOT DISTINCT FROM $6";
const COUNT: &str = "SELECT COUNT(*) FROM messages WHERE folder = $1";
const SET_CONTENT: &str = "UPDATE attachments SET blob_hash = $1, blob_size = $2
    WHERE message = $3 AND id = $4";
const MIME: &str = "SELECT mime_hash, mime_size FROM messages
    WHERE mailbox = $1 AND id_hash = $2 AND id = $3 AND mime_hash IS NOT NULL";
const SET_MIME: &str = "UPDATE messages SET mime_hash = $1, mime_size = $2 WHERE number = $3";

macro_rules! attachments {
    ($end:literal) => {
        concat!(
            "SELECT a.id, a.kind, a.name, a.content_type, a.size, a.is_inline, a.content_id,
                a.blob_hash, a.blob_size, a.json, m.id
             FROM attachments a JOIN messages m ON m.number = a.message ",
            $end
        )
    };
}

const ATTACHMENTS: &str = attachments!("WHERE a.message = $1 ORDER BY a.ordinal");
// The words of the index. A reference has no content of its own.
const WITHOUT_CONTENT: &str = attachments!(
    "WHERE a.mailbox = $1 AND a.blob_hash IS NULL AND a.kind <> 'reference'
     ORDER BY a.message, a.ordinal LIMIT $2"
);

fn attachment(row: &Row<'_>) -> Answer<AttachmentRecord> {
    let hash: Option<String> = row.get(7)?;
    let size: Option<i64> = row.get(8)?;
    Ok(AttachmentRecord {
        id: AttachmentId::new(row.get::<_, String>(0)?),
        kind: named(row.get(1)?)?,
        name: row.get(2)?,
        content_type: row.get(3)?,
        size: row.get(4)?,
        is_inline: row.get(5)?,
        content_id: row.get(6)?,
        blob: hash.map(|hash| BlobRef {
            hash,
            size: count(size.unwrap_or_default()),
        }),
        json: row.get(9)?,
    })
}

/// A message's number within the store.
fn number(connection: &Connection, mailbox: &MailboxId, id: &MessageId) -> Answer<Option<i64>> {
    let Some(mailbox) = numbers::mailbox(connection, mailbox.as_str())? else {
        return Ok(None);
    };
    number_in(connection, mailbox, id)
}

fn number_in(connection: &Connection, mailbox: i64, id: &MessageId) -> Answer<Option<i64>> {
    Ok(connection
        .prepare_cached(NUMBER)?
        .query_row(params![mailbox, hash(id.as_str()), id.as_str()], |row| {
            row.get(0)
        })
        .optional()?)
}

/// Marks everything in a folder as leaving.
pub(super) fn folder_is_leaving(tx: &Tx<'_>, folder: i64) -> Answer<()> {
    tx.prepare_cached(LEAVE_FOLDER)?.execute([folder])?;
    Ok(())
}

fn leave_unseen(tx: &Tx<'_>, folder: i64, comparison: i64) -> Answer<u64> {
    Ok(affected(
        tx.prepare_cached(LEAVE_UNSEEN)?
            .execute(params![folder, comparison])?,
    ))
}

/// Deletes messages of a mailbox for good, with their changes.
fn delete(tx: &Tx<'_>, mailbox: i64, messages: &[(i64, String)], at: Timestamp) -> Answer<()> {
    let mut changes = ChangeWriter::begin(tx, mailbox, at)?;
    for (number, id) in messages {
        // Its text and attachments go with it.
        tx.prepare_cached(DELETE)?.execute([number])?;
        changes.write(ChangedResource::Message, id, ChangeKind::Deleted)?;
    }
    mailboxes::count_messages(tx, mailbox, -kept(affected(messages.len())))?;
    changes.finish()
}

fn apply(tx: &Tx<'_>, owner: &MailboxId, page: &MessagePage, at: Timestamp) -> Answer<Applied> {
    let Some(mailbox) = numbers::mailbox(tx, owner.as_str())? else {
        return Ok(Applied::default());
    };
    let comparison = page.cursor.comparison;
    let mut intake = Intake::begin(tx, mailbox, comparison, at)?;
    let folder = intake.folder(page.folder.as_str())?;
    // Removals first: what a page names as both removed and present is present.
    for id in &page.removed {
        let rows = tx.prepare_cached(LEAVE)?.execute(params![
            mailbox,
            hash(id.as_str()),
            id.as_str(),
            folder
        ])?;
        intake.applied.leaving += affected(rows);
    }
    for message in &page.messages {
        intake.take(message)?;
    }
    if let (Some(comparison), true) = (comparison, page.cursor.complete) {
        intake.applied.leaving += leave_unseen(tx, folder, comparison)?;
    }
    cursors::put(
        tx,
        owner.as_str(),
        cursors::MESSAGES,
        page.folder.as_str(),
        &page.cursor,
    )?;
    intake.finish()
}

#[async_trait]
impl Messages for SqliteStore {
    async fn apply_messages(
        &self,
        mailbox: &MailboxId,
        page: &MessagePage,
        at: Timestamp,
    ) -> Result<Applied> {
        let (mailbox, mut page) = (mailbox.clone(), page.clone());
        let contents = Contents::prepare(&self.0.files, std::mem::take(&mut page.contents)).await?;
        let (applied, _contents) = self
            .write(TAKING_IN_MESSAGES, move |tx| {
                contents.put(tx, at)?;
                Ok((apply(tx, &mailbox, &page, at)?, contents))
            })
            .await?;
        Ok(applied)
    }

    async fn leaving(
        &self,
        mailbox: &MailboxId,
        after: Option<&MessageId>,
        limit: u32,
    ) -> Result<Vec<MessageId>> {
        self.read("listing messages that are leaving", |connection| {
            let Some(mailbox) = numbers::mailbox(connection, mailbox.as_str())? else {
                return Ok(Vec::new());
            };
            let after = after.map_or("", MessageId::as_str);
            let mut statement = connection.prepare_cached(LEAVING)?;
            let ids = statement.query_map(params![mailbox, after, limit], |row| {
                Ok(MessageId::new(row.get::<_, String>(0)?))
            })?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
    }

    async fn settle(&self, mailbox: &MailboxId, gone: &[MessageId], at: Timestamp) -> Result<u64> {
        let (mailbox, gone) = (mailbox.clone(), gone.to_vec());
        self.write("settling a mirror", move |tx| {
            let Some(mailbox) = numbers::mailbox(tx, mailbox.as_str())? else {
                return Ok(0);
            };
            // In the order given; an id given twice is one message.
            let mut known = HashSet::new();
            let mut leaving = Vec::new();
            for id in gone {
                let number: Option<i64> = tx
                    .prepare_cached(IS_LEAVING)?
                    .query_row(params![mailbox, hash(id.as_str()), id.as_str()], |row| {
                        row.get(0)
                    })
                    .optional()?;
                if let Some(number) = number.filter(|number| known.insert(*number)) {
                    leaving.push((number, id.into_string()));
                }
            }
            delete(tx, mailbox, &leaving, at)?;
            Ok(affected(leaving.len()))
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
        let (mailbox, folder, listed) = (mailbox.clone(), folder.clone(), listed.to_vec());
        self.write("comparing a folder", move |tx| {
            let Some(mailbox) = numbers::mailbox(tx, mailbox.as_str())? else {
                return Ok(Vec::new());
            };
            let folder = numbers::folder(tx, mailbox, folder.as_str())?;
            let mut see = tx.prepare_cached(SEE)?;
            let mut missing = Vec::new();
            for (id, change_key) in listed {
                let rows = see.execute(params![
                    comparison,
                    mailbox,
                    hash(id.as_str()),
                    id.as_str(),
                    folder,
                    change_key.as_deref().map(text::clean)
                ])?;
                if rows == 0 {
                    missing.push(id);
                }
            }
            Ok(missing)
        })
        .await
    }

    async fn finish_comparison(
        &self,
        mailbox: &MailboxId,
        folder: &FolderId,
        comparison: i64,
    ) -> Result<u64> {
        let (mailbox, folder) = (mailbox.clone(), folder.clone());
        self.write("ending a comparison", move |tx| {
            let Some(mailbox) = numbers::mailbox(tx, mailbox.as_str())? else {
                return Ok(0);
            };
            match numbers::folder(tx, mailbox, folder.as_str())? {
                Some(folder) => leave_unseen(tx, folder, comparison),
                None => Ok(0),
            }
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
        let (mailbox, message) = (mailbox.clone(), message.clone());
        let contents = Contents::prepare(&self.0.files, contents.to_vec()).await?;
        let (applied, _contents) = self
            .write(TAKING_IN_A_MESSAGE, move |tx| {
                let Some(mailbox) = numbers::mailbox(tx, mailbox.as_str())? else {
                    return Ok((Applied::default(), contents));
                };
                contents.put(tx, at)?;
                let mut intake = Intake::begin(tx, mailbox, comparison, at)?;
                intake.take(&message)?;
                Ok((intake.finish()?, contents))
            })
            .await?;
        Ok(applied)
    }

    async fn delete_message(
        &self,
        mailbox: &MailboxId,
        id: &MessageId,
        at: Timestamp,
    ) -> Result<bool> {
        let (mailbox, id) = (mailbox.clone(), id.clone());
        self.write("deleting a message", move |tx| {
            let Some(mailbox) = numbers::mailbox(tx, mailbox.as_str())? else {
                return Ok(false);
            };
            let Some(number) = number_in(tx, mailbox, &id)? else {
                return Ok(false);
            };
            delete(tx, mailbox, &[(number, id.into_string())], at)?;
            Ok(true)
        })
        .await
    }

    async fn message(&self, mailbox: &MailboxId, id: &MessageId) -> Result<Option<StoredMessage>> {
        self.read("reading a message", |connection| {
            match numbers::mailbox(connection, mailbox.as_str())? {
                Some(mailbox) => list_messages::one(connection, mailbox, id.as_str()),
                None => Ok(None),
            }
        })
    }

    async fn list_messages(
        &self,
        mailbox: &MailboxId,
        query: &MessageQuery,
    ) -> Result<Vec<StoredMessage>> {
        const DOING: &str = "listing messages";
        if list_messages::is_long(query) {
            let (mailbox, query) = (mailbox.clone(), query.clone());
            let list = move |connection: &Connection| {
                list_messages::list(connection, mailbox.as_str(), &query)
            };
            return self.0.readers.read_long(DOING, list).await;
        }
        self.read(DOING, |connection| {
            list_messages::list(connection, mailbox.as_str(), query)
        })
    }

    async fn count_messages(&self, mailbox: &MailboxId, folder: &FolderId) -> Result<u64> {
        self.read("counting messages", |connection| {
            let Some(mailbox) = numbers::mailbox(connection, mailbox.as_str())? else {
                return Ok(0);
            };
            let Some(folder) = numbers::folder(connection, mailbox, folder.as_str())? else {
                return Ok(0);
            };
            Ok(count(
                connection
                    .prepare_cached(COUNT)?
                    .query_row([folder], |row| row.get(0))?,
            ))
        })
    }

    async fn attachments(
        &self,
        mailbox: &MailboxId,
        message: &MessageId,
    ) -> Result<Vec<AttachmentRecord>> {
        self.read("listing attachments", |connection| {
            let Some(message) = number(connection, mailbox, message)? else {
                return Ok(Vec::new());
            };
            let mut statement = connection.prepare_cached(ATTACHMENTS)?;
            statement.query_and_then([message], attachment)?.collect()
        })
    }

    async fn set_attachment_content(
        &self,
        mailbox: &MailboxId,
        message: &MessageId,
        attachment: &AttachmentId,
        content: &BlobRef,
    ) -> Result<bool> {
        let (mailbox, message) = (mailbox.clone(), message.clone());
        let (attachment, content) = (attachment.clone(), content.clone());
        self.write("writing an attachment's content", move |tx| {
            let Some(message) = number(tx, &mailbox, &message)? else {
                return Ok(false);
            };
            must_be_here(tx, &content)?;
            let rows = tx.prepare_cached(SET_CONTENT)?.execute(params![
                content.hash,
                kept(content.size),
                message,
                attachment.as_str()
            ])?;
            Ok(rows > 0)
        })
        .await
    }

    async fn attachments_without_content(
        &self,
        mailbox: &MailboxId,
        limit: u32,
    ) -> Result<Vec<(MessageId, AttachmentRecord)>> {
        self.read("listing attachments without content", |connection| {
            let Some(mailbox) = numbers::mailbox(connection, mailbox.as_str())? else {
                return Ok(Vec::new());
            };
            let mut statement = connection.prepare_cached(WITHOUT_CONTENT)?;
            statement
                .query_and_then(params![mailbox, limit], |row| {
                    let message = MessageId::new(row.get::<_, String>(10)?);
                    Ok::<_, Fault>((message, attachment(row)?))
                })?
                .collect()
        })
    }

    async fn message_mime(&self, mailbox: &MailboxId, id: &MessageId) -> Result<Option<BlobRef>> {
        self.read("reading a message's MIME form", |connection| {
            let Some(mailbox) = numbers::mailbox(connection, mailbox.as_str())? else {
                return Ok(None);
            };
            Ok(connection
                .prepare_cached(MIME)?
                .query_row(params![mailbox, hash(id.as_str()), id.as_str()], |row| {
                    Ok(BlobRef {
                        hash: row.get(0)?,
                        size: count(row.get(1)?),
                    })
                })
                .optional()?)
        })
    }

    async fn set_message_mime(
        &self,
        mailbox: &MailboxId,
        id: &MessageId,
        content: &BlobRef,
    ) -> Result<bool> {
        let (mailbox, id, content) = (mailbox.clone(), id.clone(), content.clone());
        self.write("keeping a message's MIME form", move |tx| {
            let Some(number) = number(tx, &mailbox, &id)? else {
                return Ok(false);
            };
            must_be_here(tx, &content)?;
            tx.prepare_cached(SET_MIME)?.execute(params![
                content.hash,
                kept(content.size),
                number
            ])?;
            Ok(true)
        })
        .await
    }
}
