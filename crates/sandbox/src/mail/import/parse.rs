//! From MIME to an item.

use std::sync::Arc;

use bytes::Bytes;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use crate::mail::bulk::{conversation_id, conversation_index};
use crate::mail::ids::hash64;
use crate::mail::item::{
    Address, Attachment, AttachmentKind, Content, Importance, Item, MessageBody,
};
use crate::mail::mime_out::bare;

/// How deep messages inside messages are followed; deeper ones stay files.
const DEEPEST: usize = 8;

/// Reads a message. `now` stands in for a date that is missing or nonsense.
pub(crate) fn read(raw: &[u8], now: i64) -> Result<Item, String> {
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Err("the file is empty".to_owned());
    }
    // mail-parser 0.11 asserts in debug builds that a message whose body is a message cannot
    // stand inside a multipart. It can.
    let parsed = std::panic::catch_unwind(|| {
        let message = MessageParser::default().parse(raw)?;
        (!message.headers().is_empty()).then(|| item(&message, now, 0))
    });
    let mut item = parsed
        .map_err(|_| "the parser gave up on the structure".to_owned())?
        .ok_or_else(|| "no header was found".to_owned())?;
    item.mime = Some(Bytes::copy_from_slice(raw));
    Ok(item)
}

fn item(message: &Message<'_>, now: i64, depth: usize) -> Item {
    let received = message
        .received()
        .and_then(mail_parser::Received::date)
        .map(|date| date.to_timestamp())
        .filter(|time| (1..now + 86_400).contains(time));
    let sent = message
        .date()
        .map(mail_parser::DateTime::to_timestamp)
        .filter(|time| (-2_208_988_800..4_102_444_800).contains(time));
    let sent = sent.or(received).unwrap_or(now);
    let received = received.unwrap_or(sent);
    let from = addresses(message.from()).into_iter().next();
    let sender = addresses(message.sender()).into_iter().next();
    let message_id = match message.message_id() {
        Some(id) if !id.is_empty() => format!("<{}>", bare(id)),
        _ => format!("<{:016x}@missing.invalid>", hash64(message.raw_message())),
    };
    let references = ids(message.references());
    let in_reply_to = ids(message.in_reply_to()).into_iter().next();
    let root = references
        .first()
        .or(in_reply_to.as_ref())
        .map_or(bare(&message_id), String::as_str);
    let dice = hash64(root.as_bytes());
    let mut item = Item {
        subject: message.subject().unwrap_or_default().trim().to_owned(),
        sender: sender.or_else(|| from.clone()),
        from,
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        bcc: addresses(message.bcc()),
        reply_to: addresses(message.reply_to()),
        created: received,
        modified: received,
        received,
        sent,
        importance: importance(message),
        conversation: conversation_id(dice),
        conversation_index: conversation_index(dice, sent),
        internet_message_id: message_id,
        in_reply_to,
        references,
        headers: raw_headers(message),
        ..Item::default()
    };
    item.set_body(body(message));
    for part in message.attachments() {
        let attachment = attachment(part, &item.body, received, now, depth);
        item.attach(attachment);
    }
    item
}

