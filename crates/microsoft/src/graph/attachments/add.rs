//! `POST …/attachments` (Graph, *Add attachment*).

use super::attachments_path;
use crate::door::{Door, DoorError, GraphRequest, Identity};
use postroom_model::{MailboxId, MessageId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Adds an attachment below 3 MB to a draft: `{"@odata.type": "#microsoft.graph.fileAttachment",
/// "name", "contentType", "contentBytes", "isInline", "contentId"}`. Not repeated after doubt: list
/// what is there first.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn add<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &impl Serialize,
) -> Result<T, DoorError> {
    let request = GraphRequest::post(attachments_path(mailbox, message))
        .mailbox(mailbox)
        .json(attachment);
    door.send(who, request).await?.json()
}
