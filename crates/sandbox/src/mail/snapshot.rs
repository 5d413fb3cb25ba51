//! Everything in a mailbox at one time, for tests that compare a mirror with it.

use super::ids::Key;
use super::item::AttachmentKind;
use super::mailbox::Mailbox;
use super::mime_out;
use super::stamp;

use sha2::{Digest as _, Sha256};

/// A mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The folders below the root, hidden ones too.
    pub folders: Vec<FolderSnapshot>,
    /// Every message in them.
    pub messages: Vec<MessageSnapshot>,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSnapshot {
    /// Its id.
    pub id: String,
    /// The id of the folder above.
    pub parent_id: String,
    /// `displayName`.
    pub name: String,
    /// The well-known name, if it has one.
    pub well_known: Option<String>,
    /// Whether it is hidden.
    pub hidden: bool,
    /// `totalItemCount`.
    pub total: usize,
    /// `unreadItemCount`.
    pub unread: usize,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSnapshot {
    /// The default id.
    pub id: String,
    /// The immutable id.
    pub immutable_id: String,
    /// `internetMessageId`.
    pub internet_message_id: String,
    /// The id of its folder.
    pub folder_id: String,
    /// The subject.
    pub subject: String,
    /// `receivedDateTime`.
    pub received: String,
    /// Whether it is read.
    pub is_read: bool,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// The change key.
    pub change_key: String,
    /// Categories.
    pub categories: Vec<String>,
    /// Header names and values, as `internetMessageHeaders` shows them.
    pub headers: Vec<(String, String)>,
    /// SHA-256 of the body as Graph shows it (sanitised HTML), in hexadecimal.
    pub body_sha256: String,
    /// The attachments.
    pub attachments: Vec<AttachmentSnapshot>,
}

/// An attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentSnapshot {
    /// The name.
    pub name: String,
    /// The media type.
    pub content_type: String,
    /// Whether the body shows it.
    pub inline: bool,
    /// SHA-256 of the bytes, of an item's MIME or of a link, in hexadecimal.
    pub sha256: String,
}

/// Takes it.
pub(crate) fn take(mailbox: &Mailbox) -> Snapshot {
    let folders = mailbox
        .folders
        .values()
        .filter(|folder| folder.number != super::folder::ROOT && mailbox.is_visible(folder.number))
        .map(|folder| FolderSnapshot {
            id: mailbox.ids.folder(folder.number),
            parent_id: mailbox.ids.folder(folder.parent),
            name: folder.name.clone(),
            well_known: folder.well_known.map(str::to_owned),
            hidden: folder.hidden,
            total: folder.order.len(),
            unread: folder.unread,
        })
        .collect();
    let messages = mailbox
        .entries()
        .filter(|(_, entry)| mailbox.is_visible(entry.folder))
        .map(|(number, entry)| {
            let item = mailbox.load(entry, true);
            let key = Key {
                number,
                generation: entry.generation,
            };
            MessageSnapshot {
                id: mailbox.ids.message(key, false),
                immutable_id: mailbox.ids.message(key, true),
                internet_message_id: item.internet_message_id.clone(),
                folder_id: mailbox.ids.folder(entry.folder),
                subject: item.subject.clone(),
                received: stamp::text(item.received),
                is_read: item.is_read,
                is_draft: item.is_draft,
                change_key: mailbox.ids.change_key(number, entry.change),
                categories: item.categories.clone(),
                headers: mime_out::header_list(&item),
                body_sha256: sha256(item.body.safe_html().as_bytes()),
                attachments: item
                    .attachments
                    .iter()
                    .map(|attachment| AttachmentSnapshot {
                        name: attachment.name.clone(),
                        content_type: attachment.content_type.clone(),
                        inline: attachment.inline,
                        sha256: match &attachment.kind {
                            AttachmentKind::File(content) => sha256(&content.bytes()),
                            AttachmentKind::Item(item) => sha256(&mime_out::mime(item)),
                            AttachmentKind::Reference(url) => sha256(url.as_bytes()),
                        },
                    })
                    .collect(),
            }
        })
        .collect();
    Snapshot { folders, messages }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
