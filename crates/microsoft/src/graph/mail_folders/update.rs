//! `PATCH /users/{id}/mailFolders/{folder}`, `POST …/move` (Graph, *Update mailFolder*,
//! *mailFolder: move*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::folder_path;
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Gives a folder another name.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn rename<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: &str,
    display_name: &str,
) -> Result<T, DoorError> {
    let request = GraphRequest::patch(folder_path(mailbox, folder))
        .mailbox(mailbox)
        .json(&json!({ "displayName": display_name }));
    door.send(who, request).await?.json()
}

/// Moves a folder with all that is in it below another one (id or well-known name). Its id stays.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn move_to<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: &str,
    destination: &str,
) -> Result<T, DoorError> {
    let request = GraphRequest::post(folder_path(mailbox, folder).lit("move"))
        .mailbox(mailbox)
        .json(&json!({ "destinationId": destination }));
    door.send(who, request).await?.json()
}
