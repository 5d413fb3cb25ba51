//! `GET /users/{id}/mailFolders` and `…/{folder}/childFolders` (Graph, *List mailFolders*, *List
//! childFolders*).

use crate::door::{Door, DoorError, GraphRequest, Identity};
use crate::graph::page::{Page, page};
use crate::graph::{folder_path, mailbox_path};
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;

/// The first page of the folders right below the root, hidden ones too. Least permission:
/// `Mail.ReadBasic`.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn list<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
) -> Result<Page<T>, DoorError> {
    let path = mailbox_path(mailbox)
        .lit("mailFolders")
        .query("includeHiddenFolders", "true")
        .query("$select", super::SELECT)
        .query("$top", "100");
    page(door, who, GraphRequest::get(path).mailbox(mailbox)).await
}

/// The first page of the folders right below a folder, hidden ones too.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn list_children<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: &str,
) -> Result<Page<T>, DoorError> {
    let path = folder_path(mailbox, folder)
        .lit("childFolders")
        .query("includeHiddenFolders", "true")
        .query("$select", super::SELECT)
        .query("$top", "100");
    page(door, who, GraphRequest::get(path).mailbox(mailbox)).await
}
