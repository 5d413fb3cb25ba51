//! `GET …/attachments/{attachment}/$value` (Graph, *Get attachment*, raw contents).

use super::attachments_path;
use crate::door::{Door, DoorError, GraphRequest, GraphResponse, GraphStream, Identity, Priority};
use http::header::{ACCEPT, HeaderValue};
use postroom_model::{AttachmentId, MailboxId, MessageId};

fn request(
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &AttachmentId,
    priority: Priority,
) -> GraphRequest {
    let path = attachments_path(mailbox, message)
        .id(attachment.as_str())
        .lit("$value");
    let mut request = GraphRequest::get(path).mailbox(mailbox).priority(priority);
    request
        .headers
        .insert(ACCEPT, HeaderValue::from_static("*/*"));
    request
}

/// An attachment's content in memory: a file's bytes, an item as MIME, vCard or iCalendar.
///
/// # Errors
///
/// As [`Door::send`]; 405 for a reference attachment.
pub async fn content(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &AttachmentId,
    priority: Priority,
) -> Result<GraphResponse, DoorError> {
    door.send(who, request(mailbox, message, attachment, priority))
        .await
}

/// An attachment's content piece by piece.
///
/// # Errors
///
/// As [`Door::stream`]; 405 for a reference attachment.
pub async fn content_stream(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &AttachmentId,
    priority: Priority,
) -> Result<GraphStream, DoorError> {
    door.stream(who, request(mailbox, message, attachment, priority))
        .await
}
