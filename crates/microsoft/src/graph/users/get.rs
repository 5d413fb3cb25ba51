//! `GET /users/{id}` (Graph, *Get a user*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity};
use serde::de::DeserializeOwned;

/// A user by id or sign-in name. Least permission: `User.Read` for oneself, `User.ReadBasic.All`.
///
/// # Errors
///
/// As [`Door::send`]; 404 `Request_ResourceNotFound` when there is none.
pub async fn get<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    user: &str,
    select: Option<&str>,
) -> Result<T, DoorError> {
    let path = GraphPath::user(user).query("$select", select.unwrap_or(super::DEFAULT_SELECT));
    door.send(who, GraphRequest::get(path)).await?.json()
}
