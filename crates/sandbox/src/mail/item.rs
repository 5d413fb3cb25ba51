//! A message as the mailbox keeps it, without its place: folder, ids and change key belong to
//! the mailbox's entry.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::html;
use super::stamp::Seconds;

/// A name and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name.
    pub name: String,
    /// The SMTP address.
    pub address: String,
}

impl Address {
    /// An address with a name.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            address: address.into(),
        }
    }
}

/// The body as stored, and the forms it is shown in.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageBody {
    /// Whether `content` is HTML.
    pub(crate) html: bool,
    /// What was written.
    pub(crate) content: String,
    /// Known to be harmless: made here.
    pub(crate) harmless: bool,
    /// Sanitised HTML, made when first asked for.
    safe: OnceLock<String>,
}

impl MessageBody {
    /// A body as given by a client or a message.
    pub(crate) fn new(html: bool, content: String) -> Self {
        Self {
            html,
            content,
            ..Self::default()
        }
    }

    /// HTML without scripts and their like. A plain text body comes as HTML too: Graph shows
    /// every body as HTML unless text is preferred.
    pub(crate) fn safe_html(&self) -> &str {
        if self.html && self.harmless {
            return &self.content;
        }
        self.safe.get_or_init(|| {
            if self.html {
                html::sanitise(&self.content)
            } else {
                html::from_text(&self.content)
            }
        })
    }

    /// The body as plain text.
    pub(crate) fn text(&self) -> String {
        if self.html {
            html::to_text(&self.content)
        } else {
            self.content.clone()
        }
    }

    /// The first 255 characters of the text, on one line.
    pub(crate) fn preview(&self) -> String {
        html::preview(&self.text())
    }
}

/// The follow-up flag. Times are kept as sent: local time and zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag {
    /// `notFlagged`, `flagged` or `complete`.
    pub(crate) status: FlagStatus,
    /// `startDateTime`.
    pub(crate) start: Option<(String, String)>,
    /// `dueDateTime`.
    pub(crate) due: Option<(String, String)>,
    /// `completedDateTime`.
    pub(crate) completed: Option<(String, String)>,
}

/// `followupFlagStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FlagStatus {
    /// No flag.
    #[default]
    NotFlagged,
    /// Done.
    Complete,
    /// To do.
    Flagged,
}

impl FlagStatus {
    /// Graph's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotFlagged => "notFlagged",
            Self::Complete => "complete",
            Self::Flagged => "flagged",
        }
    }
}

/// `importance`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Importance {
    /// Low.
    Low,
    /// Normal.
    #[default]
    Normal,
    /// High.
    High,
}

impl Importance {
    /// Graph's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// What an invitation is about (microsoft.graph.eventMessageRequest).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// When it begins.
    pub(crate) start: Seconds,
    /// When it ends.
    pub(crate) end: Seconds,
}

/// What a file attachment holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Bytes.
    Kept(Bytes),
    /// Invented from a seed when asked for.
    Made(super::made::Made),
}

impl Content {
    /// The bytes.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Self::Kept(bytes) => bytes.clone(),
            Self::Made(made) => Bytes::from(made.bytes()),
        }
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Kept(bytes) => bytes.len(),
            Self::Made(made) => made.length,
        }
    }
}

/// The three kinds of attachments.
#[derive(Clone, Debug)]
pub(crate) enum AttachmentKind {
    /// A file.
    File(Content),
    /// A message inside the message, and its MIME where it is known.
    Item(Arc<Item>),
    /// A link to a file elsewhere.
    Reference(String),
}

/// An attachment.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    /// Its number within the message, never used again there.
    pub(crate) number: u32,
    /// The name.
    pub(crate) name: String,
    /// The media type.
    pub(crate) content_type: String,
    /// Whether the body shows it.
    pub(crate) inline: bool,
    /// What the body's `cid:` names.
    pub(crate) content_id: Option<String>,
    /// `lastModifiedDateTime`.
    pub(crate) modified: Seconds,
    /// What it is.
    pub(crate) kind: AttachmentKind,
}

impl Attachment {
    /// A file.
    pub(crate) fn file(
        name: &str,
        content_type: &str,
        content: Content,
        modified: Seconds,
    ) -> Self {
        Self {
            number: 0,
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            inline: false,
            content_id: None,
            modified,
            kind: AttachmentKind::File(content),
        }
    }

    /// The size that Graph reports: more than the raw bytes, since properties count too.
    pub(crate) fn reported_size(&self) -> usize {
        let raw = match &self.kind {
            AttachmentKind::File(content) => content.len(),
            AttachmentKind::Item(item) => item.size(),
            AttachmentKind::Reference(url) => url.len(),
        };
        raw + 2 * self.name.len() + 174
    }
}

/// A message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    pub(crate) subject: String,
    pub(crate) body: MessageBody,
    pub(crate) preview: String,
    pub(crate) from: Option<Address>,
    pub(crate) sender: Option<Address>,
    pub(crate) to: Vec<Address>,
    pub(crate) cc: Vec<Address>,
    pub(crate) bcc: Vec<Address>,
    pub(crate) reply_to: Vec<Address>,
    pub(crate) created: Seconds,
    pub(crate) modified: Seconds,
    pub(crate) received: Seconds,
    pub(crate) sent: Seconds,
    pub(crate) importance: Importance,
    pub(crate) is_read: bool,
    pub(crate) is_draft: bool,
    pub(crate) read_receipt: bool,
    pub(crate) delivery_receipt: bool,
    pub(crate) flag: Flag,
    pub(crate) other_inbox: bool,
    pub(crate) conversation: String,
    pub(crate) conversation_index: Vec<u8>,
    pub(crate) internet_message_id: String,
    /// `In-Reply-To` without angle brackets.
    pub(crate) in_reply_to: Option<String>,
    /// `References` without angle brackets.
    pub(crate) references: Vec<String>,
    /// Headers beyond those made from the properties: custom ones on drafts, all of them on
    /// messages that came as MIME.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) categories: Vec<String>,
    /// Single-value extended properties: id and value.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) attachments: Vec<Attachment>,
    /// The message is an invitation.
    pub(crate) meeting: Option<Meeting>,
    /// The message as it came, byte for byte, while nothing that shows in it has changed.
    pub(crate) mime: Option<Bytes>,
}

impl Item {
    /// False when every attachment is inline. Source: Microsoft's page of the message resource.
    pub(crate) fn has_attachments(&self) -> bool {
        self.attachments.iter().any(|attachment| !attachment.inline)
    }

    /// About how many bytes the message takes.
    pub(crate) fn size(&self) -> usize {
        if let Some(mime) = &self.mime {
            return mime.len();
        }
        self.body.content.len()
            + self.subject.len()
            + 1024
            + self
                .attachments
                .iter()
                .map(|attachment| match &attachment.kind {
                    AttachmentKind::File(content) => content.len(),
                    AttachmentKind::Item(item) => item.size(),
                    AttachmentKind::Reference(url) => url.len(),
                })
                .sum::<usize>()
    }

    /// Everyone the message goes to.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }

    /// Sets the body and what follows from it.
    pub(crate) fn set_body(&mut self, body: MessageBody) {
        self.preview = body.preview();
        self.body = body;
    }

    /// Adds an attachment under the next number.
    pub(crate) fn attach(&mut self, mut attachment: Attachment) -> u32 {
        let number = self
            .attachments
            .iter()
            .map(|other| other.number)
            .max()
            .unwrap_or(0)
            + 1;
        attachment.number = number;
        self.attachments.push(attachment);
        number
    }
}
