//! `message` (Graph reference), as the mirror keeps it.

use crate::ids::{FolderId, MessageId};
use crate::outbox::BodyType;
use crate::resource::attachment::AttachmentRecord;
use jiff::Timestamp;

/// A message as the mirror takes it in: the columns that are searched, the body, and the rest of
/// Microsoft's JSON as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Microsoft's immutable id.
    pub id: MessageId,
    /// Changes with every change of the message.
    pub change_key: Option<String>,
    /// Where it lies.
    pub folder: FolderId,
    /// When it was received; a draft's is when it was made.
    pub received_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// The subject.
    pub subject: String,
    /// The sender's name.
    pub from_name: String,
    /// The sender's address.
    pub from_address: String,
    /// Whether it was read.
    pub is_read: bool,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// As Microsoft says: false when all attachments are inline.
    pub has_attachments: bool,
    /// The conversation.
    pub conversation_id: Option<String>,
    /// `Message-ID`.
    pub internet_message_id: Option<String>,
    /// What the body is.
    pub body_type: BodyType,
    /// The body.
    pub body: String,
    /// Microsoft's JSON object as it came, without `body` and `attachments`.
    pub json: String,
    /// Attachments, complete; `None` when this record says nothing of them.
    pub attachments: Option<Vec<AttachmentRecord>>,
}
