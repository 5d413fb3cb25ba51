//! Messages as MIME (RFC 5322 and 2045), for `$value` and for what leaves the tenant.

use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as OutAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

use super::ids::hash64;
use super::item::{Address, Attachment, AttachmentKind, Importance, Item, Meeting};

/// Headers that are written from properties, so that kept ones are not written twice.
const FROM_PROPERTIES: &[&str] = &[
    "from",
    "sender",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "importance",
    "thread-index",
    "thread-topic",
];

/// The message as MIME: as it came, if it came as MIME and still is the same.
pub(crate) fn mime(item: &Item) -> Bytes {
    match &item.mime {
        Some(bytes) => bytes.clone(),
        None => Bytes::from(compose(item)),
    }
}

fn compose(item: &Item) -> Vec<u8> {
    let mut builder = MessageBuilder::new()
        .date(item.sent)
        .subject(item.subject.as_str())
        .message_id(bare(&item.internet_message_id));
    if let Some(from) = &item.from {
        builder = builder.from(address(from));
        if let Some(sender) = item.sender.as_ref().filter(|sender| *sender != from) {
            builder = builder.sender(address(sender));
        }
    }
    if !item.to.is_empty() {
        builder = builder.to(list(&item.to));
    }
    if !item.cc.is_empty() {
        builder = builder.cc(list(&item.cc));
    }
    if !item.bcc.is_empty() {
        builder = builder.bcc(list(&item.bcc));
    }
    if !item.reply_to.is_empty() {
        builder = builder.reply_to(list(&item.reply_to));
    }
    if let Some(parent) = &item.in_reply_to {
        builder = builder.in_reply_to(parent.as_str());
    }
    if !item.references.is_empty() {
        builder = builder.references(MessageId::new_list(
            item.references.iter().map(String::as_str),
        ));
    }
    if item.importance != Importance::Normal {
        builder = builder.header("Importance", Raw::new(item.importance.word()));
    }
    if !item.conversation_index.is_empty() {
        use base64::Engine as _;
        let index = base64::engine::general_purpose::STANDARD.encode(&item.conversation_index);
        builder = builder.header("Thread-Index", Raw::new(index));
    }
    for (name, value) in &item.headers {
        if !FROM_PROPERTIES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            builder = builder.header(name.as_str(), HeaderType::from(Text::new(value.as_str())));
        }
    }
    let mut out = Vec::with_capacity(item.size() * 3 / 2);
    builder.body(body(item)).serialize(&mut out);
    out
}

/// The headers that `internetMessageHeaders` shows.
pub(crate) fn header_list(item: &Item) -> Vec<(String, String)> {
    let came_with_all = item.headers.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case("message-id") || name.eq_ignore_ascii_case("from")
    });
    if came_with_all || item.is_draft {
        return item.headers.clone();
    }
    let join = |addresses: &[Address]| {
        addresses
            .iter()
            .map(|address| format!("{} <{}>", address.name, address.address))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut headers = Vec::new();
    if let Some(from) = &item.from {
        headers.push(("From".to_owned(), join(std::slice::from_ref(from))));
    }
    for (name, list) in [
        ("To", &item.to),
        ("CC", &item.cc),
        ("Reply-To", &item.reply_to),
    ] {
        if !list.is_empty() {
            headers.push((name.to_owned(), join(list)));
        }
    }
    headers.push(("Subject".to_owned(), item.subject.clone()));
    headers.push(("Date".to_owned(), super::stamp::text(item.sent)));
    headers.push(("Message-ID".to_owned(), item.internet_message_id.clone()));
    if let Some(parent) = &item.in_reply_to {
        headers.push(("In-Reply-To".to_owned(), format!("<{parent}>")));
    }
    if !item.references.is_empty() {
        let list: Vec<String> = item.references.iter().map(|id| format!("<{id}>")).collect();
        headers.push(("References".to_owned(), list.join(" ")));
    }
    headers.push(("MIME-Version".to_owned(), "1.0".to_owned()));
    headers.extend(item.headers.iter().cloned());
    headers
}

