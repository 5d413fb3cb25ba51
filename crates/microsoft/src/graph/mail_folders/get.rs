//! `GET /users/{id}/mailFolders/{folder}` (Graph, *Get mailFolder*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::folder_path;
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;

/// A folder by id or well-known name (`inbox`, `msgfolderroot`, …).
///
/// # Errors
///
/// As [`Door::send`]; 404 when there is none, which is usual for `archive` and `clutter`.
pub async fn get<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: &str,
) -> Result<T, DoorError> {
    let path = folder_path(mailbox, folder).query("$select", super::SELECT);
    door.send(who, GraphRequest::get(path).mailbox(mailbox))
        .await?
        .json()
}
