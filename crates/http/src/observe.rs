//! What surrounds every call: its id, its span, its numbers.

use crate::app::App;
use crate::unread;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use postroom_model::{Dice as _, SystemDice};
use std::time::Instant;
use tracing::Instrument as _;

/// The header with a call's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the call an id (the caller's own, where that is a sane one), a span and its numbers.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| is_sane(id))
        .cloned()
        .unwrap_or_else(fresh_id);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| path.as_str())
        .to_owned();
    // The route's pattern: an address can have a mailbox or a search in it.
    let span = tracing::info_span!(
        "http",
        %method,
        route,
        request_id = id.to_str().unwrap_or_default(),
    );
    // How long something took is no time of day: the engine's clock may stand still.
    let begun = Instant::now();
    // A browser that is told of Basic asks its person for a password: whoever comes with a cookie
    // is no caller with a key.
    let by_cookie = request.headers().contains_key(header::COOKIE)
        && !request.headers().contains_key(header::AUTHORIZATION);
    let (request, reading) = unread::watch(request);
    let mut response = next.run(request).instrument(span.clone()).await;
    reading.close_unless_ended(&mut response);
    let took = begun.elapsed();
    let status = response.status().as_u16();
    app.metrics.answered(method.as_str(), &route, status, took);
    span.in_scope(|| tracing::debug!(status, ?took, "answered"));
    let headers = response.headers_mut();
    if by_cookie && headers.contains_key(header::WWW_AUTHENTICATE) {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"Postroom\""),
        );
    }
    headers.insert(REQUEST_ID, id);
    headers
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// The system's dice: nothing that a test holds still depends on this id.
fn fresh_id() -> HeaderValue {
    let id = SystemDice.guid().to_string();
    HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// Short, and nothing that a log or a header could be broken with.
fn is_sane(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        let sane = |id: &'static str| is_sane(&HeaderValue::from_static(id));
        assert!(sane("0192f0a1-0000-7000-8000-000000000000") && sane("job:7"));
        assert!(!sane("") && !sane("a b") && !sane("a\"b"));
    }
}