/// HTML where there is some, else text; several text parts are shown one below the other.
fn body(message: &Message<'_>) -> MessageBody {
    let html: Vec<&str> = message
        .html_bodies()
        .filter_map(|part| match &part.body {
            PartType::Html(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect();
    if !html.is_empty() {
        return MessageBody::new(true, html.join("\r\n"));
    }
    let text: Vec<&str> = message
        .text_bodies()
        .filter_map(|part| match &part.body {
            PartType::Text(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect();
    MessageBody::new(false, text.join("\r\n"))
}

fn attachment(
    part: &MessagePart<'_>,
    body: &MessageBody,
    modified: i64,
    now: i64,
    depth: usize,
) -> Attachment {
    let content_id = part
        .content_id()
        .map(|id| bare(id).to_owned())
        .filter(|id| !id.is_empty());
    let shown = content_id
        .as_ref()
        .is_some_and(|id| body.html && body.content.contains(&format!("cid:{id}")));
    let said_inline = part
        .content_disposition()
        .is_some_and(|disposition| disposition.ctype().eq_ignore_ascii_case("inline"));
    let content_type = part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| match kind.subtype() {
            Some(subtype) => format!("{}/{}", kind.ctype(), subtype).to_ascii_lowercase(),
            None => kind.ctype().to_ascii_lowercase(),
        },
    );
    let kind = match &part.body {
        PartType::Message(inner) if depth < DEEPEST => {
            let mut inner_item = item(inner, now, depth + 1);
            let raw = inner.raw_message();
            if !raw.is_empty() {
                inner_item.mime = Some(Bytes::copy_from_slice(raw));
            }
            AttachmentKind::Item(Arc::new(inner_item))
        }
        _ => AttachmentKind::File(Content::Kept(Bytes::copy_from_slice(part.contents()))),
    };
    let name = part
        .attachment_name()
        .map(str::to_owned)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| match &kind {
            AttachmentKind::Item(item) if !item.subject.is_empty() => item.subject.clone(),
            _ => "unnamed attachment".to_owned(),
        });
    Attachment {
        number: 0,
        name,
        content_type,
        inline: shown || (said_inline && content_id.is_some()),
        content_id,
        modified,
        kind,
    }
}

/// Headers as they stand, unfolded; bytes that are not UTF-8 are replaced.
fn raw_headers(message: &Message<'_>) -> Vec<(String, String)> {
    message
        .headers()
        .iter()
        .filter_map(|header| {
            let start = usize::try_from(header.offset_start()).ok()?;
            let end = usize::try_from(header.offset_end()).ok()?;
            let value = message.raw_message.get(start..end)?;
            Some((
                header.name().to_owned(),
                unfold(&String::from_utf8_lossy(value)),
            ))
        })
        .collect()
}

fn addresses(list: Option<&mail_parser::Address<'_>>) -> Vec<Address> {
    list.map(|list| {
        list.iter()
            .map(|address| {
                Address::new(
                    address.name().unwrap_or_default().trim(),
                    address.address().unwrap_or_default().trim(),
                )
            })
            .filter(|address| !address.address.is_empty() || !address.name.is_empty())
            .collect()
    })
    .unwrap_or_default()
}

fn ids(value: &mail_parser::HeaderValue<'_>) -> Vec<String> {
    if let Some(one) = value.as_text() {
        return vec![bare(one).to_owned()];
    }
    value
        .as_text_list()
        .map(|list| list.iter().map(|id| bare(id).to_owned()).collect())
        .unwrap_or_default()
}

fn importance(message: &Message<'_>) -> Importance {
    let word = message
        .header_raw("Importance")
        .or_else(|| message.header_raw("X-Priority"))
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match word.as_str() {
        text if text.starts_with("high") || text.starts_with('1') => Importance::High,
        text if text.starts_with("low") || text.starts_with('5') => Importance::Low,
        _ => Importance::Normal,
    }
}

fn unfold(value: &str) -> String {
    value
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&raw, 1_700_000_000);
        }

        #[test]
        fn never_panics_near_mail(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just("Content-Type: multipart/mixed; boundary=b".to_owned()),
                    Just("Content-Type: message/rfc822".to_owned()),
                    Just("Content-Type: text/html; charset=x-unknown".to_owned()),
                    Just("Content-Transfer-Encoding: base64".to_owned()),
                    Just("--b".to_owned()), Just("--b--".to_owned()), Just(String::new()),
                    Just("Date: 99 Foo 99999 99:99:99 +9999".to_owned()),
                    Just("Subject: =?utf-8?q?=ff=fe?=".to_owned()),
                    "\\PC{0,20}",
                ],
                0..30,
            )
        ) {
            let _ = read(lines.join("\r\n").as_bytes(), 1_700_000_000);
        }
    }
}
