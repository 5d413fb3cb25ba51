//! Taking messages in: what is new, what is another than before, what only was seen again.
//!
//! A page is looked up in one go, decided here, and written in one go: a handful of statements
//! over arrays, each sent without waiting for the one before.

use super::changes;
use super::errors::{Answer, Fault};
use super::list_messages;
use super::mailboxes;
use super::numbers::{self, LockedMailbox};
use super::server::Tx;
use super::values::{Time, at_of, kept};
use crate::contract::messages::Applied;
use crate::text;
use postroom_model::Timestamp;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::outbox::BodyType;
use postroom_model::resource::attachment::AttachmentRecord;
use postroom_model::resource::message::MessageRecord;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;

/// So many messages are looked up and written in one go.
const AT_ONCE: usize = 200;

const NEW_FOLDERS: &str = "INSERT INTO folder_numbers (mailbox, folder, last_message)
    SELECT $1, folder, 0 FROM unnest($2::text[]) AS folder
    ON CONFLICT (mailbox, folder) DO NOTHING";
const FOLDERS: &str = "SELECT folder, number, last_message FROM folder_numbers
    WHERE mailbox = $1 AND folder = ANY ($2)";
const COUNT_ON: &str = "UPDATE folder_numbers f SET last_message = it.last
    FROM unnest($2::bigint[], $3::bigint[]) AS it (number, last)
    WHERE f.mailbox = $1 AND f.number = it.number";
const FIND: &str = "SELECT id, number, change_key, folder, leaving, seen, attachments_known, place
    FROM messages WHERE mailbox = $1 AND id = ANY ($2)";
const CONTENTS: &str = "SELECT a.message, a.id, a.blob_hash, a.blob_size
    FROM messages m JOIN attachments a ON a.mailbox = m.mailbox AND a.message = m.number
    WHERE m.mailbox = $1 AND m.id = ANY ($2) AND a.blob_hash IS NOT NULL";
// What is here stays until the transaction ends: see `blobs`.
const HERE: &str = "SELECT hash FROM blobs WHERE hash = ANY ($1) ORDER BY hash FOR KEY SHARE";
const NUMBERS: &str = "SELECT nextval(pg_get_serial_sequence('postroom_data.messages', 'number'))
    FROM generate_series(1, $1::bigint)";
const MARK: &str = "UPDATE messages SET leaving = false, seen = GREATEST(seen, $2)
    WHERE mailbox = $1 AND number = ANY ($3) AND (leaving OR seen < $2)";
const INSERT: &str = "INSERT INTO messages (mailbox, number, id, change_key, folder, place,
        leaving, seen, received_at, received_order, sent_at, subject, from_name, from_address,
        is_read, is_draft, has_attachments, attachments_known, conversation_id,
        internet_message_id, body_type)
    SELECT $1, it.number, it.id, it.change_key, it.folder, it.place, false, $2, it.received_at,
        COALESCE(it.received_at, 'epoch'), it.sent_at, it.subject, it.from_name, it.from_address,
        it.is_read, it.is_draft, it.has_attachments, it.attachments_known, it.conversation_id,
        it.internet_message_id, it.body_type
    FROM unnest($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
        $13::boolean[], $14::boolean[], $15::boolean[], $16::boolean[], $17::text[], $18::text[],
        $19::text[])
        AS it (number, id, change_key, folder, place, received_at, sent_at, subject, from_name,
            from_address, is_read, is_draft, has_attachments, attachments_known, conversation_id,
            internet_message_id, body_type)";
// Another message has another MIME form.
const UPDATE: &str = "UPDATE messages m SET change_key = it.change_key, folder = it.folder,
        place = it.place, leaving = false, seen = GREATEST(m.seen, $2),
        received_at = it.received_at, received_order = COALESCE(it.received_at, 'epoch'),
        sent_at = it.sent_at, subject = it.subject, from_name = it.from_name,
        from_address = it.from_address, is_read = it.is_read, is_draft = it.is_draft,
        has_attachments = it.has_attachments,
        attachments_known = m.attachments_known OR it.attachments_known,
        conversation_id = it.conversation_id, internet_message_id = it.internet_message_id,
        body_type = it.body_type, mime_hash = NULL, mime_size = NULL
    FROM unnest($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
        $13::boolean[], $14::boolean[], $15::boolean[], $16::boolean[], $17::text[], $18::text[],
        $19::text[])
        AS it (number, id, change_key, folder, place, received_at, sent_at, subject, from_name,
            from_address, is_read, is_draft, has_attachments, attachments_known, conversation_id,
            internet_message_id, body_type)
    WHERE m.mailbox = $1 AND m.number = it.number";
