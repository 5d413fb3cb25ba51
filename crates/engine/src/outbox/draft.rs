//! The draft of a message at Microsoft: what is asked for, in Graph's shapes.

use super::quote;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroom_microsoft::graph::messages::Stamp;
use postroom_model::outbox::{OutboxItem, OutgoingAttachment, OutgoingBody};
use serde_json::{Map, Value, json};

/// The property by which a message of ours is found again. The GUID is ours alone.
const STAMP_PROPERTY: &str = "String {8d5a1f6e-7c0b-4b7e-9f2a-5d3c1e90a4b7} Name PostroomOutboxId";

/// An item's stamp.
pub(super) fn stamp(item: &OutboxItem) -> Stamp<'_> {
    Stamp {
        property: STAMP_PROPERTY,
        value: item.id.as_str(),
    }
}

/// A new message, or what a draft of a reply or forward gets on top of what Microsoft made of it.
/// `quoted` is the draft's own body, the quoted original.
pub(super) fn properties(item: &OutboxItem, quoted: Option<&OutgoingBody>) -> Map<String, Value> {
    let message = &item.message;
    let mut properties = Map::new();
    properties.insert(
        "singleValueExtendedProperties".into(),
        stamp(item).as_property(),
    );
    if let Some(subject) = &message.subject {
        properties.insert("subject".into(), subject.as_str().into());
    }
    let body = match (&message.body, quoted) {
        (Some(body), Some(quoted)) if message.quote != Some(false) => {
            Some(quote::above(body, quoted))
        }
        (Some(body), _) => Some(body.clone()),
        (None, Some(_)) if message.quote == Some(false) => Some(OutgoingBody {
            content_type: postroom_model::outbox::BodyType::Text,
            content: String::new(),
        }),
        (None, _) => None,
    };
    if let Some(body) = body {
        properties.insert("body".into(), json!(body));
    }
    for (name, recipients) in [
        ("toRecipients", &message.to_recipients),
        ("ccRecipients", &message.cc_recipients),
        ("bccRecipients", &message.bcc_recipients),
        ("replyTo", &message.reply_to),
    ] {
        if !recipients.is_empty() {
            properties.insert(name.into(), json!(recipients));
        }
    }
    if let Some(from) = &message.from {
        properties.insert("from".into(), json!(from));
    }
    if let Some(importance) = message.importance {
        properties.insert("importance".into(), json!(importance));
    }
    properties
}

/// A file with its content.
pub(super) fn attachment(attachment: &OutgoingAttachment, content: &[u8]) -> Value {
    let mut json = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": attachment.name,
        "contentType": attachment.content_type,
        "contentBytes": STANDARD.encode(content),
        "isInline": attachment.is_inline,
    });
    if let Some(content_id) = &attachment.content_id {
        json["contentId"] = content_id.as_str().into();
    }
    json
}
