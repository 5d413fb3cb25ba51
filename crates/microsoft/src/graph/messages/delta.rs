//! `GET /users/{id}/mailFolders/{folder}/messages/delta` (Graph, *message: delta*, *Get incremental
//! changes to messages in a folder*).

use crate::door::{Door, DoorError, GraphRequest, Identity, Priority};
use crate::graph::folder_path;
use crate::graph::page::{DeltaFrom, Page, page};
use postroom_model::{FolderId, MailboxId};
use serde::de::DeserializeOwned;

/// How a delta round is asked for. Options become part of Microsoft's links; the page size does
/// not, and is sent with every page.
#[derive(Clone, Copy, Debug)]
pub struct DeltaAsk<'a> {
    /// `$select`; only at the start.
    pub select: &'a str,
    /// Messages per page (`odata.maxpagesize`): a wish.
    pub page_size: u16,
    /// Newest first (`receivedDateTime desc`, the one order that delta knows); only at the start.
    pub newest_first: bool,
    /// `$expand`; only at the start.
    pub expand: Option<&'a str>,
    /// The longest page in bytes; `None`: the door's setting.
    pub max_answer_bytes: Option<usize>,
    /// Who goes first.
    pub priority: Priority,
}

impl Default for DeltaAsk<'_> {
    fn default() -> Self {
        Self {
            select: super::SELECT,
            page_size: 100,
            newest_first: true,
            expand: None,
            max_answer_bytes: None,
            priority: Priority::Background,
        }
    }
}

/// A page of a folder's changes. A message that was deleted or moved away has `@removed`; items
/// can repeat within a round, the last one counts; an item has at least what changed.
///
/// # Errors
///
/// As [`Door::send`]; a refusal with
/// [`is_delta_lost`](crate::GraphRefusal::is_delta_lost) means: the folder from the start again.
pub async fn delta<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: &FolderId,
    from: DeltaFrom<'_>,
    ask: DeltaAsk<'_>,
) -> Result<Page<T>, DoorError> {
    let request = match from {
        DeltaFrom::Start => {
            let order = ask.newest_first.then_some("receivedDateTime desc");
            GraphRequest::get(
                folder_path(mailbox, folder.as_str())
                    .lit("messages")
                    .lit("delta")
                    .query("$select", ask.select)
                    .query_some("$expand", ask.expand)
                    .query_some("$orderby", order),
            )
        }
        DeltaFrom::Link(link) => GraphRequest::follow(link),
    };
    let mut request = request
        .mailbox(mailbox)
        .prefer(&format!("odata.maxpagesize={}", ask.page_size))
        .priority(ask.priority);
    request.max_answer_bytes = ask.max_answer_bytes;
    page(door, who, request).await
}