const PUT_TEXTS: &str = "INSERT INTO message_texts (mailbox, message, json, body)
    SELECT $1, it.message, it.json::json, it.body
    FROM unnest($2::bigint[], $3::text[], $4::text[]) AS it (message, json, body)
    ON CONFLICT (mailbox, message) DO UPDATE SET json = excluded.json, body = excluded.body";
const KNOW_ATTACHMENTS: &str = "UPDATE messages SET attachments_known = true
    WHERE mailbox = $1 AND number = ANY ($2) AND NOT attachments_known";
const FORGET_ATTACHMENTS: &str =
    "DELETE FROM attachments WHERE mailbox = $1 AND message = ANY ($2)";
const INSERT_ATTACHMENTS: &str = "INSERT INTO attachments (mailbox, message, ordinal, id, kind,
        name, content_type, size, is_inline, content_id, blob_hash, blob_size, json)
    SELECT $1, it.message, it.ordinal, it.id, it.kind, it.name, it.content_type, it.size,
        it.is_inline, it.content_id, it.blob_hash, it.blob_size, it.json::json
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::bigint[], $9::boolean[], $10::text[], $11::text[], $12::bigint[], $13::text[])
        AS it (message, ordinal, id, kind, name, content_type, size, is_inline, content_id,
            blob_hash, blob_size, json)";
const FILL_ATTACHMENTS: &str = "UPDATE attachments a SET blob_hash = it.hash, blob_size = it.size
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])
        AS it (message, id, hash, size)
    WHERE a.mailbox = $1 AND a.message = it.message AND a.id = it.id AND a.blob_hash IS NULL";

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

impl There {
    fn read(row: &Row) -> Answer<(String, Self)> {
        Ok((
            row.try_get(0)?,
            Self {
                number: row.try_get(1)?,
                change_key: row.try_get(2)?,
                folder: row.try_get(3)?,
                leaving: row.try_get(4)?,
                seen: row.try_get(5)?,
                attachments_known: row.try_get(6)?,
                place: row.try_get(7)?,
            },
        ))
    }
}

/// A folder that gives numbers to messages. Read once, counted in memory, written once at the end.
struct FolderCounter {
    number: i64,
    last: i64,
    moved: bool,
}

/// What was found out about some messages before they are taken in.
#[derive(Default)]
struct Found {
    there: HashMap<String, There>,
    /// By message and attachment: the content that is here, and its size.
    contents: HashMap<(i64, String), (String, i64)>,
    /// Hashes of contents that are here.
    here: HashSet<String>,
    /// Numbers for new messages.
    numbers: Vec<i64>,
    /// Whole messages as they are kept, of those that have no change key.
    whole: HashMap<String, MessageRecord>,
}

/// Takes messages of one mailbox in, within one unit of work.
pub(super) struct Intake<'t, 'a> {
    tx: &'t Tx<'a>,
    mailbox: LockedMailbox,
    /// When messages taken in count as seen.
    seen: i64,
    time: Timestamp,
    folders: HashMap<String, FolderCounter>,
    more: i64,
    /// What it changed up to now.
    pub(super) applied: Applied,
}

impl<'t, 'a> Intake<'t, 'a> {
    /// For a mailbox. What it takes in counts as seen by `comparison`, and at `time`.
    pub(super) fn begin(
        tx: &'t Tx<'a>,
        mailbox: LockedMailbox,
        comparison: Option<i64>,
        time: Timestamp,
    ) -> Self {
        let now = time.as_microsecond();
        Self {
            tx,
            mailbox,
            seen: comparison.map_or(now, |comparison| comparison.max(now)),
            time,
            folders: HashMap::new(),
            more: 0,
            applied: Applied::default(),
        }
    }

