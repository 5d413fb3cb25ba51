//! `GET /users/{id}/manager` (Graph, *List manager*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity};
use serde::de::DeserializeOwned;

/// A user's manager; `None` when nobody is.
///
/// # Errors
///
/// As [`Door::send`], except that 404 is `None`.
pub async fn manager<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    user: &str,
) -> Result<Option<T>, DoorError> {
    let path = GraphPath::user(user)
        .lit("manager")
        .query("$select", super::DEFAULT_SELECT);
    match door.send(who, GraphRequest::get(path)).await {
        Ok(answer) => answer.json().map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
