//! A message as JSON (microsoft.graph.message).

use crate::mail::html;
use crate::mail::ids::{Ids, Key};
use crate::mail::item::{Address, Flag, Item, Meeting, MessageBody};
use crate::mail::json::{self, Object};
use crate::mail::query::Face;
use crate::mail::select::{PROPERTIES, Selection};

/// A message with its place.
pub(crate) struct View<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) key: Key,
    pub(crate) folder: u32,
    pub(crate) change: u64,
    pub(crate) item: &'a Item,
}

/// Writes a message. `context` is the `@odata.context` of a single answer; `typed` adds
/// `@odata.type`, which delta answers carry.
pub(crate) fn write_message(
    out: &mut Vec<u8>,
    view: &View<'_>,
    face: &Face,
    context: Option<&str>,
    typed: bool,
) {
    let mut object = Object::open(out);
    if let Some(context) = context {
        object.text("@odata.context", context);
    }
    if view.item.meeting.is_some() {
        // Derived types stand among the messages and always say so.
        object.text("@odata.type", "#microsoft.graph.eventMessageRequest");
    } else if typed {
        object.text("@odata.type", "#microsoft.graph.message");
    }
    write_etag(&mut object, view);
    let id = object.name("id");
    id.push(b'"');
    view.ids.write_message(id, view.key, face.immutable);
    id.push(b'"');
    for (place, name) in PROPERTIES.iter().enumerate().skip(1) {
        if face.select.at(place) {
            write_property(&mut object, name, view, face);
        }
    }
    if let Some(meeting) = &view.item.meeting
        && face.select == Selection::DEFAULT
    {
        write_meeting(&mut object, meeting);
    }
    if !face.properties.is_empty() {
        write_extended(&mut object, view.item, &face.properties);
    }
    if let Some(attachments) = &face.attachments {
        let out = object.name("attachments");
        super::attachment::write_list(out, view, attachments, face);
    }
    object.close();
}

/// A message of which only the read state changed: id and the read state. Source: delta updates
/// carry "at least" the changed properties.
pub(crate) fn write_read_state(out: &mut Vec<u8>, view: &View<'_>, immutable: bool) {
    let mut object = Object::open(out);
    object.text("@odata.type", "#microsoft.graph.message");
    write_etag(&mut object, view);
    let id = object.name("id");
    id.push(b'"');
    view.ids.write_message(id, view.key, immutable);
    id.push(b'"');
    object.flag("isRead", view.item.is_read);
    object.close();
}

/// A message that left a folder.
pub(crate) fn write_removed(out: &mut Vec<u8>, ids: &Ids, key: Key, immutable: bool) {
    out.extend_from_slice(b"{\"@odata.type\":\"#microsoft.graph.message\",\"id\":\"");
    ids.write_message(out, key, immutable);
    out.extend_from_slice(b"\",\"@removed\":{\"reason\":\"deleted\"}}");
}

fn write_etag(object: &mut Object<'_>, view: &View<'_>) {
    let etag = object.name("@odata.etag");
    etag.extend_from_slice(b"\"W/\\\"");
    view.ids
        .write_change_key(etag, view.key.number, view.change);
    etag.extend_from_slice(b"\\\"\"");
}

fn write_property(object: &mut Object<'_>, name: &'static str, view: &View<'_>, face: &Face) {
    let item = view.item;
    match name {
        "createdDateTime" => object.time(name, Some(item.created)),
        "lastModifiedDateTime" => object.time(name, Some(item.modified)),
        "changeKey" => {
            let out = object.name(name);
            out.push(b'"');
            view.ids.write_change_key(out, view.key.number, view.change);
            out.push(b'"');
        }
        "categories" => write_strings(object.name(name), &item.categories),
        "receivedDateTime" => object.time(name, Some(item.received)),
        "sentDateTime" => object.time(name, Some(item.sent)),
        "hasAttachments" => object.flag(name, item.has_attachments()),
        "internetMessageId" => object.text(name, &item.internet_message_id),
        "subject" => object.text(name, &item.subject),
        "bodyPreview" => object.text(name, &item.preview),
        "importance" => object.text(name, item.importance.word()),
        "parentFolderId" => {
            let out = object.name(name);
            out.push(b'"');
            view.ids.write_folder(out, view.folder);
            out.push(b'"');
        }
        "conversationId" => object.text(name, &item.conversation),
        "conversationIndex" => json::base64(object.name(name), &item.conversation_index),
        "isDeliveryReceiptRequested" => object.flag(name, item.delivery_receipt),
        "isReadReceiptRequested" => object.flag(name, item.read_receipt),
        "isRead" => object.flag(name, item.is_read),
        "isDraft" => object.flag(name, item.is_draft),
        "webLink" => {
            let out = object.name(name);
            out.extend_from_slice(b"\"https://outlook.office365.com/owa/?ItemID=");
            let start = out.len();
            view.ids.write_message(out, view.key, face.immutable);
            // '=' at the end is the only character that a query would need encoded.
            if out.len() > start && out.last() == Some(&b'=') {
                out.pop();
                out.extend_from_slice(b"%3D");
            }
            out.extend_from_slice(b"&exvsurl=1&viewmodel=ReadMessageItem\"");
        }
        "inferenceClassification" => {
            object.text(name, if item.other_inbox { "other" } else { "focused" });
        }
        "body" => write_body(object.name(name), &item.body, face),
        "uniqueBody" => {
            let unique = unique_body(&item.body);
            write_body(object.name(name), &unique, face);
        }
        "sender" => write_recipient_or_null(object, name, item.sender.as_ref()),
        "from" => write_recipient_or_null(object, name, item.from.as_ref()),
        "toRecipients" => write_recipients(object.name(name), &item.to),
        "ccRecipients" => write_recipients(object.name(name), &item.cc),
        "bccRecipients" => write_recipients(object.name(name), &item.bcc),
        "replyTo" => write_recipients(object.name(name), &item.reply_to),
        "flag" => write_flag(object.name(name), &item.flag),
        "internetMessageHeaders" => write_headers(object.name(name), item),
        _ => {}
    }
}