    /// The mailbox's number.
    pub(super) fn mailbox(&self) -> i64 {
        self.mailbox.number
    }

    /// The number of a folder that was looked up.
    pub(super) fn folder(&self, id: &str) -> Answer<i64> {
        let folder = self.folders.get(id);
        folder
            .map(|folder| folder.number)
            .ok_or(Fault::Broken("a folder was not looked up"))
    }

    /// Looks folders up; those that had no number get one.
    pub(super) async fn look_up_folders(&mut self, ids: &[&str]) -> Answer<()> {
        let unknown: Vec<&str> = ids
            .iter()
            .copied()
            .filter(|id| !self.folders.contains_key(*id))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let [new, find] = self.tx.statements([NEW_FOLDERS, FOLDERS]).await?;
        let client = self.tx.client();
        let number = self.mailbox.number;
        let (made, found) = tokio::join!(
            biased;
            async { client.execute(&new, &[&number, &unknown]).await },
            async { client.query(&find, &[&number, &unknown]).await },
        );
        made?;
        for row in found? {
            let counter = FolderCounter {
                number: row.try_get(1)?,
                last: row.try_get(2)?,
                moved: false,
            };
            self.folders.insert(row.try_get(0)?, counter);
        }
        Ok(())
    }

    fn next_place(&mut self, folder: &str) -> Answer<i64> {
        let counter = self
            .folders
            .get_mut(folder)
            .ok_or(Fault::Broken("a folder was not looked up"))?;
        counter.moved = true;
        counter.last += 1;
        Ok(counter.last)
    }

