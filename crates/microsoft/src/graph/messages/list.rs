//! `GET /users/{id}/messages` and `…/mailFolders/{folder}/messages` (Graph, *List messages*).

use crate::door::{Door, DoorError, GraphRequest, Identity, Priority};
use crate::graph::page::{Page, page};
use crate::graph::{folder_path, mailbox_path};
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;

/// Which messages. Pages count with `$skip`, so mail that comes in meanwhile shifts them: a mirror
/// uses delta, and this for comparing ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListMessages<'a> {
    /// In this folder (id or well-known name); `None`: in all, Deleted Items too.
    pub folder: Option<&'a str>,
    /// `$select`; `None`: [`SELECT`](super::SELECT).
    pub select: Option<&'a str>,
    /// `$filter`.
    pub filter: Option<&'a str>,
    /// `$orderby`; its properties have to lead `$filter` where both are given.
    pub order_by: Option<&'a str>,
    /// `$search` in KQL, with its double quotes.
    pub search: Option<&'a str>,
    /// `$expand`.
    pub expand: Option<&'a str>,
    /// `$top`, 1 to 1000; Microsoft's default is 10.
    pub top: Option<u16>,
    /// Who goes first.
    pub priority: Priority,
}

/// The request for the first page.
pub fn list_request(mailbox: &MailboxId, ask: ListMessages<'_>) -> GraphRequest {
    let top = ask.top.map(|top| top.clamp(1, 1000).to_string());
    let root = match ask.folder {
        Some(folder) => folder_path(mailbox, folder),
        None => mailbox_path(mailbox),
    };
    let path = root
        .lit("messages")
        .query("$select", ask.select.unwrap_or(super::SELECT))
        .query_some("$filter", ask.filter)
        .query_some("$orderby", ask.order_by)
        .query_some("$search", ask.search)
        .query_some("$expand", ask.expand)
        .query_some("$top", top.as_deref());
    GraphRequest::get(path)
        .mailbox(mailbox)
        .priority(ask.priority)
}

/// The first page of messages. Go on with [`page_after`](crate::graph::page_after) or
/// [`pages`](crate::graph::pages).
///
/// # Errors
///
/// As [`Door::send`]; 400 `InefficientFilter` when `$orderby` and `$filter` do not fit.
pub async fn list<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    ask: ListMessages<'_>,
) -> Result<Page<T>, DoorError> {
    page(door, who, list_request(mailbox, ask)).await
}
