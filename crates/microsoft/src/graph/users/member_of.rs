//! `GET /users/{id}/memberOf/microsoft.graph.group` (Graph, *List a user's direct memberships*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity};
use crate::graph::page::{Page, page};
use serde::de::DeserializeOwned;

/// The first page of the groups that a user is in directly. Roles and administrative units, which
/// the list without the cast has too, are left out.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn member_of<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    user: &str,
) -> Result<Page<T>, DoorError> {
    let path = GraphPath::user(user)
        .lit("memberOf")
        .lit("microsoft.graph.group")
        .query(
            "$select",
            "id,displayName,description,mail,mailEnabled,securityEnabled,groupTypes",
        );
    page(door, who, GraphRequest::get(path)).await
}
