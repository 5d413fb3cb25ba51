//! Taking messages in: what is new, what is another than before, what only was seen again.

use super::changes::ChangeWriter;
use super::errors::Answer;
use super::numbers::FolderCounter;
use super::values::{hash, kept, micros, micros_of};
use super::writer::Tx;
use super::{list_messages, mailboxes};
use crate::contract::messages::Applied;
use crate::text;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::outbox::BodyType;
use postroom_model::resource::attachment::AttachmentRecord;
use postroom_model::resource::message::MessageRecord;
use postroom_model::{MessageId, Timestamp};
use rusqlite::{OptionalExtension as _, params};
use std::collections::HashMap;

const FIND: &str = "SELECT number, change_key, folder, leaving, seen, attachments_known, place
    FROM messages WHERE mailbox = $1 AND id_hash = $2 AND id = $3";
const MARK: &str = "UPDATE messages SET leaving = 0, seen = $1 WHERE number = $2";
const INSERT: &str = "INSERT INTO messages (mailbox, id, change_key, folder, place, seen,
        received_at, received_order, sent_at, subject, from_name, from_address, is_read, is_draft,
        has_attachments, conversation_id, internet_message_id, body_type, id_hash,
        conversation_hash, message_id_hash, leaving, attachments_known)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
        $20, $21, 0, 0)
    RETURNING number";
const INSERT_TEXT: &str = "INSERT INTO message_texts (message, json, body) VALUES ($1, $2, $3)";
// Another message has another MIME form.
const UPDATE: &str = "UPDATE messages SET change_key = $1, folder = $2, place = $3, seen = $4,
        received_at = $5, received_order = $6, sent_at = $7, subject = $8, from_name = $9,
        from_address = $10, is_read = $11, is_draft = $12, has_attachments = $13,
        conversation_id = $14, internet_message_id = $15, body_type = $16, conversation_hash = $17,
        message_id_hash = $18, leaving = 0,
        mime_hash = NULL, mime_size = NULL
    WHERE number = $19";
const UPDATE_TEXT: &str = "UPDATE message_texts SET json = $1, body = $2 WHERE message = $3";
const CONTENTS: &str = "SELECT id, blob_hash, blob_size FROM attachments
    WHERE message = $1 AND blob_hash IS NOT NULL";
const FORGET_ATTACHMENTS: &str = "DELETE FROM attachments WHERE message = $1";
const KNOW_ATTACHMENTS: &str = "UPDATE messages SET attachments_known = 1
    WHERE number = $1 AND attachments_known = 0";
// A content that is not in the store is not here yet, whatever the record says.
const INSERT_ATTACHMENT: &str = "INSERT INTO attachments (message, ordinal, mailbox, id, kind,
        name, content_type, size, is_inline, content_id, json, blob_size, blob_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
        (SELECT hash FROM blobs WHERE hash = $13))";
const FILL_ATTACHMENT: &str = "UPDATE attachments SET blob_hash = $1, blob_size = $2
    WHERE message = $3 AND id = $4 AND blob_hash IS NULL
        AND EXISTS (SELECT 1 FROM blobs WHERE hash = $1)";

/// A message as it is kept, as far as taking it in again needs it.
struct There {
    number: i64,
    change_key: Option<String>,
    folder: i64,
    leaving: bool,
    seen: i64,
    attachments_known: bool,
    place: i64,
}

/// Takes messages of one mailbox in, within one unit of work.
pub(super) struct Intake<'t, 'c> {
    tx: &'t Tx<'c>,
    mailbox: i64,
    /// When messages taken in count as seen.
    seen: i64,
    changes: ChangeWriter<'t, 'c>,
    folders: HashMap<String, FolderCounter>,
    more: i64,
    /// What it changed up to now.
    pub(super) applied: Applied,
}

