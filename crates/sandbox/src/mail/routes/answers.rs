//! What many routes share: bodies read and answers written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use super::Context;
use crate::call::{Answer, GraphError};
use crate::mail::draft::unreadable;
use crate::mail::folder::ROOT;
use crate::mail::mailbox::{Mailbox, item_not_found};
use crate::mail::query::Face;
use crate::mail::render::{View, write_message};

const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'=')
    .add(b'\'');

/// A query from its parts.
pub(super) fn query(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
        .collect::<Vec<_>>()
        .join("&")
}

/// The JSON of a body; an empty body is an empty object.
pub(super) fn json(context: &Context<'_>) -> Result<Value, GraphError> {
    let body = &context.call.body;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| unreadable(format!("Unable to read JSON request payload: {error}")))?;
    if value.is_object() {
        return Ok(value);
    }
    Err(unreadable("The request body must be a JSON object."))
}

/// The MIME of a body: `Content-Type: text/plain` with base64. Source: Microsoft's page "user:
/// sendMail".
pub(super) fn mime(context: &Context<'_>) -> Result<Option<Vec<u8>>, GraphError> {
    let kind = context
        .call
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !kind.starts_with("text/plain") {
        return Ok(None);
    }
    let text: Vec<u8> = context
        .call
        .body
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(&text)
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .map(Some)
        .ok_or_else(|| {
            GraphError::new(
                400,
                "ErrorMimeContentInvalidBase64String",
                "Invalid base64 string for MIME content.",
            )
        })
}

/// Adds `Preference-Applied`.
pub(super) fn applied(mut answer: Answer, applied: &str) -> Answer {
    if !applied.is_empty()
        && let Ok(value) = HeaderValue::from_str(applied)
    {
        answer.headers.insert("preference-applied", value);
    }
    answer
}

/// A message as an answer.
pub(super) fn message(
    context: &Context<'_>,
    mailbox: &Mailbox,
    number: u64,
    face: &Face,
    status: u16,
) -> Result<Answer, GraphError> {
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    let item = mailbox.load(entry, true);
    let mut out = Vec::with_capacity(8_192);
    let path = format!(
        "{}/$metadata#users('{}')/messages/$entity",
        context.call.base_url, context.mailbox
    );
    let view = View {
        ids: &mailbox.ids,
        key: mailbox.key(number),
        folder: entry.folder,
        change: entry.change,
        item: &item,
    };
    write_message(&mut out, &view, face, Some(&path), false);
    Ok(applied(
        Answer::json_bytes(status, Bytes::from(out)),
        &face.applied(),
    ))
}

/// The message that a path names; in `/mailFolders/{id}/messages/{id}` it must be in the folder.
pub(super) fn find(mailbox: &Mailbox, folder: Option<&str>, id: &str) -> Result<u64, GraphError> {
    let number = mailbox.message_number(id)?;
    if let Some(folder) = folder {
        let folder = mailbox.folder_number(folder)?;
        let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
        if entry.folder != folder && folder != ROOT {
            return Err(item_not_found());
        }
    }
    Ok(number)
}

/// `If-Match` against the change key.
pub(super) fn check_match(
    context: &Context<'_>,
    mailbox: &Mailbox,
    number: u64,
) -> Result<(), GraphError> {
    let Some(given) = context
        .call
        .headers
        .get(http::header::IF_MATCH)
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(());
    };
    let change = mailbox.entry(number).map_or(0, |entry| entry.change);
    let key = mailbox.ids.change_key(number, change);
    let fits = given.split(',').any(|one| {
        let one = one.trim();
        one == "*" || one.trim_start_matches("W/").trim_matches('"') == key
    });
    if fits {
        return Ok(());
    }
    Err(GraphError::new(
        412,
        "ErrorIrresolvableConflict",
        "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
    ))
}