    /// Takes messages in, in their order.
    pub(super) async fn take(&mut self, messages: &[MessageRecord]) -> Answer<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            // A message that comes twice is there already when it comes again.
            let mut ids = HashSet::new();
            let length = rest
                .iter()
                .take(AT_ONCE)
                .take_while(|message| ids.insert(message.id.as_str()))
                .count();
            let (now, later) = rest.split_at(length);
            let now: Vec<_> = now.iter().map(text::clean_message).collect();
            self.take_some(&now).await?;
            rest = later;
        }
        Ok(())
    }

    async fn take_some(&mut self, messages: &[Cow<'_, MessageRecord>]) -> Answer<()> {
        let folders: HashSet<&str> = messages.iter().map(|it| it.folder.as_str()).collect();
        self.look_up_folders(&folders.into_iter().collect::<Vec<_>>())
            .await?;
        let found = self.look_up(messages).await?;
        let mut batch = Batch::default();
        for message in messages {
            self.decide(message, &found, &mut batch)?;
        }
        batch.write(self.tx, self.mailbox.number, self.seen).await
    }

    async fn look_up(&self, messages: &[Cow<'_, MessageRecord>]) -> Answer<Found> {
        let ids: Vec<&str> = messages.iter().map(|it| it.id.as_str()).collect();
        let attachments = messages
            .iter()
            .flat_map(|it| it.attachments.iter().flatten());
        let hashes: Vec<&str> = attachments
            .filter_map(|it| it.blob.as_ref().map(|blob| blob.hash.as_str()))
            .collect();
        let wanted = kept(messages.len() as u64);
        let number = self.mailbox.number;
        let statements = [FIND, CONTENTS, HERE, NUMBERS];
        let [find, contents, here, numbers] = self.tx.statements(statements).await?;
        let client = self.tx.client();
        let (there, contents, here, numbers) = tokio::join!(
            biased;
            async { client.query(&find, &[&number, &ids]).await },
            async { client.query(&contents, &[&number, &ids]).await },
            async { client.query(&here, &[&hashes]).await },
            async { client.query(&numbers, &[&wanted]).await },
        );
        let mut found = Found::default();
        for row in there? {
            let (id, there) = There::read(&row)?;
            found.there.insert(id, there);
        }
        for row in contents? {
            let of = (row.try_get(0)?, row.try_get(1)?);
            found
                .contents
                .insert(of, (row.try_get(2)?, row.try_get(3)?));
        }
        for row in here? {
            found.here.insert(row.try_get(0)?);
        }
        for row in numbers? {
            found.numbers.push(row.try_get(0)?);
        }
        // Without change keys everything has to be compared.
        let keyless: Vec<&str> = messages
            .iter()
            .filter(|it| it.change_key.is_none())
            .map(|it| it.id.as_str())
            .filter(|id| {
                found
                    .there
                    .get(*id)
                    .is_some_and(|it| it.change_key.is_none())
            })
            .collect();
        if !keyless.is_empty() {
            for stored in list_messages::some(self.tx, number, &keyless).await? {
                let record = stored.record;
                found.whole.insert(record.id.as_str().to_owned(), record);
            }
        }
        Ok(found)
    }

    fn decide<'m>(
        &mut self,
        message: &'m MessageRecord,
        found: &Found,
        batch: &mut Batch<'m>,
    ) -> Answer<()> {
        let folder = self.folder(message.folder.as_str())?;
        let Some(there) = found.there.get(message.id.as_str()) else {
            let place = self.next_place(message.folder.as_str())?;
            let number = *found
                .numbers
                .get(batch.new.numbers.len())
                .ok_or(Fault::Broken("a message got no number"))?;
            batch.new.push(number, folder, place, message);
            batch.put_attachments(number, message.attachments.as_deref(), found);
            self.more += 1;
            self.applied.created += 1;
            self.note(message, ChangeKind::Created);
            return Ok(());
        };
        if there.folder == folder && is_same(there, message, found) {
            if there.leaving || there.seen < self.seen {
                batch.seen.push(there.number);
            }
            let attachments = message.attachments.as_deref();
            if there.attachments_known {
                batch.fill_attachments(there.number, attachments, found);
            } else if attachments.is_some() {
                // It was written by somebody who did not know of them.
                batch.known.push(there.number);
                batch.anew.push(there.number);
                batch.put_attachments(there.number, attachments, found);
            }
            return Ok(());
        }
        // In another folder it is another message to whoever counts there.
        let place = if there.folder == folder {
            there.place
        } else {
            self.next_place(message.folder.as_str())?
        };
        batch.changed.push(there.number, folder, place, message);
        if message.attachments.is_some() {
            batch.anew.push(there.number);
            batch.put_attachments(there.number, message.attachments.as_deref(), found);
        }
        self.applied.updated += 1;
        self.note(message, ChangeKind::Updated);
        Ok(())
    }

    fn note(&mut self, message: &MessageRecord, kind: ChangeKind) {
        let id = message.id.as_str();
        changes::note(
            self.tx,
            &mut self.mailbox,
            ChangedResource::Message,
            id,
            kind,
            self.time,
        );
    }

    /// Writes what was counted.
    pub(super) async fn finish(self) -> Answer<Applied> {
        let moved = || self.folders.values().filter(|folder| folder.moved);
        let numbers: Vec<_> = moved().map(|folder| folder.number).collect();
        let lasts: Vec<_> = moved().map(|folder| folder.last).collect();
        if !numbers.is_empty() {
            let values = (&self.mailbox.number, &numbers, &lasts);
            self.tx
                .execute(COUNT_ON, &[values.0, values.1, values.2])
                .await?;
        }
        mailboxes::count_messages(self.tx, self.mailbox.number, self.more).await?;
        if self.applied.created + self.applied.updated > 0 {
            numbers::count_on(self.tx, &self.mailbox).await?;
        }
        Ok(self.applied)
    }
}

fn is_same(there: &There, message: &MessageRecord, found: &Found) -> bool {
    if message.change_key.is_some() || there.change_key.is_some() {
        return there.change_key == message.change_key;
    }
    found.whole.get(message.id.as_str()).is_some_and(|kept| {
        let record = MessageRecord {
            attachments: None,
            ..message.clone()
        };
        *kept == record
    })
}