impl<'t, 'c> Intake<'t, 'c> {
    /// For a mailbox by its number. What it takes in counts as seen by `comparison`, and at `at`.
    pub(super) fn begin(
        tx: &'t Tx<'c>,
        mailbox: i64,
        comparison: Option<i64>,
        at: Timestamp,
    ) -> Answer<Self> {
        Ok(Self {
            tx,
            mailbox,
            seen: comparison.map_or(micros(at), |comparison| comparison.max(micros(at))),
            changes: ChangeWriter::begin(tx, mailbox, at)?,
            folders: HashMap::new(),
            more: 0,
            applied: Applied::default(),
        })
    }

    /// A folder's number; it gets one if it had none.
    pub(super) fn folder(&mut self, id: &str) -> Answer<i64> {
        Ok(self.counter(id)?.number)
    }

    fn counter(&mut self, id: &str) -> Answer<&mut FolderCounter> {
        // Looked up first: nearly always it is there, and an entry would copy the long id.
        if !self.folders.contains_key(id) {
            let counter = FolderCounter::begin(self.tx, self.mailbox, id)?;
            self.folders.insert(id.to_owned(), counter);
        }
        self.folders
            .get_mut(id)
            .ok_or(super::errors::Fault::Broken("a folder was not counted"))
    }

    /// Takes one message in.
    pub(super) fn take(&mut self, message: &MessageRecord) -> Answer<()> {
        let message = &*text::clean_message(message);
        let there = self.find(&message.id)?;
        let folder = self.folder(message.folder.as_str())?;
        match there {
            None => self.insert(message),
            Some(there) if there.folder == folder && self.is_same(&there, message)? => {
                self.see_again(&there, message)
            }
            Some(there) => self.update(&there, folder, message),
        }
    }

    /// Writes what was counted.
    pub(super) fn finish(self) -> Answer<Applied> {
        for folder in self.folders.values() {
            folder.finish(self.tx)?;
        }
        mailboxes::count_messages(self.tx, self.mailbox, self.more)?;
        self.changes.finish()?;
        Ok(self.applied)
    }

    fn find(&self, id: &MessageId) -> Answer<Option<There>> {
        Ok(self
            .tx
            .prepare_cached(FIND)?
            .query_row(
                params![self.mailbox, hash(id.as_str()), id.as_str()],
                |row| {
                    Ok(There {
                        number: row.get(0)?,
                        change_key: row.get(1)?,
                        folder: row.get(2)?,
                        leaving: row.get(3)?,
                        seen: row.get(4)?,
                        attachments_known: row.get(5)?,
                        place: row.get(6)?,
                    })
                },
            )
            .optional()?)
    }

    fn is_same(&self, there: &There, message: &MessageRecord) -> Answer<bool> {
        if message.change_key.is_some() || there.change_key.is_some() {
            return Ok(there.change_key == message.change_key);
        }
        // Without change keys everything has to be compared.
        let kept = list_messages::one(self.tx, self.mailbox, message.id.as_str())?;
        Ok(kept.is_some_and(|kept| {
            let record = MessageRecord {
                attachments: None,
                ..message.clone()
            };
            kept.record == record
        }))
    }

