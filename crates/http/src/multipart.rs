//! `multipart/form-data` for sending: text fields, and files that go to the store piece by piece.

mod addresses;
mod names;

use crate::app::App;
use crate::extract::once::Once;
use crate::files::{OCTET_STREAM, clean_name, clean_type};
use crate::problem::Refusal;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use postroom_engine::outbox::{NewAttachment, NewContent, NewOutgoing};
use postroom_engine::{Code, Problem};
use postroom_model::outbox::{BodyType, Importance, OutboxKind, OutgoingBody};
use postroom_model::resource::recipient::Recipient;

/// The most bytes that one text field may have.
const MAX_TEXT: usize = 16 * 1024 * 1024;
/// The most fields, files among them.
const MAX_FIELDS: usize = 1000;

/// Whether a request says that it is a form with files.
pub(crate) fn is_multipart(request: &Request) -> bool {
    request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let kind = value.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("multipart/form-data")
        })
}

/// Reads a form: what is to be sent, and whether it may have been sent before.
pub(crate) async fn read(
    app: &App,
    request: Request,
    kind: OutboxKind,
) -> Result<(NewOutgoing, Once), Refusal> {
    let (parts, body) = request.into_parts();
    let mut once = Once::of(&parts)?;
    let limit = app.options.max_upload_bytes;
    let declared = parts
        .headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    // Texts and what stands between the parts come on top of the files.
    if declared.is_some_and(|length| length > limit.saturating_add(MAX_TEXT as u64)) {
        return Err(too_large(limit).into());
    }
    let request = Request::from_parts(parts, body);
    let mut form = Multipart::from_request(request, app)
        .await
        .map_err(|rejection| {
            Problem::invalid(format!("The form cannot be understood: {rejection}."))
        })?;
    let mut reading = Reading::new(kind, limit);
    let mut fields = 0;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        fields += 1;
        if fields > MAX_FIELDS {
            return Err(Problem::invalid(format!("The form has over {MAX_FIELDS} fields.")).into());
        }
        reading.field(app, field, &mut once).await?;
    }
    if fields == 0 {
        // A reply may be short, but this one was lost on its way.
        return Err(Problem::invalid("The form has no fields.").into());
    }
    Ok((reading.finish()?, once))
}

struct Reading {
    new: NewOutgoing,
    html: Option<String>,
    text: Option<String>,
    limit: u64,
    left: u64,
}

impl Reading {
    fn new(kind: OutboxKind, limit: u64) -> Self {
        let new = NewOutgoing {
            kind,
            original: None,
            subject: None,
            body: None,
            from: None,
            to_recipients: Vec::new(),
            cc_recipients: Vec::new(),
            bcc_recipients: Vec::new(),
            reply_to: Vec::new(),
            importance: None,
            attachments: Vec::new(),
            quote: None,
        };
        Self {
            new,
            html: None,
            text: None,
            limit,
            left: limit,
        }
    }

    async fn field(&mut self, app: &App, field: Field<'_>, once: &mut Once) -> Result<(), Problem> {
        let name = field.name().unwrap_or_default().to_owned();
        once.add(name.as_bytes());
        if name == "attachments" || name == "inline" {
            return self.file(app, field, name == "inline", once).await;
        }
        if !TEXT_FIELDS.contains(&name.as_str()) {
            return Err(Problem::invalid(format!(
                "There is no form field {name:?}; the fields are {}, attachments, inline.",
                TEXT_FIELDS.join(", ")
            )));
        }
        let value = text(&name, field).await?;
        once.add(value.as_bytes());
        let new = &mut self.new;
        match name.as_str() {
            "to" => new.to_recipients.extend(recipients(&name, &value)?),
            "cc" => new.cc_recipients.extend(recipients(&name, &value)?),
            "bcc" => new.bcc_recipients.extend(recipients(&name, &value)?),
            "replyTo" => new.reply_to.extend(recipients(&name, &value)?),
            "from" => new.from = one_sender(recipients(&name, &value)?, new.from.is_some())?,
            "subject" => single(&mut new.subject, &name, value)?,
            "html" => single(&mut self.html, &name, value)?,
            "text" => single(&mut self.text, &name, value)?,
            "importance" => new.importance = importance(&value)?,
            _ => new.quote = quote(&value)?,
        }
        Ok(())
    }

