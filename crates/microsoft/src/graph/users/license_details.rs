//! `GET /users/{id}/licenseDetails` (Graph, *List licenseDetails*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity};
use crate::graph::page::{Page, page};
use serde::de::DeserializeOwned;

/// A user's licences. Least permission: `LicenseAssignment.Read.All`, `User.Read` for oneself.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn license_details<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    user: &str,
) -> Result<Page<T>, DoorError> {
    let path = GraphPath::user(user).lit("licenseDetails");
    page(door, who, GraphRequest::get(path)).await
}
