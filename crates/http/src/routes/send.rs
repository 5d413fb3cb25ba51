//! Sending: new messages, replies, forwards. As JSON in Microsoft's shape, flat, or as a form.

use super::filled;
use super::outbox::OutboxView;
use crate::app::App;
use crate::extract::access::InMailbox;
use crate::extract::body::Sent;
use crate::extract::once::Once;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::files::clean_name;
use crate::multipart::{self, is_multipart, media_type};
use crate::problem::{Answer, Refusal};
use axum::extract::{FromRequest as _, Request, State};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use postroom_engine::Problem;
use postroom_engine::access::{Act, act};
use postroom_engine::outbox::{NewAttachment, NewContent, NewOutgoing};
use postroom_model::MessageId;
use postroom_model::outbox::{BodyType, Importance, OutboxItem, OutboxKind, OutgoingBody};
use postroom_model::resource::recipient::{EmailAddress, Recipient};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(send_message))
        .routes(routes!(reply_to_message))
        .routes(routes!(reply_all_to_message))
        .routes(routes!(forward_message))
}

/// What is to be sent: Microsoft's `message`, flat.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutgoingMessage {
    /// The subject. A reply or forward has one of its own.
    subject: Option<String>,
    /// The text. In a reply or forward it stands above the original.
    body: Option<ItemBody>,
    /// Another sender than the mailbox's own address.
    from: Option<RecipientBody>,
    /// Recipients. In a reply, those that are given replace.
    #[serde(default)]
    to_recipients: Vec<RecipientBody>,
    /// Copies.
    #[serde(default)]
    cc_recipients: Vec<RecipientBody>,
    /// Blind copies.
    #[serde(default)]
    bcc_recipients: Vec<RecipientBody>,
    /// Where answers go.
    #[serde(default)]
    reply_to: Vec<RecipientBody>,
    /// `low`, `normal` or `high`.
    importance: Option<Importance>,
    /// Files.
    #[serde(default)]
    attachments: Vec<FileAttachment>,
    /// Whether a reply or forward has the original below its text; yes unless told otherwise.
    quote: Option<bool>,
}

/// A text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ItemBody {
    /// `html` or `text`; `html` unless given.
    #[serde(default)]
    content_type: BodyType,
    /// The text.
    content: String,
}

/// Somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RecipientToSend)]
struct RecipientBody {
    /// The address with its name.
    email_address: AddressBody,
}

/// An address with its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = EmailAddressToSend)]
struct AddressBody {
    /// For people.
    name: Option<String>,
    /// `somebody@example.com`.
    address: String,
}

/// A file to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileAttachment {
    /// Microsoft's mark of a file; may be there, and nothing else than this.
    #[serde(rename = "@odata.type")]
    #[schema(example = "#microsoft.graph.fileAttachment")]
    odata_type: Option<String>,
    /// The file's name.
    name: String,
    /// Its media type; guessed from the name unless given.
    content_type: Option<String>,
    /// Its bytes in base64 (RFC 4648), with or without padding, line breaks allowed.
    #[schema(format = Byte)]
    content_bytes: String,
    /// Whether the text shows it.
    #[serde(default)]
    is_inline: bool,
    /// What `cid:` in the text names it by.
    content_id: Option<String>,
}

/// The same as a form (`multipart/form-data`). Addresses are separated by commas:
/// `a@example.com, Ann <b@example.com>`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the form, which is read piece by piece")]
struct OutgoingForm {
    /// Recipients.
    to: Option<String>,
    /// Copies.
    cc: Option<String>,
    /// Blind copies.
    bcc: Option<String>,
    /// Where answers go.
    reply_to: Option<String>,
    /// Another sender.
    from: Option<String>,
    /// The subject.
    subject: Option<String>,
    /// The text as HTML; this or `text`.
    html: Option<String>,
    /// The text as plain text; this or `html`.
    text: Option<String>,
    /// `low`, `normal` or `high`.
    importance: Option<Importance>,
    /// Whether a reply or forward has the original below its text.
    quote: Option<bool>,
    /// Files, the field as often as there are files.
    #[schema(value_type = Vec<String>, format = Binary, required = false)]
    attachments: Vec<String>,
    /// Files that the text shows as `cid:` and the file's name, likewise.
    #[schema(value_type = Vec<String>, format = Binary, required = false)]
    inline: Vec<String>,
}