fn write_body(out: &mut Vec<u8>, body: &MessageBody, face: &Face) {
    let mut object = Object::open(out);
    if face.text {
        object.text("contentType", "text");
        object.text("content", &body.text());
    } else {
        object.text("contentType", "html");
        if face.unsafe_html && body.html {
            object.text("content", &body.content);
        } else {
            object.text("content", body.safe_html());
        }
    }
    object.close();
}

/// The part that is new in this message: what stands before the quoted one.
fn unique_body(body: &MessageBody) -> MessageBody {
    if !body.html {
        return body.clone();
    }
    let inner = html::inner(&body.content);
    let end = inner
        .find("<hr style=\"display:inline-block")
        .unwrap_or(inner.len());
    MessageBody::new(true, html::document(&inner[..end]))
}

fn write_meeting(object: &mut Object<'_>, meeting: &Meeting) {
    object.text("meetingMessageType", "meetingRequest");
    object.text("meetingRequestType", "newMeetingRequest");
    object.text("type", "singleInstance");
    for (name, value) in [
        ("isOutOfDate", false),
        ("isAllDay", false),
        ("isDelegated", false),
        ("responseRequested", true),
        ("allowNewTimeProposals", true),
    ] {
        object.flag(name, value);
    }
    for (name, time) in [
        ("startDateTime", meeting.start),
        ("endDateTime", meeting.end),
    ] {
        let mut inner = Object::open(object.name(name));
        let local = crate::mail::stamp::text(time);
        inner.text(
            "dateTime",
            &format!("{}.0000000", local.trim_end_matches('Z')),
        );
        inner.text("timeZone", "UTC");
        inner.close();
    }
}

fn write_strings(out: &mut Vec<u8>, values: &[String]) {
    out.push(b'[');
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json::string(out, value);
    }
    out.push(b']');
}

fn write_recipient_or_null(object: &mut Object<'_>, name: &str, address: Option<&Address>) {
    // Exchange leaves the property out where there is no sender, as on a new draft.
    if let Some(address) = address {
        write_recipient(object.name(name), address);
    }
}

fn write_recipient(out: &mut Vec<u8>, address: &Address) {
    out.extend_from_slice(b"{\"emailAddress\":");
    let mut object = Object::open(out);
    let name = if address.name.is_empty() {
        &address.address
    } else {
        &address.name
    };
    object.text("name", name);
    object.text("address", &address.address);
    object.close();
    out.push(b'}');
}

fn write_recipients(out: &mut Vec<u8>, addresses: &[Address]) {
    out.push(b'[');
    for (place, address) in addresses.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_recipient(out, address);
    }
    out.push(b']');
}

fn write_flag(out: &mut Vec<u8>, flag: &Flag) {
    let mut object = Object::open(out);
    object.text("flagStatus", flag.status.word());
    for (name, time) in [
        ("startDateTime", &flag.start),
        ("dueDateTime", &flag.due),
        ("completedDateTime", &flag.completed),
    ] {
        if let Some((local, zone)) = time {
            let mut inner = Object::open(object.name(name));
            inner.text("dateTime", local);
            inner.text("timeZone", zone);
            inner.close();
        }
    }
    object.close();
}

fn write_headers(out: &mut Vec<u8>, item: &Item) {
    out.push(b'[');
    for (place, (name, value)) in crate::mail::mime_out::header_list(item).iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let mut object = Object::open(out);
        object.text("name", name);
        object.text("value", value);
        object.close();
    }
    out.push(b']');
}

fn write_extended(object: &mut Object<'_>, item: &Item, wanted: &[String]) {
    let found: Vec<&(String, String)> = item
        .properties
        .iter()
        .filter(|(id, _)| wanted.iter().any(|wanted| same_property(id, wanted)))
        .collect();
    if found.is_empty() {
        return;
    }
    let out = object.name("singleValueExtendedProperties");
    out.push(b'[');
    for (place, (id, value)) in found.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let mut object = Object::open(out);
        object.text("id", id);
        object.text("value", value);
        object.close();
    }
    out.push(b']');
}

/// Whether two texts name the same extended property: type, GUID and the words Name and Id
/// compare without case, the name itself is kept as written.
pub(crate) fn same_property(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
