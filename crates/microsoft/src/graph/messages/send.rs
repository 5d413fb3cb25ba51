//! `POST /users/{id}/messages/{message}/send` (Graph, *message: send*).

use crate::door::{Door, DoorError, GraphRequest, GraphResponse, Identity};
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};

/// Sends a draft. 202 says that Exchange took it; the copy in Sent Items has the draft's immutable
/// id and can appear late. Never repeated after doubt. Least permission: `Mail.Send`.
///
/// # Errors
///
/// As [`Door::send`]; with [`Again::Look`](crate::Again::Look) it may have been sent. 403
/// `ErrorSendAsDenied` when the account may not send as `from`.
pub async fn send(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    draft: &MessageId,
) -> Result<GraphResponse, DoorError> {
    let request =
        GraphRequest::post(message_path(mailbox, draft.as_str()).lit("send")).mailbox(mailbox);
    let answer = door.send(who, request).await?;
    // Anything but 202 is not Microsoft's answer: a proxy's page, for one.
    if answer.status == 202 {
        Ok(answer)
    } else {
        Err(DoorError::Malformed {
            connection: answer.connection.to_string(),
            what: format!("{} in place of 202 after sending", answer.status),
            doubtful: true,
        })
    }
}
