//! `GET /users` (Graph, *List users*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity};
use crate::graph::page::{Page, page};
use http::HeaderName;
use serde::de::DeserializeOwned;

/// What of the directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListUsers<'a> {
    /// `$select`; `None`: [`DEFAULT_SELECT`](super::DEFAULT_SELECT).
    pub select: Option<&'a str>,
    /// Words that the display name or address begins with. Turned into `$search`.
    pub search: Option<&'a str>,
    /// `$filter`, as Microsoft takes it.
    pub filter: Option<&'a str>,
    /// `$top`, at most 999.
    pub top: Option<u16>,
}

/// The request for the first page. With `search` it is an advanced query: the header
/// `ConsistencyLevel: eventual` is on every page (Graph, *Advanced query capabilities*).
pub fn request(ask: ListUsers<'_>) -> GraphRequest {
    let top = ask.top.map(|top| top.clamp(1, 999).to_string());
    let search = ask.search.map(|words| {
        let words = words.replace(['"', '\\'], " ");
        format!("\"displayName:{words}\" OR \"mail:{words}\" OR \"userPrincipalName:{words}\"")
    });
    let path = GraphPath::new("users")
        .query("$select", ask.select.unwrap_or(super::DEFAULT_SELECT))
        .query_some("$filter", ask.filter)
        .query_some("$search", search.as_deref())
        .query_some("$top", top.as_deref());
    let mut request = GraphRequest::get(path);
    if search.is_some() {
        request = request.header(HeaderName::from_static("consistencylevel"), "eventual");
    }
    request
}

/// The first page of users. Least permission: `User.ReadBasic.All`. Go on with
/// [`page_after`](crate::graph::page_after) or [`pages`](crate::graph::pages).
///
/// # Errors
///
/// As [`Door::send`].
pub async fn list<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    ask: ListUsers<'_>,
) -> Result<Page<T>, DoorError> {
    page(door, who, request(ask)).await
}