fn body(item: &Item) -> MimePart<'_> {
    let content = &item.body.content;
    let mut part = if item.body.html {
        let mut alternatives = vec![
            MimePart::new("text/plain", item.body.text()),
            MimePart::new("text/html", content.as_str()),
        ];
        if let Some(meeting) = &item.meeting {
            alternatives.push(invitation(item, meeting));
        }
        multipart(item, "alternative", alternatives)
    } else {
        MimePart::new("text/plain", content.as_str())
    };
    let (inline, rest): (Vec<&Attachment>, Vec<&Attachment>) =
        item.attachments.iter().partition(|file| file.inline);
    if !inline.is_empty() {
        let mut parts = vec![part];
        parts.extend(inline.into_iter().map(attachment));
        part = multipart(item, "related", parts);
    }
    if !rest.is_empty() {
        let mut parts = vec![part];
        parts.extend(rest.into_iter().map(attachment));
        part = multipart(item, "mixed", parts);
    }
    part
}

/// The invitation as iCalendar (RFC 6047).
fn invitation<'a>(item: &Item, meeting: &Meeting) -> MimePart<'a> {
    let time = |seconds| super::stamp::text(seconds).replace(['-', ':'], "");
    let organizer = item.from.as_ref().map_or("", |from| &from.address);
    MimePart::new(
        ContentType::new("text/calendar")
            .attribute("charset", "utf-8")
            .attribute("method", "REQUEST"),
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:sandbox\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{}\r\nDTSTAMP:{}\r\nDTSTART:{}\r\nDTEND:{}\r\nSUMMARY:{}\r\nORGANIZER:mailto:{organizer}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            bare(&item.internet_message_id),
            time(item.sent),
            time(meeting.start),
            time(meeting.end),
            item.subject,
        ),
    )
}

/// The boundary follows from the message, so that the same message gives the same bytes.
fn multipart<'a>(item: &Item, kind: &str, parts: Vec<MimePart<'a>>) -> MimePart<'a> {
    let hash = hash64(item.internet_message_id.as_bytes());
    MimePart::new(
        ContentType::new(format!("multipart/{kind}"))
            .attribute("boundary", format!("_{kind}_{hash:016X}_")),
        BodyPart::Multipart(parts),
    )
}

fn attachment(attachment: &Attachment) -> MimePart<'_> {
    let (kind, content) = match &attachment.kind {
        AttachmentKind::File(content) => (
            attachment.content_type.as_str(),
            BodyPart::Binary(content.bytes().to_vec().into()),
        ),
        AttachmentKind::Item(item) => {
            let part = MimePart::new(
                ContentType::new("message/rfc822"),
                BodyPart::Binary(mime(item).to_vec().into()),
            );
            // A message inside must not be encoded (RFC 2046, 5.2.1).
            return part
                .attachment(attachment.name.as_str())
                .transfer_encoding("8bit");
        }
        AttachmentKind::Reference(url) => ("text/uri-list", BodyPart::Text(url.as_str().into())),
    };
    let kind = if kind.contains('/') {
        kind
    } else {
        "application/octet-stream"
    };
    let mut part = MimePart::new(
        ContentType::new(kind).attribute("name", attachment.name.as_str()),
        content,
    );
    if let Some(id) = &attachment.content_id {
        part = part.cid(id.as_str());
    }
    if attachment.inline {
        part.header(
            "Content-Disposition",
            ContentType::new("inline").attribute("filename", attachment.name.as_str()),
        )
    } else {
        part.attachment(attachment.name.as_str())
    }
}

fn address(address: &Address) -> OutAddress<'_> {
    let name = Some(address.name.as_str()).filter(|name| !name.is_empty());
    OutAddress::new_address(name, address.address.as_str())
}

fn list(addresses: &[Address]) -> OutAddress<'_> {
    OutAddress::new_list(addresses.iter().map(address).collect())
}

/// A message id without its angle brackets.
pub(crate) fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}
