//! The outbox: what was accepted for sending.

use crate::ids::{KeyId, MailboxId, MessageId, OutboxId};
use crate::resource::recipient::Recipient;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An item of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// Ours. Its text is also the stamp that the message carries at Microsoft.
    pub id: OutboxId,
    /// The mailbox that it leaves from.
    pub mailbox: MailboxId,
    /// The key of whoever gave it; `None` for the command line.
    pub key: Option<KeyId>,
    /// What was asked for.
    pub kind: OutboxKind,
    /// The message that a reply or forward answers.
    pub original: Option<MessageId>,
    /// What is to be sent. Its attachments' contents are blobs.
    pub message: OutgoingMessage,
    /// How it stands.
    pub status: OutboxStatus,
    /// Where the work on it stands: what was done at Microsoft for certain.
    pub step: OutboxStep,
    /// The draft's immutable id, once there is a draft; it stays when the message is sent.
    pub message_id: Option<MessageId>,
    /// `Message-ID`, once known.
    pub internet_message_id: Option<String>,
    /// The conversation, once known.
    pub conversation_id: Option<String>,
    /// Why it is in this status, in words for people.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it is due next.
    pub due_at: Timestamp,
    /// When Microsoft took it.
    pub sent_at: Option<Timestamp>,
    /// Since when its sending is in doubt.
    pub doubtful_since: Option<Timestamp>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum OutboxKind {
    /// A new message.
    Send,
    /// An answer to the sender.
    Reply,
    /// An answer to all.
    ReplyAll,
    /// Handing a message on.
    Forward,
}

impl OutboxKind {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Reply => "reply",
            Self::ReplyAll => "replyAll",
            Self::Forward => "forward",
        }
    }
}

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum OutboxStatus {
    /// Safe on disk; nothing has left.
    Queued,
    /// Being sent.
    Sending,
    /// Microsoft took it.
    Sent,
    /// It will not leave: `reason` says why.
    Failed,
    /// Whether it left cannot be decided. It is never sent again on its own.
    Uncertain,
    /// Taken back before it left.
    Cancelled,
}

impl OutboxStatus {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it stays so unless a person does something.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending)
    }
}

/// Where the work on an item stands. Written *before* the call whose answer may be lost, so that
/// after a crash it is known what may have happened at Microsoft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutboxStep {
    /// Nothing was asked of Microsoft.
    New,
    /// A draft may exist: look for the stamp before making one.
    Drafting,
    /// The draft exists, with its id.
    Drafted,
    /// Everything is on the draft.
    Complete,
    /// Sending was asked for: look before asking again.
    Sending,
}

impl OutboxStep {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Drafting => "drafting",
            Self::Drafted => "drafted",
            Self::Complete => "complete",
            Self::Sending => "sending",
        }
    }
}

/// What is to be sent, in the shape of Microsoft's message, flat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutgoingMessage {
    /// The subject; a reply or forward has one of its own.
    pub subject: Option<String>,
    /// The text.
    pub body: Option<OutgoingBody>,
    /// Another sender than the mailbox's own address.
    pub from: Option<Recipient>,
    /// Recipients. In a reply, those that are given replace.
    pub to_recipients: Vec<Recipient>,
    /// Copies.
    pub cc_recipients: Vec<Recipient>,
    /// Blind copies.
    pub bcc_recipients: Vec<Recipient>,
    /// Where answers go.
    pub reply_to: Vec<Recipient>,
    /// `low`, `normal` or `high`.
    pub importance: Option<Importance>,
    /// Files.
    pub attachments: Vec<OutgoingAttachment>,
    /// Whether a reply or forward has the original below its text.
    pub quote: Option<bool>,
}

/// The text of an outgoing message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutgoingBody {
    /// What `content` is.
    pub content_type: BodyType,
    /// The text.
    pub content: String,
}

/// Kinds of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BodyType {
    /// Plain text.
    #[serde(alias = "Text", alias = "TEXT")]
    Text,
    /// HTML.
    #[default]
    #[serde(alias = "Html", alias = "HTML")]
    Html,
}

/// How urgent a message calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Importance {
    /// Low.
    #[serde(alias = "Low")]
    Low,
    /// Normal.
    #[serde(alias = "Normal")]
    Normal,
    /// High.
    #[serde(alias = "High")]
    High,
}

/// A file of an outgoing message; its content is a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingAttachment {
    /// The file's name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Whether the text shows it (`cid:`).
    #[serde(default)]
    pub is_inline: bool,
    /// What `cid:` names it by.
    #[serde(default)]
    pub content_id: Option<String>,
    /// The content's hash, by which the store keeps it.
    pub blob: String,
    /// The content's length in bytes.
    pub size: u64,
}