    async fn file(
        &mut self,
        app: &App,
        mut field: Field<'_>,
        is_inline: bool,
        once: &mut Once,
    ) -> Result<(), Problem> {
        let given = names::given(&field);
        let said = field.content_type().map(str::to_owned);
        let mut upload = app.engine.upload().await?;
        let mut size = 0;
        while let Some(piece) = field.chunk().await.map_err(broken)? {
            size += piece.len() as u64;
            self.left = self
                .left
                .checked_sub(piece.len() as u64)
                .ok_or_else(|| too_large(self.limit))?;
            upload.write(&piece).await?;
        }
        if size == 0 && given.is_empty() {
            // A form whose file was left out has a nameless empty part in its place.
            return Ok(());
        }
        let stored = upload.finish(app.engine.now()).await?;
        let name = clean_name(&given);
        let content_type = media_type(&name, said.as_deref());
        for piece in [&name, &content_type, &stored.hash] {
            once.add(piece.as_bytes());
        }
        self.new.attachments.push(NewAttachment {
            content_id: is_inline.then(|| name.clone()),
            name,
            content_type,
            is_inline,
            content: NewContent::Stored(stored),
        });
        Ok(())
    }

    fn finish(self) -> Result<NewOutgoing, Problem> {
        let (content_type, content) = match (self.html, self.text) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    "The form has both `html` and `text`: send one of them.",
                ));
            }
            (Some(html), None) => (BodyType::Html, html),
            (None, Some(text)) => (BodyType::Text, text),
            (None, None) => return Ok(self.new),
        };
        Ok(NewOutgoing {
            body: Some(OutgoingBody {
                content_type,
                content,
            }),
            ..self.new
        })
    }
}

const TEXT_FIELDS: &[&str] = &[
    "to",
    "cc",
    "bcc",
    "replyTo",
    "from",
    "subject",
    "html",
    "text",
    "importance",
    "quote",
];

async fn text(name: &str, mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        if bytes.len() + piece.len() > MAX_TEXT {
            return Err(Problem::new(
                Code::TooLarge,
                format!("The form field `{name}` is larger than {MAX_TEXT} bytes."),
            ));
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes)
        .map_err(|_| Problem::invalid(format!("The form field `{name}` is not UTF-8.")))
}

fn recipients(name: &str, value: &str) -> Result<Vec<Recipient>, Problem> {
    addresses::parse(value)
        .map_err(|why| Problem::invalid(format!("The form field `{name}` does not fit: {why}.")))
}

fn one_sender(mut senders: Vec<Recipient>, there: bool) -> Result<Option<Recipient>, Problem> {
    if there || senders.len() > 1 {
        return Err(Problem::invalid("The form field `from` takes one address."));
    }
    Ok(senders.pop())
}

fn single(slot: &mut Option<String>, name: &str, value: String) -> Result<(), Problem> {
    if slot.replace(value).is_some() {
        return Err(Problem::invalid(format!(
            "The form field `{name}` is there twice."
        )));
    }
    Ok(())
}

fn importance(value: &str) -> Result<Option<Importance>, Problem> {
    match value.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "low" => Ok(Some(Importance::Low)),
        "normal" => Ok(Some(Importance::Normal)),
        "high" => Ok(Some(Importance::High)),
        _ => Err(Problem::invalid(format!(
            "The form field `importance` is {value:?}: low, normal or high."
        ))),
    }
}

fn quote(value: &str) -> Result<Option<bool>, Problem> {
    match value.trim() {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(Problem::invalid(format!(
            "The form field `quote` is {value:?}: true or false."
        ))),
    }
}

/// What was said, unless that says nothing and the name says more.
pub(crate) fn media_type(name: &str, said: Option<&str>) -> String {
    let said = said.map_or_else(|| OCTET_STREAM.to_owned(), clean_type);
    if said != OCTET_STREAM {
        return said;
    }
    mime_guess::from_path(name)
        .first_raw()
        .unwrap_or(OCTET_STREAM)
        .to_owned()
}

fn broken(error: MultipartError) -> Problem {
    Problem::invalid("The form is not well formed, or broke off.").because(error)
}

fn too_large(limit: u64) -> Problem {
    Problem::new(
        Code::TooLarge,
        format!("The files are larger than {limit} bytes together, the most that is taken here."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed_only_where_nothing_was_said() {
        assert_eq!(media_type("a.pdf", None), "application/pdf");
        assert_eq!(media_type("a.pdf", Some(OCTET_STREAM)), "application/pdf");
        assert_eq!(media_type("a.pdf", Some("text/plain")), "text/plain");
        assert_eq!(media_type("a.unheard-of", None), OCTET_STREAM);
    }

    #[test]
    fn one_kind_of_text() {
        let mut both = Reading::new(OutboxKind::Send, 1);
        both.html = Some("<p>".into());
        both.text = Some("p".into());
        assert!(both.finish().is_err());
        let mut one = Reading::new(OutboxKind::Send, 1);
        one.text = Some("p".into());
        let body = one.finish().expect("one").body.expect("a body");
        assert_eq!(body.content_type, BodyType::Text);
    }
}