    fn see_again(&mut self, there: &There, message: &MessageRecord) -> Answer<()> {
        let seen = self.seen.max(there.seen);
        if there.leaving || seen != there.seen {
            self.tx
                .prepare_cached(MARK)?
                .execute(params![seen, there.number])?;
        }
        let Some(attachments) = &message.attachments else {
            return Ok(());
        };
        if !there.attachments_known {
            // It was written by somebody who did not know of them.
            return self.put_attachments(there.number, attachments);
        }
        for attachment in attachments {
            if let Some(blob) = &attachment.blob {
                self.tx.prepare_cached(FILL_ATTACHMENT)?.execute(params![
                    blob.hash,
                    kept(blob.size),
                    there.number,
                    attachment.id.as_str()
                ])?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, message: &MessageRecord) -> Answer<()> {
        let counter = self.counter(message.folder.as_str())?;
        let (folder, place) = (counter.number, counter.next());
        let number: i64 = self.tx.prepare_cached(INSERT)?.query_row(
            params![
                self.mailbox,
                message.id.as_str(),
                message.change_key,
                folder,
                place,
                self.seen,
                micros_of(message.received_at),
                message.received_at.map_or(0, micros),
                micros_of(message.sent_at),
                message.subject,
                message.from_name,
                message.from_address,
                message.is_read,
                message.is_draft,
                message.has_attachments,
                message.conversation_id,
                message.internet_message_id,
                body_type(message.body_type),
                hash(message.id.as_str()),
                message.conversation_id.as_deref().map(hash),
                message.internet_message_id.as_deref().map(hash),
            ],
            |row| row.get(0),
        )?;
        self.tx.prepare_cached(INSERT_TEXT)?.execute(params![
            number,
            message.json,
            message.body
        ])?;
        if let Some(attachments) = &message.attachments {
            self.put_attachments(number, attachments)?;
        }
        self.more += 1;
        self.applied.created += 1;
        self.changes.write(
            ChangedResource::Message,
            message.id.as_str(),
            ChangeKind::Created,
        )
    }

    fn update(&mut self, there: &There, folder: i64, message: &MessageRecord) -> Answer<()> {
        // In another folder it is another message to whoever counts there.
        let place = if there.folder == folder {
            there.place
        } else {
            self.counter(message.folder.as_str())?.next()
        };
        self.tx.prepare_cached(UPDATE)?.execute(params![
            message.change_key,
            folder,
            place,
            self.seen.max(there.seen),
            micros_of(message.received_at),
            message.received_at.map_or(0, micros),
            micros_of(message.sent_at),
            message.subject,
            message.from_name,
            message.from_address,
            message.is_read,
            message.is_draft,
            message.has_attachments,
            message.conversation_id,
            message.internet_message_id,
            body_type(message.body_type),
            message.conversation_id.as_deref().map(hash),
            message.internet_message_id.as_deref().map(hash),
            there.number,
        ])?;
        self.tx.prepare_cached(UPDATE_TEXT)?.execute(params![
            message.json,
            message.body,
            there.number
        ])?;
        if let Some(attachments) = &message.attachments {
            self.put_attachments(there.number, attachments)?;
        }
        self.applied.updated += 1;
        self.changes.write(
            ChangedResource::Message,
            message.id.as_str(),
            ChangeKind::Updated,
        )
    }

    /// Writes a message's attachments anew. Contents that are here already stay with those that
    /// come without.
    fn put_attachments(&self, message: i64, attachments: &[AttachmentRecord]) -> Answer<()> {
        let here = self
            .tx
            .prepare_cached(CONTENTS)?
            .query_map([message], |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
            })?
            .collect::<rusqlite::Result<HashMap<String, (String, i64)>>>()?;
        self.tx
            .prepare_cached(FORGET_ATTACHMENTS)?
            .execute([message])?;
        self.tx
            .prepare_cached(KNOW_ATTACHMENTS)?
            .execute([message])?;
        let mut insert = self.tx.prepare_cached(INSERT_ATTACHMENT)?;
        for (attachment, ordinal) in attachments.iter().zip(0_i64..) {
            let given = attachment.blob.as_ref();
            let blob = given
                .map(|blob| (blob.hash.clone(), kept(blob.size)))
                .or_else(|| here.get(attachment.id.as_str()).cloned());
            insert.execute(params![
                message,
                ordinal,
                self.mailbox,
                attachment.id.as_str(),
                attachment.kind.name(),
                attachment.name,
                attachment.content_type,
                attachment.size,
                attachment.is_inline,
                attachment.content_id,
                attachment.json,
                blob.as_ref().map(|(_, size)| size),
                blob.as_ref().map(|(hash, _)| hash),
            ])?;
        }
        Ok(())
    }
}

fn body_type(kind: BodyType) -> &'static str {
    match kind {
        BodyType::Text => "text",
        BodyType::Html => "html",
    }
}
