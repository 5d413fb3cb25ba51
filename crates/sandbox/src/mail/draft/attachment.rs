//! Attachments in Graph's JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::{Target, apply, unreadable};
use crate::call::GraphError;
use crate::mail::item::{Attachment, AttachmentKind, Content, Item};
use crate::mail::json::member;
use crate::mail::stamp::Seconds;

/// The largest file that one POST may attach. Source: Microsoft's page "Attach large files to
/// Outlook messages".
const LARGEST_ATTACHMENT: usize = 3 * 1024 * 1024;

/// An attachment from JSON: file, item or reference by `@odata.type`.
pub(crate) fn attachment(value: &Value, now: Seconds) -> Result<Attachment, GraphError> {
    let kind = member(value, "@odata.type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim_start_matches('#')
        .to_ascii_lowercase();
    let text = |name: &str| member(value, name).and_then(Value::as_str);
    let name = text("name").unwrap_or_default().to_owned();
    let kind = match kind.as_str() {
        "microsoft.graph.fileattachment" => {
            let given = text("contentBytes").ok_or_else(|| {
                GraphError::new(
                    400,
                    "ErrorRequiredPropertyMissing",
                    "Required property is missing: contentBytes.",
                )
            })?;
            let bytes = STANDARD.decode(given).map_err(|_| {
                unreadable("Cannot convert the literal to the expected type 'Edm.Binary'.")
            })?;
            if bytes.len() >= LARGEST_ATTACHMENT {
                return Err(too_large());
            }
            AttachmentKind::File(Content::Kept(Bytes::from(bytes)))
        }
        "microsoft.graph.itemattachment" => {
            let inner = member(value, "item").ok_or_else(|| {
                GraphError::new(
                    400,
                    "ErrorRequiredPropertyMissing",
                    "Required property is missing: item.",
                )
            })?;
            let mut item = Item {
                created: now,
                modified: now,
                received: now,
                sent: now,
                ..Item::default()
            };
            apply(&mut item, inner, Target::New, now)?;
            AttachmentKind::Item(std::sync::Arc::new(item))
        }
        "microsoft.graph.referenceattachment" => {
            AttachmentKind::Reference(text("sourceUrl").unwrap_or_default().to_owned())
        }
        other => {
            return Err(unreadable(format!(
                "The type '{other}' is not an attachment that can be created."
            )));
        }
    };
    let content_type = match (text("contentType"), &kind) {
        (Some(given), _) if !given.is_empty() => given.to_owned(),
        (_, AttachmentKind::File(_)) => mime_guess::from_path(&name)
            .first_raw()
            .unwrap_or("application/octet-stream")
            .to_owned(),
        _ => String::new(),
    };
    Ok(Attachment {
        number: 0,
        name,
        content_type,
        inline: member(value, "isInline")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        content_id: text("contentId").map(str::to_owned),
        modified: now,
        kind,
    })
}

/// 413 for a file that needs an upload session.
fn too_large() -> GraphError {
    GraphError::new(
        413,
        "ErrorMessageSizeExceeded",
        "The message exceeds the maximum supported size: files of 3 MB and more need an upload session.",
    )
}
