//! `DELETE …/attachments/{attachment}` (Graph, *Delete attachment*).

use super::attachments_path;
use crate::door::{Door, DoorError, GraphRequest, Identity};
use postroom_model::{AttachmentId, MailboxId, MessageId};

/// Takes an attachment off a draft. One that is gone already counts as deleted.
///
/// # Errors
///
/// As [`Door::send`], except that 404 is success.
pub async fn delete(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &AttachmentId,
) -> Result<(), DoorError> {
    let path = attachments_path(mailbox, message).id(attachment.as_str());
    match door
        .send(who, GraphRequest::delete(path).mailbox(mailbox))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
