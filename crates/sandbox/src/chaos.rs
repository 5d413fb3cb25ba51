//! Faults on the wire: stands before the identity provider and Graph and spoils what it is told
//! to.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::Sandbox;
use crate::faults::FaultAction;
use crate::server::DropConnection;

/// Meets requests with the faults set for them.
pub(crate) async fn spoil(
    State(sandbox): State<Arc<Sandbox>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    if path == "/" || path.starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let Some(met) = sandbox.faults.meet(method.as_str(), &path, false) else {
        return next.run(request).await;
    };
    tracing::debug!(%method, %path, fault = ?met.action, "fault");
    if let Some(delay) = met.delay() {
        tokio::time::sleep(delay).await;
    }
    let graph = path.starts_with("/v1.0");
    let right = if met.carries_out() {
        Some(next.run(request).await)
    } else {
        // Read what is sent, or the client could see its own sending fail first.
        let _ = request.into_body().collect().await;
        None
    };
    if met.action == FaultAction::Hang {
        std::future::pending::<()>().await;
    }
    if let FaultAction::Entra(fault) = &met.action {
        return crate::entra::forced::answer(&sandbox, fault, &path);
    }
    let response = spoiled(&sandbox, &met.action, right, graph).await;
    if graph && !met.carries_out() {
        sandbox
            .counters
            .graph(format!("{method} (fault)"), response.status().as_u16());
    } else if graph && response.status() == StatusCode::TOO_MANY_REQUESTS {
        sandbox.counters.graph(format!("{method} (fault)"), 429);
    }
    response
}

/// Every answer says the tenant's time (RFC 9110, section 6.6.1), which can be another than this
/// machine's.
pub(crate) async fn date(
    State(sandbox): State<Arc<Sandbox>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    if let Ok(text) = printer.timestamp_to_rfc9110_string(&sandbox.clock.now())
        && let Ok(value) = http::HeaderValue::from_str(&text)
    {
        response.headers_mut().insert(http::header::DATE, value);
    }
    response
}

async fn spoiled(
    sandbox: &Sandbox,
    action: &FaultAction,
    right: Option<Response>,
    graph: bool,
) -> Response {
    match (action, right) {
        (FaultAction::Delay { .. }, Some(right)) => right,
        (
            FaultAction::Status {
                status,
                retry_after,
                code,
                headers,
            },
            _,
        ) => {
            let id = sandbox.ids.next_guid().to_string();
            let code = code
                .as_deref()
                .unwrap_or_else(|| FaultAction::code_for(*status));
            let body = if graph {
                json!({"error": {"code": code, "message": "A fault of the sandbox.",
                    "innerError": {"date": sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                        "request-id": id, "client-request-id": id}}})
            } else {
                json!({"error": "temporarily_unavailable",
                    "error_description": format!("AADSTS90033: A transient error has occurred. Please try again. Trace ID: {id}"),
                    "error_codes": [90033], "trace_id": id, "correlation_id": id})
            };
            let mut response = plain(*status, "application/json", body.to_string());
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (
                    HeaderName::from_bytes(name.as_bytes()),
                    HeaderValue::from_str(value),
                ) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        (FaultAction::Edit { set, remove }, Some(right)) => {
            let edit = |bytes: Bytes| {
                let mut body: serde_json::Value =
                    serde_json::from_slice(&bytes).unwrap_or_default();
                if let Some(members) = body.as_object_mut() {
                    members.retain(|name, _| !remove.contains(name));
                    members.extend(set.clone());
                }
                Body::from(body.to_string())
            };
            change(right, edit, false).await
        }
        (FaultAction::Answer { status, content_type, body }, _) => {
            let mut response = plain(*status, "text/plain", body.clone());
            if let Ok(content_type) = HeaderValue::from_str(content_type) {
                response.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            response
        }
        (FaultAction::Html { status }, _) => plain(
            *status,
            "text/html; charset=utf-8",
            "<!doctype html><html><head><title>Service unavailable</title></head><body><h1>Our services aren't available right now</h1></body></html>".to_owned(),
        ),
        (FaultAction::GarbageJson, _) => {
            plain(200, "application/json", "{]\u{0}garbage\u{1}:,,".to_owned())
        }
        (FaultAction::Cut, Some(right)) => change(right, |bytes| {
            let half = bytes.slice(..bytes.len() / 2);
            // The pause lets head and first half reach the wire before the end.
            let end = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
            };
            Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(end)))
        }, true)
        .await,
        (FaultAction::TruncatedJson, Some(right)) => {
            change(right, |bytes| Body::from(bytes.slice(..bytes.len() / 2)), false).await
        }
        (FaultAction::Slow { milliseconds }, Some(right)) => {
            let pause = Duration::from_millis(milliseconds / 10);
            change(right, |bytes| slowly(bytes, pause), true).await
        }
        _ => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(DropConnection);
            response
        }
    }
}

fn plain(status: u16, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The same head with another body; the true length stays announced where the body is to end
/// before it.
async fn change(right: Response, body: impl FnOnce(Bytes) -> Body, announce: bool) -> Response {
    let (mut head, whole) = right.into_parts();
    let bytes = whole
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    head.headers.remove(CONTENT_LENGTH);
    if announce {
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    Response::from_parts(head, body(bytes))
}

fn slowly(bytes: Bytes, pause: Duration) -> Body {
    let size = bytes.len().div_ceil(10).max(1);
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<_, std::io::Error>(piece), rest))
    }))
}
