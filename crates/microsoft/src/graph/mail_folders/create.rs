//! `POST /users/{id}/mailFolders` and `…/{folder}/childFolders` (Graph, *Create MailFolder*,
//! *Create child folder*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::{folder_path, mailbox_path};
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Makes a folder below `parent` (id or well-known name), or below the root.
///
/// # Errors
///
/// As [`Door::send`]; 409 `ErrorFolderExists` when the name is taken there.
pub async fn create<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    parent: Option<&str>,
    display_name: &str,
) -> Result<T, DoorError> {
    let path = match parent {
        Some(parent) => folder_path(mailbox, parent).lit("childFolders"),
        None => mailbox_path(mailbox).lit("mailFolders"),
    };
    let request = GraphRequest::post(path)
        .mailbox(mailbox)
        .json(&json!({ "displayName": display_name }));
    door.send(who, request).await?.json()
}
