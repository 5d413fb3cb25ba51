//! `POST /users/{id}/messages/{message}/move` (Graph, *message: move*).

use crate::door::{Door, DoorError, GraphRequest, Identity, Repeat};
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Moves a message to a folder (id or well-known name) and answers it as it is there. With
/// immutable ids it keeps its id, so moving it twice is moving it once.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn move_to<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    destination: &str,
) -> Result<T, DoorError> {
    let request = GraphRequest::post(message_path(mailbox, message.as_str()).lit("move"))
        .mailbox(mailbox)
        .json(&json!({ "destinationId": destination }))
        .repeat(Repeat::Safe);
    door.send(who, request).await?.json()
}
