//! What is to be written of some messages: rows, column by column, sent in one go.

use super::super::errors::Answer;
use super::super::server::Tx;
use super::super::values::{Time, at_of, kept};
use super::Found;
use postroom_model::outbox::BodyType;
use postroom_model::resource::attachment::AttachmentRecord;
use postroom_model::resource::message::MessageRecord;

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

/// Rows of messages, column by column.
#[derive(Default)]
pub(super) struct Columns<'m> {
    pub(super) numbers: Vec<i64>,
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
    pub(super) fn push(
        &mut self,
        number: i64,
        folder: i64,
        place: i64,
        message: &'m MessageRecord,
    ) {
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
pub(super) struct Batch<'m> {
    pub(super) new: Columns<'m>,
    pub(super) changed: Columns<'m>,
    /// Seen again.
    pub(super) seen: Vec<i64>,
    /// Their attachments are known now.
    pub(super) known: Vec<i64>,
    /// Their attachments are written anew.
    pub(super) anew: Vec<i64>,
    attachments: AttachmentColumns<'m>,
    fills: Fills<'m>,
}

impl<'m> Batch<'m> {
    /// A message's attachments, all of them. Contents that are here already stay with those that
    /// come without; one that is not here is not here yet, whatever the record says.
    pub(super) fn put_attachments(
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
    pub(super) fn fill_attachments(
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

    pub(super) async fn write(&self, tx: &Tx<'_>, mailbox: i64, seen: i64) -> Answer<()> {
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
