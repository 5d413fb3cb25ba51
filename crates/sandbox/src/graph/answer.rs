//! Answers on the wire.

use axum::body::Body as HttpBody;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::Sandbox;
use crate::call::{Answer, Body, GraphError};

/// The content type of Graph's JSON.
pub(super) const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// The ids a request goes by.
#[derive(Clone, Debug)]
pub(super) struct RequestIds {
    pub(super) request: String,
    pub(super) client: String,
}

impl RequestIds {
    /// A new `request-id`, and the client's own id or the same again.
    pub(super) fn of(sandbox: &Sandbox, headers: &HeaderMap) -> Self {
        let request = sandbox.ids.next_guid().to_string();
        let client = headers
            .get("client-request-id")
            .and_then(|value| value.to_str().ok())
            .map_or_else(|| request.clone(), str::to_owned);
        Self { request, client }
    }
}

/// A refusal as an answer.
pub(super) fn refused(error: &GraphError, ids: &RequestIds, now: Timestamp) -> Answer {
    let date = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut answer = Answer::json(error.status, &error.body(&ids.request, &ids.client, &date));
    for (name, value) in &error.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            answer.headers.append(name, value);
        }
    }
    answer
}

/// An answer as an HTTP response.
pub(super) fn respond(answer: Answer, ids: &RequestIds) -> Response {
    let (content_type, body) = match answer.body {
        Body::Empty => (None, HttpBody::empty()),
        Body::Json(bytes) => (Some(JSON.to_owned()), HttpBody::from(bytes)),
        Body::Raw(content_type, bytes) => (Some(content_type), HttpBody::from(bytes)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    *headers = answer.headers;
    if let Some(value) = content_type.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert(CONTENT_TYPE, value);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    for (name, value) in [
        ("request-id", &ids.request),
        ("client-request-id", &ids.client),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if answer.status != StatusCode::NO_CONTENT {
        headers.insert("odata-version", HeaderValue::from_static("4.0"));
    }
    headers.insert(
        "x-ms-ags-diagnostic",
        HeaderValue::from_static(
            r#"{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"SB0"}}"#,
        ),
    );
    response
}
