//! `GET …/attachments` (Graph, *List attachments*).

use super::attachments_path;
use crate::door::{Door, DoorError, GraphRequest, Identity, Priority};
use crate::graph::page::{Page, page};
use postroom_model::{MailboxId, MessageId};
use serde::de::DeserializeOwned;

/// The first page of a message's attachments, without their contents.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn list<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    priority: Priority,
) -> Result<Page<T>, DoorError> {
    let path = attachments_path(mailbox, message).query("$select", super::SELECT);
    let request = GraphRequest::get(path).mailbox(mailbox).priority(priority);
    page(door, who, request).await
}
