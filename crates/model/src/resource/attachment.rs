//! `attachment` with `fileAttachment`, `itemAttachment`, `referenceAttachment` (Graph reference).

use crate::ids::AttachmentId;
use serde::{Deserialize, Serialize};

/// An attachment as the mirror keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentRecord {
    /// Microsoft's immutable id.
    pub id: AttachmentId,
    /// What it is.
    pub kind: AttachmentKind,
    /// The file's name.
    pub name: String,
    /// The media type, as the sender said.
    pub content_type: Option<String>,
    /// Microsoft's size, which exceeds the content's length.
    pub size: i64,
    /// Whether the body shows it.
    pub is_inline: bool,
    /// What `cid:` in the body names it by.
    pub content_id: Option<String>,
    /// The content's hash and length, once it is here.
    pub blob: Option<BlobRef>,
    /// Microsoft's JSON object as it came, without the content.
    pub json: String,
}

/// A content by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// BLAKE3, 64 hexadecimal digits.
    pub hash: String,
    /// Length in bytes.
    pub size: u64,
}

/// Kinds of attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AttachmentKind {
    /// A file.
    File,
    /// A message, event or contact.
    Item,
    /// A link to a file elsewhere; it has no content of its own.
    Reference,
}

impl AttachmentKind {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Item => "item",
            Self::Reference => "reference",
        }
    }
}
