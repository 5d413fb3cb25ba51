//! `POST /users/{id}/messages` (Graph, *Create message*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::mailbox_path;
use postroom_model::MailboxId;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Makes a draft in Drafts and answers it, with its immutable id. Not repeated after doubt: look
/// for the stamp with [`find_by_stamp`](super::find_by_stamp) first. Request bodies are limited to
/// 4 MB; attachments come afterwards. Least permission: `Mail.ReadWrite`.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn create<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &impl Serialize,
) -> Result<T, DoorError> {
    let request = GraphRequest::post(mailbox_path(mailbox).lit("messages"))
        .mailbox(mailbox)
        .json(message);
    door.send(who, request).await?.json()
}
