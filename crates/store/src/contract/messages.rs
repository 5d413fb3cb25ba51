//! The mirror's messages and attachments.

use super::Result;
use super::cursors::Cursor;
use async_trait::async_trait;
use bytes::Bytes;
use postroom_model::resource::attachment::{AttachmentRecord, BlobRef};
use postroom_model::resource::message::MessageRecord;
use postroom_model::{AttachmentId, FolderId, MailboxId, MessageId, Timestamp};

/// One page of a folder's delta, or of a full comparison.
#[derive(Clone, Debug)]
pub struct MessagePage {
    /// The folder.
    pub folder: FolderId,
    /// New or changed messages, whole. One that is there with the same change key in the same
    /// folder is no change.
    pub messages: Vec<MessageRecord>,
    /// Messages that are not in this folder any more.
    pub removed: Vec<MessageId>,
    /// Contents of attachments in `messages`, kept in the same transaction (large ones are on
    /// disk before it).
    pub contents: Vec<(BlobRef, Bytes)>,
    /// How far the folder was read. When its `comparison` is set, the places of `messages` are
    /// marked as seen by it, and when it is also `complete`, every message of the folder that it
    /// has not seen is marked as leaving.
    pub cursor: Cursor,
}

/// What a page changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// New messages.
    pub created: u64,
    /// Changed or moved ones.
    pub updated: u64,
    /// Marked as leaving.
    pub leaving: u64,
}

/// What a list asks for. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct MessageQuery {
    /// In this folder.
    pub folder: Option<FolderId>,
    /// Sender's address or name has this part, without regard to case (the rule is in
    /// [`crate::contract`]).
    pub from: Option<String>,
    /// The subject has this part, likewise.
    pub subject: Option<String>,
    /// Every one of these words (separated by white space) is in the subject, the sender's name or
    /// address, or the body, likewise.
    pub search: Option<String>,
    /// Read or unread.
    pub is_read: Option<bool>,
    /// With or without (Microsoft's) attachments.
    pub has_attachments: Option<bool>,
    /// Of this conversation.
    pub conversation_id: Option<String>,
    /// With this `Message-ID`.
    pub internet_message_id: Option<String>,
    /// Received at this time or later.
    pub received_after: Option<Timestamp>,
    /// Received before this time.
    pub received_before: Option<Timestamp>,
    /// Behind this place in the order.
    pub after: Option<Position>,
    /// Whether bodies are wanted; else they are empty.
    pub with_body: bool,
    /// At most so many.
    pub limit: u32,
}

/// A message's place in the order of lists: newest first, then by id, descending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// When it was received, in microseconds; a message without that time counts as 0.
    pub received_micros: i64,
    /// Its id.
    pub id: MessageId,
}

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The message. `attachments` is `None`: they are read on their own.
    pub record: MessageRecord,
    /// Its number in its folder: grows, never given twice there.
    pub number: u64,
}

/// The mirror's messages and attachments.
#[async_trait]
pub trait Messages {
    /// Takes in one page: messages, places with their numbers, attachments, contents, changes and
    /// the cursor, all at once. The cursor's key is `{mailbox, messages, folder}`.
    ///
    /// A removed message is not deleted at once, for it may appear in another folder a moment
    /// later: it is marked as leaving, if this folder is where it lies. A message that comes again
    /// anywhere is leaving no more. A page for a mailbox that is gone does nothing.
    async fn apply_messages(
        &self,
        mailbox: &MailboxId,
        page: &MessagePage,
        at: Timestamp,
    ) -> Result<Applied>;
    /// Messages that are leaving, by id, behind `after`, at most `limit`. At the end of a round over
    /// all folders they were deleted, or moved while the round was under way: the mirror asks
    /// Microsoft for each and then either puts it or settles it.
    async fn leaving(
        &self,
        mailbox: &MailboxId,
        after: Option<&MessageId>,
        limit: u32,
    ) -> Result<Vec<MessageId>>;
    /// Deletes those of `gone` that are still leaving, with a change for each. Gives how many.
    async fn settle(&self, mailbox: &MailboxId, gone: &[MessageId], at: Timestamp) -> Result<u64>;
    /// Compares a part of a folder's list with what is kept: those of `listed` (id and change key)
    /// that are kept in this folder with that change key are marked as seen by `comparison`; the
    /// others' ids are given back, to be fetched.
    async fn compare(
        &self,
        mailbox: &MailboxId,
        folder: &FolderId,
        listed: &[(MessageId, Option<String>)],
        comparison: i64,
    ) -> Result<Vec<MessageId>>;
    /// Ends a comparison that did not come by delta pages: what it has not seen in the folder is
    /// marked as leaving. Gives how many. A comparison's number is the time at which it began, in
    /// microseconds; what any write put into the folder since then counts as seen, for every write
    /// marks the place as seen at its own time (`at`) if that is later. In short: unseen is what
    /// was last seen before `comparison`.
    async fn finish_comparison(
        &self,
        mailbox: &MailboxId,
        folder: &FolderId,
        comparison: i64,
    ) -> Result<u64>;
    /// Writes one message that a call of ours changed or fetched, with contents, without a cursor.
    /// In a comparison it counts as seen by `comparison`, else as seen at `at`. It is leaving no
    /// more.
    async fn put_message(
        &self,
        mailbox: &MailboxId,
        message: &MessageRecord,
        contents: &[(BlobRef, Bytes)],
        comparison: Option<i64>,
        at: Timestamp,
    ) -> Result<Applied>;
    /// Deletes one message that a call of ours removed for good. `Ok(false)` when it is gone.
    async fn delete_message(
        &self,
        mailbox: &MailboxId,
        id: &MessageId,
        at: Timestamp,
    ) -> Result<bool>;

    /// One message with its body.
    async fn message(&self, mailbox: &MailboxId, id: &MessageId) -> Result<Option<StoredMessage>>;
    /// A list in order.
    async fn list_messages(
        &self,
        mailbox: &MailboxId,
        query: &MessageQuery,
    ) -> Result<Vec<StoredMessage>>;
    /// How many messages a folder has here.
    async fn count_messages(&self, mailbox: &MailboxId, folder: &FolderId) -> Result<u64>;

    /// A message's attachments in Microsoft's order.
    async fn attachments(
        &self,
        mailbox: &MailboxId,
        message: &MessageId,
    ) -> Result<Vec<AttachmentRecord>>;
    /// Says which content an attachment has. `Ok(false)` when it is gone.
    async fn set_attachment_content(
        &self,
        mailbox: &MailboxId,
        message: &MessageId,
        attachment: &AttachmentId,
        content: &BlobRef,
    ) -> Result<bool>;
    /// Attachments whose content is not here yet, of any message, at most `limit`.
    async fn attachments_without_content(
        &self,
        mailbox: &MailboxId,
        limit: u32,
    ) -> Result<Vec<(MessageId, AttachmentRecord)>>;

    /// The message's MIME form, if it was fetched since the message changed last.
    async fn message_mime(&self, mailbox: &MailboxId, id: &MessageId) -> Result<Option<BlobRef>>;
    /// Keeps the MIME form. `Ok(false)` when the message is gone.
    async fn set_message_mime(
        &self,
        mailbox: &MailboxId,
        id: &MessageId,
        content: &BlobRef,
    ) -> Result<bool>;
}
