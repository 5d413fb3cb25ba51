//! `GET /users/{id}/mailFolders/delta` (Graph, *mailFolder: delta*).

use crate::door::{Door, DoorError, GraphRequest, Identity, Priority};
use crate::graph::mailbox_path;
use crate::graph::page::{DeltaFrom, Page, page};
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;

/// A page of the changes of the whole folder tree. A folder that is gone has `@removed`.
///
/// # Errors
///
/// As [`Door::send`]; a refusal with
/// [`is_delta_lost`](crate::GraphRefusal::is_delta_lost) means: from the start again.
pub async fn delta<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    from: DeltaFrom<'_>,
) -> Result<Page<T>, DoorError> {
    let request = match from {
        DeltaFrom::Start => GraphRequest::get(
            mailbox_path(mailbox)
                .lit("mailFolders")
                .lit("delta")
                .query("$select", super::SELECT),
        ),
        DeltaFrom::Link(link) => GraphRequest::follow(link),
    };
    let request = request
        .mailbox(mailbox)
        .prefer("odata.maxpagesize=200")
        .priority(Priority::Background);
    page(door, who, request).await
}
