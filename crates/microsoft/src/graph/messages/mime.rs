//! `GET /users/{id}/messages/{message}/$value` (Graph, *Get MIME content of a message*).

use crate::door::{Door, DoorError, GraphRequest, GraphResponse, GraphStream, Identity};
use crate::graph::message_path;
use http::header::{ACCEPT, HeaderValue};
use postroom_model::{MailboxId, MessageId};

fn request(mailbox: &MailboxId, message: &MessageId) -> GraphRequest {
    let path = message_path(mailbox, message.as_str()).lit("$value");
    let mut request = GraphRequest::get(path).mailbox(mailbox);
    request
        .headers
        .insert(ACCEPT, HeaderValue::from_static("*/*"));
    request
}

/// A message as MIME (RFC 5322), in memory.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn mime(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
) -> Result<GraphResponse, DoorError> {
    door.send(who, request(mailbox, message)).await
}

/// A message as MIME, piece by piece.
///
/// # Errors
///
/// As [`Door::stream`].
pub async fn mime_stream(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
) -> Result<GraphStream, DoorError> {
    door.stream(who, request(mailbox, message)).await
}
