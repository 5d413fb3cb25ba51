//! `GET /users/{id}/photo/$value` (Graph, *Get profilePhoto*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, GraphResponse, Identity};
use http::header::{ACCEPT, HeaderValue};

/// A user's photo as its bytes, with their type in `Content-Type`; `size` like `48x48` asks for a
/// smaller one. `None` when there is none. Least permission: `User.Read`, `ProfilePhoto.Read.All`.
///
/// # Errors
///
/// As [`Door::send`], except that 404 is `None`.
pub async fn photo(
    door: &Door,
    who: &Identity,
    user: &str,
    size: Option<&str>,
) -> Result<Option<GraphResponse>, DoorError> {
    let path = GraphPath::user(user);
    let path = match size {
        Some(size) => path.lit("photos").id(size).lit("$value"),
        None => path.lit("photo").lit("$value"),
    };
    let mut request = GraphRequest::get(path);
    request
        .headers
        .insert(ACCEPT, HeaderValue::from_static("*/*"));
    match door.send(who, request).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
