//! `DELETE /users/{id}/mailFolders/{folder}` (Graph, *Delete mailFolder*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::folder_path;
use postroom_model::MailboxId;

/// Deletes a folder with all that is in it. One that is gone already counts as deleted.
///
/// # Errors
///
/// As [`Door::send`], except that 404 is success.
pub async fn delete(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: &str,
) -> Result<(), DoorError> {
    let request = GraphRequest::delete(folder_path(mailbox, folder)).mailbox(mailbox);
    match door.send(who, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
