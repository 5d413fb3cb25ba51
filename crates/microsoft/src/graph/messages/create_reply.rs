//! `POST /users/{id}/messages/{message}/createReply`, `createReplyAll`, `createForward` (Graph,
//! *message: createReply* and its two siblings).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Which answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// To the sender.
    Reply,
    /// To all.
    ReplyAll,
    /// To somebody else.
    Forward,
}

/// Makes the draft of an answer in Drafts: subject, recipients and the quoted original are
/// Microsoft's. `message` may set properties of the draft (recipients, the stamp); `None` sends
/// none. A `body` set here takes the quoted original's place. Not repeated after doubt.
///
/// # Errors
///
/// As [`Door::send`]; 404 when the original is gone.
pub async fn create_reply<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    original: &MessageId,
    kind: ReplyKind,
    message: Option<&impl Serialize>,
) -> Result<T, DoorError> {
    let action = match kind {
        ReplyKind::Reply => "createReply",
        ReplyKind::ReplyAll => "createReplyAll",
        ReplyKind::Forward => "createForward",
    };
    let request =
        GraphRequest::post(message_path(mailbox, original.as_str()).lit(action)).mailbox(mailbox);
    let request = match message {
        Some(message) => request.json(&json!({ "message": message })),
        None => request.json(&json!({})),
    };
    door.send(who, request).await?.json()
}