/// Rows of messages, column by column.
#[derive(Default)]
struct Columns<'m> {
    numbers: Vec<i64>,
    ids: Vec<&'m str>,
    change_keys: Vec<Option<&'m str>>,
    folders: Vec<i64>,
    places: Vec<i64>,
    received: Vec<Option<Time>>,
    sent: Vec<Option<Time>>,
    subjects: Vec<&'m str>,
    from_names: Vec<&'m str>,
    from_addresses: Vec<&'m str>,
    read: Vec<bool>,
    drafts: Vec<bool>,
    with_attachments: Vec<bool>,
    attachments_known: Vec<bool>,
    conversations: Vec<Option<&'m str>>,
    message_ids: Vec<Option<&'m str>>,
    body_types: Vec<&'static str>,
    jsons: Vec<&'m str>,
    bodies: Vec<&'m str>,
}

impl<'m> Columns<'m> {
    fn push(&mut self, number: i64, folder: i64, place: i64, message: &'m MessageRecord) {
        self.numbers.push(number);
        self.ids.push(message.id.as_str());
        self.change_keys.push(message.change_key.as_deref());
        self.folders.push(folder);
        self.places.push(place);
        self.received.push(at_of(message.received_at));
        self.sent.push(at_of(message.sent_at));
        self.subjects.push(&message.subject);
        self.from_names.push(&message.from_name);
        self.from_addresses.push(&message.from_address);
        self.read.push(message.is_read);
        self.drafts.push(message.is_draft);
        self.with_attachments.push(message.has_attachments);
        self.attachments_known.push(message.attachments.is_some());
        self.conversations.push(message.conversation_id.as_deref());
        self.message_ids
            .push(message.internet_message_id.as_deref());
        self.body_types.push(body_type(message.body_type));
        self.jsons.push(&message.json);
        self.bodies.push(&message.body);
    }

    async fn write(&self, tx: &Tx<'_>, sql: &str, mailbox: i64, seen: i64) -> Answer<()> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        let [rows, texts] = tx.statements([sql, PUT_TEXTS]).await?;
        let client = tx.client();
        let (rows, texts) = tokio::join!(
            biased;
            async { client.execute(
                &rows,
                &[
                    &mailbox,
                    &seen,
                    &self.numbers,
                    &self.ids,
                    &self.change_keys,
                    &self.folders,
                    &self.places,
                    &self.received,
                    &self.sent,
                    &self.subjects,
                    &self.from_names,
                    &self.from_addresses,
                    &self.read,
                    &self.drafts,
                    &self.with_attachments,
                    &self.attachments_known,
                    &self.conversations,
                    &self.message_ids,
                    &self.body_types,
                ],
            ).await },
            async { client.execute(
                &texts,
                &[&mailbox, &self.numbers, &self.jsons, &self.bodies],
            ).await },
        );
        rows?;
        texts?;
        Ok(())
    }
}

/// Rows of attachments, column by column.
#[derive(Default)]
struct AttachmentColumns<'m> {
    messages: Vec<i64>,
    ordinals: Vec<i64>,
    ids: Vec<&'m str>,
    kinds: Vec<&'static str>,
    names: Vec<&'m str>,
    content_types: Vec<Option<&'m str>>,
    sizes: Vec<i64>,
    inline: Vec<bool>,
    content_ids: Vec<Option<&'m str>>,
    hashes: Vec<Option<String>>,
    blob_sizes: Vec<Option<i64>>,
    jsons: Vec<&'m str>,
}

/// Contents for attachments that are there, column by column.
#[derive(Default)]
struct Fills<'m> {
    messages: Vec<i64>,
    ids: Vec<&'m str>,
    hashes: Vec<&'m str>,
    sizes: Vec<i64>,
}

/// What is to be written.
#[derive(Default)]
struct Batch<'m> {
    new: Columns<'m>,
    changed: Columns<'m>,
    /// Seen again.
    seen: Vec<i64>,
    /// Their attachments are known now.
    known: Vec<i64>,
    /// Their attachments are written anew.
    anew: Vec<i64>,
    attachments: AttachmentColumns<'m>,
    fills: Fills<'m>,
}

