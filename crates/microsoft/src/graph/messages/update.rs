//! `PATCH /users/{id}/messages/{message}` (Graph, *Update message*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Sets properties: of any message `categories`, `flag`, `importance`, `inferenceClassification`,
/// `isRead`; of a draft also subject, body, recipients. Answers the whole message.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn update<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    properties: &impl Serialize,
) -> Result<T, DoorError> {
    let request = GraphRequest::patch(message_path(mailbox, message.as_str()))
        .mailbox(mailbox)
        .json(properties);
    door.send(who, request).await?.json()
}
