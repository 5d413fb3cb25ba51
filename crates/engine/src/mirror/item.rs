//! Microsoft's JSON of a message, taken apart into what the store keeps.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use postroom_model::outbox::BodyType;
use postroom_model::resource::attachment::{AttachmentKind, AttachmentRecord, BlobRef};
use postroom_model::resource::message::MessageRecord;
use postroom_model::{FolderId, MessageId, Timestamp};
use serde_json::{Map, Value};

/// A JSON object of Microsoft's.
pub(crate) type Object = Map<String, Value>;

/// Properties that a whole message always has: the mirror asks for them by name, and Microsoft
/// leaves out only what did not change.
const ALWAYS_THERE: &[&str] = &[
    "changeKey",
    "body",
    "subject",
    "isRead",
    "isDraft",
    "parentFolderId",
    "receivedDateTime",
    "hasAttachments",
];

/// One item of a delta page.
#[derive(Debug)]
pub(crate) enum Item {
    /// It is not in the folder any more.
    Removed(MessageId),
    /// A message with everything that was asked for.
    Whole(Box<Taken>),
    /// Some of a message's properties: what is not there did not change.
    Partial(MessageId, Object),
}

/// A message with the contents that came along.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The message.
    pub(crate) record: MessageRecord,
    /// Contents of its attachments.
    pub(crate) contents: Vec<(BlobRef, Bytes)>,
}

