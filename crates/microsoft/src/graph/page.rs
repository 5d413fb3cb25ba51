//! Lists in pages (Graph, *Paging Microsoft Graph data in your app*).

use crate::door::{Door, DoorError, GraphRequest, Identity, Target};
use futures::stream::{self, Stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A page. It can be empty and still have a next one; of the two links at most one is there.
#[derive(Clone, Debug, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub value: Vec<T>,
    /// The next page's address: absolute and opaque.
    #[serde(rename = "@odata.nextLink", default)]
    pub next_link: Option<String>,
    /// Where the next round begins (delta only).
    #[serde(rename = "@odata.deltaLink", default)]
    pub delta_link: Option<String>,
    /// How many there are, where that was asked for.
    #[serde(rename = "@odata.count", default)]
    pub count: Option<u64>,
}

/// Where a delta round goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaFrom<'a> {
    /// At the beginning: everything there is.
    Start,
    /// At a `nextLink` or `deltaLink`.
    Link(&'a str),
}

/// The page after the one that `request` asked for: links do not carry headers, so they are sent
/// again.
pub fn page_after(request: &GraphRequest, link: impl Into<String>) -> GraphRequest {
    GraphRequest {
        target: Target::Link(link.into()),
        ..request.clone()
    }
}

/// All pages of a list, one after the other; only one is in memory. Ends after an error.
pub fn pages<T>(
    door: &Door,
    who: &Identity,
    request: GraphRequest,
) -> impl Stream<Item = Result<Page<T>, DoorError>> + Send + use<T>
where
    T: DeserializeOwned + Send,
{
    let (door, who) = (door.clone(), who.clone());
    stream::unfold(Some(request), move |request| {
        let (door, who) = (door.clone(), who.clone());
        async move {
            let request = request?;
            let page: Result<Page<T>, DoorError> =
                async { door.send(&who, request.clone()).await?.json() }.await;
            let next = page
                .as_ref()
                .ok()
                .and_then(|page| page.next_link.as_deref())
                .map(|link| page_after(&request, link));
            Some((page, next))
        }
    })
}

/// One page of JSON.
pub(crate) async fn page<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    request: GraphRequest,
) -> Result<Page<T>, DoorError> {
    door.send(who, request).await?.json()
}
