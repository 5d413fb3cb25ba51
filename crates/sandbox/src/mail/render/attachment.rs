//! Attachments as JSON: microsoft.graph.fileAttachment, itemAttachment, referenceAttachment.

use super::message::{View, write_message};
use crate::mail::ids::Key;
use crate::mail::item::{Attachment, AttachmentKind, Item};
use crate::mail::json::{self, Object};
use crate::mail::query::{AttachmentFace, Face};
use crate::mail::select::Selection;

/// Writes an array of a message's attachments.
pub(crate) fn write_list(
    out: &mut Vec<u8>,
    view: &View<'_>,
    attachments: &AttachmentFace,
    face: &Face,
) {
    out.push(b'[');
    for (place, attachment) in view.item.attachments.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_attachment(out, view, attachment, attachments, face, None);
    }
    out.push(b']');
}

/// Writes one attachment. `contentBytes` is standard base64, whatever the metadata says. Source:
/// the examples of Microsoft's attachment pages.
pub(crate) fn write_attachment(
    out: &mut Vec<u8>,
    view: &View<'_>,
    attachment: &Attachment,
    shape: &AttachmentFace,
    face: &Face,
    context: Option<&str>,
) {
    let mut object = Object::open(out);
    if let Some(context) = context {
        object.text("@odata.context", context);
    }
    let kind = match &attachment.kind {
        AttachmentKind::File(_) => "#microsoft.graph.fileAttachment",
        AttachmentKind::Item(_) => "#microsoft.graph.itemAttachment",
        AttachmentKind::Reference(_) => "#microsoft.graph.referenceAttachment",
    };
    object.text("@odata.type", kind);
    if matches!(attachment.kind, AttachmentKind::File(_)) && shape.wants("contentType") {
        object.text("@odata.mediaContentType", &attachment.content_type);
    }
    let id = object.name("id");
    id.push(b'"');
    view.ids
        .write_attachment(id, view.key, attachment.number, face.immutable);
    id.push(b'"');
    if shape.wants("lastModifiedDateTime") {
        object.time("lastModifiedDateTime", Some(attachment.modified));
    }
    if shape.wants("name") {
        object.text("name", &attachment.name);
    }
    if shape.wants("contentType") {
        let kind = Some(attachment.content_type.as_str()).filter(|kind| !kind.is_empty());
        object.text_or_null("contentType", kind);
    }
    if shape.wants("size") {
        object.number("size", attachment.reported_size());
    }
    if shape.wants("isInline") {
        object.flag("isInline", attachment.inline);
    }
    match &attachment.kind {
        AttachmentKind::File(content) => {
            if shape.wants("contentId") {
                object.text_or_null("contentId", attachment.content_id.as_deref());
            }
            if shape.wants("contentLocation") {
                object.text_or_null("contentLocation", None);
            }
            if shape.wants("contentBytes") {
                json::base64(object.name("contentBytes"), &content.bytes());
            }
        }
        AttachmentKind::Item(item) => {
            if shape.item {
                write_inner(object.name("item"), view, item, face);
            }
        }
        AttachmentKind::Reference(_) => {}
    }
    object.close();
}

/// The message inside an item attachment: it has no place of its own.
fn write_inner(out: &mut Vec<u8>, view: &View<'_>, item: &Item, face: &Face) {
    let inner = View {
        ids: view.ids,
        key: Key {
            number: view.key.number,
            generation: view.key.generation,
        },
        folder: view.folder,
        change: view.change,
        item,
    };
    let face = Face {
        select: Selection::DEFAULT,
        attachments: None,
        properties: Vec::new(),
        ..face.clone()
    };
    write_message(out, &inner, &face, None, true);
}