/// Why an item could not be taken in.
#[derive(Debug, thiserror::Error)]
#[error("an item has no {0}")]
pub(crate) struct Unfit(&'static str);

/// Takes a page's item apart.
pub(crate) fn item(object: Object, folder: &FolderId) -> Result<Item, Unfit> {
    let id = MessageId::new(text(&object, "id").ok_or(Unfit("id"))?);
    if object.contains_key("@removed") {
        return Ok(Item::Removed(id));
    }
    if ALWAYS_THERE.iter().all(|name| object.contains_key(*name)) {
        whole(object, Some(folder)).map(|taken| Item::Whole(Box::new(taken)))
    } else {
        let mut object = object;
        if !object.contains_key("changeKey")
            && let Some(key) = change_key_of_etag(&object)
        {
            object.insert("changeKey".into(), key.into());
        }
        Ok(Item::Partial(id, object))
    }
}

/// The entity tag of a message is its change key: `W/"CQAA…"`. A change of nothing but the read
/// state brings the tag and not the property (seen with delta).
fn change_key_of_etag(object: &Object) -> Option<String> {
    let tag = text(object, "@odata.etag")?;
    let key = tag
        .strip_prefix("W/")?
        .strip_prefix('"')?
        .strip_suffix('"')?;
    Some(key.to_owned())
}

/// Lays what changed over what is kept.
pub(crate) fn merge(kept: MessageRecord, changed: Object) -> Result<Taken, Unfit> {
    let mut object: Object = serde_json::from_str(&kept.json).unwrap_or_default();
    let has_body = changed.contains_key("body");
    let moved = text(&changed, "parentFolderId");
    object.extend(changed);
    let mut taken = whole(
        object,
        moved.map(FolderId::new).as_ref().or(Some(&kept.folder)),
    )?;
    if !has_body {
        taken.record.body = kept.body;
        taken.record.body_type = kept.body_type;
    }
    Ok(taken)
}

/// A whole message. `folder` is where it was found; without one it is where it says it lies.
pub(crate) fn whole(mut object: Object, folder: Option<&FolderId>) -> Result<Taken, Unfit> {
    let id = MessageId::new(text(&object, "id").ok_or(Unfit("id"))?);
    let folder = match folder {
        Some(folder) => folder.clone(),
        None => FolderId::new(text(&object, "parentFolderId").ok_or(Unfit("parentFolderId"))?),
    };
    object.insert("parentFolderId".into(), folder.as_str().into());
    object.retain(|name, _| !name.starts_with("attachments@odata"));
    let attachments = match object.remove("attachments") {
        Some(Value::Array(list)) => Some(list),
        _ => None,
    };
    let (body_type, body) = match object.remove("body") {
        Some(Value::Object(mut body)) => (
            body_type(body.get("contentType")),
            owned_text(body.remove("content")),
        ),
        _ => (BodyType::Text, String::new()),
    };
    let mut contents = Vec::new();
    let attachments = attachments
        .map(|list| {
            list.into_iter()
                .filter_map(|value| match value {
                    Value::Object(object) => Some(attachment(object, &mut contents)),
                    _ => None,
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .transpose()?;
    let from = object
        .get("from")
        .and_then(|from| from.get("emailAddress"))
        .and_then(Value::as_object);
    let record = MessageRecord {
        id,
        change_key: text(&object, "changeKey"),
        folder,
        received_at: time(&object, "receivedDateTime"),
        sent_at: time(&object, "sentDateTime"),
        subject: text(&object, "subject").unwrap_or_default(),
        from_name: from.and_then(|from| text(from, "name")).unwrap_or_default(),
        from_address: from
            .and_then(|from| text(from, "address"))
            .unwrap_or_default(),
        is_read: flag(&object, "isRead"),
        is_draft: flag(&object, "isDraft"),
        has_attachments: flag(&object, "hasAttachments"),
        conversation_id: text(&object, "conversationId"),
        internet_message_id: text(&object, "internetMessageId"),
        body_type,
        body,
        json: String::new(),
        attachments,
    };
    let json = Value::Object(object).to_string();
    Ok(Taken {
        record: MessageRecord { json, ..record },
        contents,
    })
}

/// An attachment, its content put with `contents` if it came along.
pub(crate) fn attachment(
    mut object: Object,
    contents: &mut Vec<(BlobRef, Bytes)>,
) -> Result<AttachmentRecord, Unfit> {
    let id = text(&object, "id").ok_or(Unfit("attachment id"))?;
    let kind = match object.get("@odata.type").and_then(Value::as_str) {
        Some("#microsoft.graph.itemAttachment") => AttachmentKind::Item,
        Some("#microsoft.graph.referenceAttachment") => AttachmentKind::Reference,
        _ => AttachmentKind::File,
    };
    // Microsoft's metadata says base64url, its answers are standard base64: both are read.
    let content = object
        .remove("contentBytes")
        .filter(|_| kind == AttachmentKind::File)
        .and_then(|value| match value {
            Value::String(text) => STANDARD
                .decode(&text)
                .or_else(|_| URL_SAFE.decode(&text))
                .ok(),
            _ => None,
        });
    let blob = content.map(|bytes| {
        let blob = postroom_store::contract::blobs::blob_ref(&bytes);
        contents.push((blob.clone(), bytes.into()));
        blob
    });
    Ok(AttachmentRecord {
        id: id.into(),
        kind,
        name: text(&object, "name").unwrap_or_default(),
        content_type: text(&object, "contentType"),
        size: object.get("size").and_then(Value::as_i64).unwrap_or(0),
        is_inline: flag(&object, "isInline"),
        content_id: text(&object, "contentId"),
        blob,
        json: Value::Object(object).to_string(),
    })
}

/// Whether a message has attachments that it may hide: `hasAttachments` is false when all are
/// inline (Graph, *message resource type*).
pub(crate) fn may_have_attachments(record: &MessageRecord) -> bool {
    record.has_attachments || record.body.contains("cid:") || record.body.contains("CID:")
}

fn body_type(value: Option<&Value>) -> BodyType {
    match value.and_then(Value::as_str) {
        Some(name) if name.eq_ignore_ascii_case("html") => BodyType::Html,
        _ => BodyType::Text,
    }
}

fn text(object: &Object, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn owned_text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn flag(object: &Object, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn time(object: &Object, name: &str) -> Option<Timestamp> {
    object.get(name).and_then(Value::as_str)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(object) => object,
            _ => Object::new(),
        }
    }

    fn sample() -> Value {
        json!({
            "@odata.etag": "W/\"1\"", "id": "m1", "changeKey": "c1", "subject": "Hi",
            "isRead": false, "isDraft": false, "parentFolderId": "f1", "hasAttachments": true,
            "receivedDateTime": "2026-01-02T03:04:05Z",
            "from": {"emailAddress": {"name": "Ann", "address": "ann@example.com"}},
            "body": {"contentType": "html", "content": "<p>Hi</p>"},
            "newProperty": {"kept": true},
            "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "id": "a1",
                "name": "a.txt", "contentBytes": "aGVsbG8=", "size": 80}],
        })
    }

    #[test]
    fn unknown_properties_stay_and_contents_leave_the_json() {
        let Ok(Item::Whole(taken)) = item(object(sample()), &FolderId::new("f1")) else {
            panic!("whole");
        };
        assert!(taken.record.json.contains("newProperty"));
        assert!(!taken.record.json.contains("aGVsbG8="));
        assert_eq!(&taken.contents[0].1[..], b"hello");
        assert_eq!(taken.record.body, "<p>Hi</p>");
    }

    #[test]
    fn a_read_state_alone_brings_its_change_key_in_the_tag() {
        let change = object(json!({"id": "m1", "@odata.etag": "W/\"c2\"", "isRead": true}));
        let Ok(Item::Partial(_, change)) = item(change, &FolderId::new("f1")) else {
            panic!("partial");
        };
        assert_eq!(change["changeKey"], "c2");
    }

    #[test]
    fn absent_properties_of_an_update_keep_what_was_there() {
        let Ok(Item::Whole(taken)) = item(object(sample()), &FolderId::new("f1")) else {
            panic!("whole");
        };
        let change = object(json!({"id": "m1", "changeKey": "c2", "isRead": true}));
        let Ok(Item::Partial(_, change)) = item(change, &FolderId::new("f1")) else {
            panic!("partial");
        };
        let merged = merge(taken.record, change).unwrap();
        assert!(merged.record.is_read);
        assert_eq!(merged.record.change_key.as_deref(), Some("c2"));
        assert_eq!(merged.record.subject, "Hi");
        assert_eq!(merged.record.body, "<p>Hi</p>");
        assert_eq!(merged.record.attachments, None);
    }
}