impl From<RecipientBody> for Recipient {
    fn from(body: RecipientBody) -> Self {
        Self {
            email_address: EmailAddress {
                name: filled(body.email_address.name),
                address: Some(body.email_address.address.trim().to_owned()),
            },
        }
    }
}

impl OutgoingMessage {
    fn taken(self, kind: OutboxKind) -> Result<NewOutgoing, Problem> {
        let all = |list: Vec<RecipientBody>| list.into_iter().map(Recipient::from).collect();
        let attachments = self.attachments.into_iter().enumerate();
        Ok(NewOutgoing {
            kind,
            original: None,
            subject: self.subject,
            body: self.body.map(|body| OutgoingBody {
                content_type: body.content_type,
                content: body.content,
            }),
            from: self.from.map(Recipient::from),
            to_recipients: all(self.to_recipients),
            cc_recipients: all(self.cc_recipients),
            bcc_recipients: all(self.bcc_recipients),
            reply_to: all(self.reply_to),
            importance: self.importance,
            attachments: attachments
                .map(|(place, attachment)| attachment.taken(place))
                .collect::<Result<_, _>>()?,
            quote: self.quote,
        })
    }
}

impl FileAttachment {
    fn taken(self, place: usize) -> Result<NewAttachment, Problem> {
        let field = |name: &str| format!("attachments[{place}].{name}");
        let is_file = |kind: &str| {
            kind.trim_start_matches('#') == "microsoft.graph.fileAttachment" || kind.is_empty()
        };
        if self
            .odata_type
            .as_deref()
            .is_some_and(|kind| !is_file(kind))
        {
            return Err(Problem::invalid(format!(
                "The field `{}` does not fit: only files can be attached.",
                field("@odata.type")
            )));
        }
        let bytes = decode(&self.content_bytes).map_err(|why| {
            Problem::invalid(format!(
                "The field `{}` is not base64: {why}.",
                field("contentBytes")
            ))
        })?;
        let name = clean_name(&self.name);
        Ok(NewAttachment {
            content_type: media_type(&name, filled(self.content_type).as_deref()),
            name,
            is_inline: self.is_inline,
            content_id: filled(self.content_id),
            content: NewContent::Bytes(bytes.into()),
        })
    }
}

/// Both alphabets, with or without padding; line breaks (as in MIME) are skipped.
fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    let engine = GeneralPurpose::new(alphabet, config);
    if text.contains(|c: char| c.is_ascii_whitespace()) {
        let packed: String = text.split_ascii_whitespace().collect();
        engine.decode(packed)
    } else {
        engine.decode(text)
    }
}

/// Sends a new message. When the answer comes, it is safe on disk and will leave once; ask
/// `/outbox/{id}` how it went.
#[utoipa::path(
    post, path = "/mailboxes/{id}/send", tag = "sending",
    request_body(content(
        (OutgoingMessage = "application/json"),
        (OutgoingForm = "multipart/form-data"),
    )),
    security(("key" = ["mail.send"])),
    responses((status = 202, description = "Accepted", body = OutboxView))
)]
async fn send_message(
    State(app): State<App>,
    at: InMailbox<act::SendMessage>,
    _: Asked<Nothing>,
    request: Request,
) -> Answer {
    accept(app, at, OutboxKind::Send, None, request).await
}

