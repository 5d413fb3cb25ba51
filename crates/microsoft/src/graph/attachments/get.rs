//! `GET …/attachments/{attachment}` (Graph, *Get attachment*).

use super::attachments_path;
use crate::door::{Door, DoorError, GraphRequest, Identity};
use postroom_model::{AttachmentId, MailboxId, MessageId};
use serde::de::DeserializeOwned;

/// An attachment's properties; its content too unless `select` leaves out `contentBytes`. With
/// `expand` = `microsoft.graph.itemattachment/item` an attached item comes with it.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn get<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &AttachmentId,
    select: Option<&str>,
    expand: Option<&str>,
) -> Result<T, DoorError> {
    let path = attachments_path(mailbox, message)
        .id(attachment.as_str())
        .query_some("$select", select)
        .query_some("$expand", expand);
    door.send(who, GraphRequest::get(path).mailbox(mailbox))
        .await?
        .json()
}