impl<'m> Batch<'m> {
    /// A message's attachments, all of them. Contents that are here already stay with those that
    /// come without; one that is not here is not here yet, whatever the record says.
    fn put_attachments(
        &mut self,
        message: i64,
        attachments: Option<&'m [AttachmentRecord]>,
        found: &Found,
    ) {
        let columns = &mut self.attachments;
        for (attachment, ordinal) in attachments.unwrap_or_default().iter().zip(0_i64..) {
            let id = attachment.id.as_str();
            let blob = match &attachment.blob {
                Some(blob) => found
                    .here
                    .get(&blob.hash)
                    .map(|hash| (hash.clone(), kept(blob.size))),
                None => found.contents.get(&(message, id.to_owned())).cloned(),
            };
            columns.messages.push(message);
            columns.ordinals.push(ordinal);
            columns.ids.push(id);
            columns.kinds.push(attachment.kind.name());
            columns.names.push(&attachment.name);
            columns
                .content_types
                .push(attachment.content_type.as_deref());
            columns.sizes.push(attachment.size);
            columns.inline.push(attachment.is_inline);
            columns.content_ids.push(attachment.content_id.as_deref());
            columns
                .blob_sizes
                .push(blob.as_ref().map(|(_, size)| *size));
            columns.hashes.push(blob.map(|(hash, _)| hash));
            columns.jsons.push(&attachment.json);
        }
    }

    /// Contents that came for attachments which are there without.
    fn fill_attachments(
        &mut self,
        message: i64,
        attachments: Option<&'m [AttachmentRecord]>,
        found: &Found,
    ) {
        for attachment in attachments.unwrap_or_default() {
            let blob = attachment.blob.as_ref();
            let Some(blob) = blob.filter(|blob| found.here.contains(&blob.hash)) else {
                continue;
            };
            self.fills.messages.push(message);
            self.fills.ids.push(attachment.id.as_str());
            self.fills.hashes.push(&blob.hash);
            self.fills.sizes.push(kept(blob.size));
        }
    }

    async fn write(&self, tx: &Tx<'_>, mailbox: i64, seen: i64) -> Answer<()> {
        // Ready before the first is sent, for each builds on the one before.
        tx.statements([
            INSERT,
            UPDATE,
            PUT_TEXTS,
            MARK,
            KNOW_ATTACHMENTS,
            FORGET_ATTACHMENTS,
            INSERT_ATTACHMENTS,
            FILL_ATTACHMENTS,
        ])
        .await?;
        let (new, changed, seen, known, forgotten, attachments, filled) = tokio::join!(
            biased;
            self.new.write(tx, INSERT, mailbox, seen),
            self.changed.write(tx, UPDATE, mailbox, seen),
            async {
                match self.seen.is_empty() {
                    true => Ok(0),
                    false => tx.execute(MARK, &[&mailbox, &seen, &self.seen]).await,
                }
            },
            async {
                match self.known.is_empty() {
                    true => Ok(0),
                    false => tx.execute(KNOW_ATTACHMENTS, &[&mailbox, &self.known]).await,
                }
            },
            async {
                match self.anew.is_empty() {
                    true => Ok(0),
                    false => tx.execute(FORGET_ATTACHMENTS, &[&mailbox, &self.anew]).await,
                }
            },
            self.attachments.write(tx, mailbox),
            self.fills.write(tx, mailbox),
        );
        // The first that failed says why; those behind it only that something did.
        new?;
        changed?;
        seen?;
        known?;
        forgotten?;
        attachments?;
        filled
    }
}

impl AttachmentColumns<'_> {
    async fn write(&self, tx: &Tx<'_>, mailbox: i64) -> Answer<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        tx.execute(
            INSERT_ATTACHMENTS,
            &[
                &mailbox,
                &self.messages,
                &self.ordinals,
                &self.ids,
                &self.kinds,
                &self.names,
                &self.content_types,
                &self.sizes,
                &self.inline,
                &self.content_ids,
                &self.hashes,
                &self.blob_sizes,
                &self.jsons,
            ],
        )
        .await?;
        Ok(())
    }
}

impl Fills<'_> {
    async fn write(&self, tx: &Tx<'_>, mailbox: i64) -> Answer<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        tx.execute(
            FILL_ATTACHMENTS,
            &[
                &mailbox,
                &self.messages,
                &self.ids,
                &self.hashes,
                &self.sizes,
            ],
        )
        .await?;
        Ok(())
    }
}

fn body_type(kind: BodyType) -> &'static str {
    match kind {
        BodyType::Text => "text",
        BodyType::Html => "html",
    }
}
