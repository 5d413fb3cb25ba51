//! `GET /users/{id}/messages/{message}` (Graph, *Get message*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity, Priority};
use crate::graph::batch::BatchPart;
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};
use serde::de::DeserializeOwned;

fn path(
    mailbox: &MailboxId,
    message: &MessageId,
    select: Option<&str>,
    expand: Option<&str>,
) -> GraphPath {
    message_path(mailbox, message.as_str())
        .query("$select", select.unwrap_or(super::SELECT))
        .query_some("$expand", expand)
}

/// A message. Least permission: `Mail.ReadBasic` without the body, `Mail.Read`.
///
/// # Errors
///
/// As [`Door::send`]; 404 `ErrorItemNotFound` when it is not there, which for the copy in Sent
/// Items can be so for a while after sending.
pub async fn get<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    select: Option<&str>,
    expand: Option<&str>,
    priority: Priority,
) -> Result<T, DoorError> {
    let request = GraphRequest::get(path(mailbox, message, select, expand))
        .mailbox(mailbox)
        .priority(priority);
    door.send(who, request).await?.json()
}

/// The same as a part of a batch; its `id` is the message's.
pub fn batch_part(
    mailbox: &MailboxId,
    message: &MessageId,
    select: Option<&str>,
    expand: Option<&str>,
) -> BatchPart {
    BatchPart::get(message.as_str(), &path(mailbox, message, select, expand))
}
