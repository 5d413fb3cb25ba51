//! `DELETE /users/{id}/messages/{message}` (Graph, *Delete message*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};

/// Deletes a message; it goes to Deleted Items. One that is gone already counts as deleted.
///
/// # Errors
///
/// As [`Door::send`], except that 404 is success.
pub async fn delete(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
) -> Result<(), DoorError> {
    // Not repeated after doubt: a second DELETE would remove it from Deleted Items as well, since
    // its immutable id still finds it there.
    let request = GraphRequest::delete(message_path(mailbox, message.as_str()))
        .mailbox(mailbox)
        .repeat(crate::door::Repeat::IfNotReached);
    match door.send(who, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