/// Answers a message's sender.
#[utoipa::path(
    post, path = "/mailboxes/{id}/messages/{mid}/reply", tag = "sending",
    request_body(content(
        (OutgoingMessage = "application/json"),
        (OutgoingForm = "multipart/form-data"),
    )),
    security(("key" = ["mail.send"])),
    responses((status = 202, description = "Accepted", body = OutboxView))
)]
async fn reply_to_message(
    State(app): State<App>,
    at: InMailbox<act::ReplyToMessage>,
    InPath((_at, message)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
    request: Request,
) -> Answer {
    accept(app, at, OutboxKind::Reply, Some(message), request).await
}

/// Answers a message's sender and everybody who got it.
#[utoipa::path(
    post, path = "/mailboxes/{id}/messages/{mid}/replyAll", tag = "sending",
    request_body(content(
        (OutgoingMessage = "application/json"),
        (OutgoingForm = "multipart/form-data"),
    )),
    security(("key" = ["mail.send"])),
    responses((status = 202, description = "Accepted", body = OutboxView))
)]
async fn reply_all_to_message(
    State(app): State<App>,
    at: InMailbox<act::ReplyAllToMessage>,
    InPath((_at, message)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
    request: Request,
) -> Answer {
    accept(app, at, OutboxKind::ReplyAll, Some(message), request).await
}

/// Hands a message on, with its attachments.
#[utoipa::path(
    post, path = "/mailboxes/{id}/messages/{mid}/forward", tag = "sending",
    request_body(content(
        (OutgoingMessage = "application/json"),
        (OutgoingForm = "multipart/form-data"),
    )),
    security(("key" = ["mail.send"])),
    responses((status = 202, description = "Accepted", body = OutboxView))
)]
async fn forward_message(
    State(app): State<App>,
    at: InMailbox<act::ForwardMessage>,
    InPath((_at, message)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
    request: Request,
) -> Answer {
    accept(app, at, OutboxKind::Forward, Some(message), request).await
}

async fn accept<A: Act>(
    app: App,
    at: InMailbox<A>,
    kind: OutboxKind,
    original: Option<MessageId>,
    request: Request,
) -> Answer {
    let (new, once) = read(&app, request, kind).await?;
    if kind == OutboxKind::Send && new.quote.is_some() {
        return Err(Problem::invalid("`quote` is for replies and forwards only.").into());
    }
    let new = NewOutgoing { original, ..new };
    once.accept(app.engine.clone(), at.caller, at.mailbox, new, accepted)
        .await
}

async fn read(
    app: &App,
    request: Request,
    kind: OutboxKind,
) -> Result<(NewOutgoing, Once), Refusal> {
    if is_multipart(&request) {
        return multipart::read(app, request, kind).await;
    }
    let sent: Sent<OutgoingMessage> = Sent::from_request(request, app).await?;
    Ok((sent.value.taken(kind)?, sent.once))
}

/// The answer that is kept with the message.
fn accepted(item: &OutboxItem) -> (u16, String) {
    let view = OutboxView::from(item);
    (202, serde_json::to_string(&view).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::body::parse;

    fn taken(json: &str) -> Result<NewOutgoing, String> {
        parse::<OutgoingMessage>(json.as_bytes())
            .and_then(|message| message.taken(OutboxKind::Send))
            .map_err(|problem| problem.detail)
    }

    #[test]
    fn microsofts_message_is_taken_flat() {
        let new = taken(
            r##"{"subject": "S", "body": {"contentType": "HTML", "content": "<p>"},
                "toRecipients": [{"emailAddress": {"address": " a@b ", "name": ""}}],
                "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment",
                                 "name": "../a.txt", "contentBytes": "aGk="}]}"##,
        )
        .expect("fits");
        assert_eq!(new.to_recipients[0].address(), "a@b");
        assert_eq!(new.to_recipients[0].email_address.name, None);
        assert_eq!(new.attachments[0].name, "a.txt");
        assert_eq!(new.attachments[0].content_type, "text/plain");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (json, part) in [
            (r#"{"message": {}}"#, "message"),
            (
                r#"{"toRecipients": [{"emailaddress": {}}]}"#,
                "toRecipients[0]",
            ),
            (
                r#"{"attachments": [{"name": "a", "contentBytes": "?"}]}"#,
                "attachments[0].contentBytes",
            ),
            (
                r##"{"attachments": [{"@odata.type": "#microsoft.graph.itemAttachment", "name": "a", "contentBytes": ""}]}"##,
                "only files",
            ),
        ] {
            let detail = taken(json).expect_err("refused");
            assert!(detail.contains(part), "{detail}");
        }
    }

    #[test]
    fn base64_as_it_comes() {
        for text in ["+/+/AQ==", "-_-_AQ==", "-_-_AQ", "+/+/\r\nAQ=="] {
            assert_eq!(decode(text).ok(), Some(vec![251, 255, 191, 1]), "{text:?}");
        }
        assert!(decode("a").is_err());
    }
}
