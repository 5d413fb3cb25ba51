//! `GET /organization` (Graph, *List organizations*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity};
use crate::graph::page::{Page, page};
use serde::Deserialize;

/// A tenant's own entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Organization {
    /// The tenant's id.
    pub id: String,
    /// Its name.
    pub display_name: Option<String>,
}

/// The tenant that the token is for. Least permission: `User.Read` (name and domains only),
/// `Organization.Read.All`.
///
/// # Errors
///
/// As [`Door::send`]; `None` when the list is empty.
pub async fn get(door: &Door, who: &Identity) -> Result<Option<Organization>, DoorError> {
    let path = GraphPath::new("organization").query("$select", "id,displayName");
    let page: Page<Organization> = page(door, who, GraphRequest::get(path)).await?;
    Ok(page.value.into_iter().next())
}
