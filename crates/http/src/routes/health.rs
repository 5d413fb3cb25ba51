//! Whether the server lives, whether it can work, and its numbers.

use crate::app::App;
use crate::extract::access::known;
use crate::problem::Answer;
use crate::serve::Peer;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, header};
use postroom_engine::{Code, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// The program's version.
    version: &'static str,
}

const WELL: Health = Health {
    status: "ok",
    version: env!("CARGO_PKG_VERSION"),
};

/// Says that the server lives.
#[utoipa::path(
    get, path = "/healthz", tag = "server",
    responses((status = 200, description = "It lives", body = Health))
)]
async fn healthz() -> Json<Health> {
    Json(WELL)
}

/// Says whether the server can work: its store answers, and it is not stopping.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses((status = 200, description = "It can work", body = Health))
)]
async fn readyz(State(app): State<App>) -> Answer<Json<Health>> {
    if app.engine.is_stopping() || app.closing.is_cancelled() {
        return Err(Problem::new(Code::Stopping, "The server is stopping.").into());
    }
    app.engine.connections().await?;
    Ok(Json(WELL))
}

/// Gives the server's numbers for Prometheus. Without a key on loopback only.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "The numbers", content_type = "text/plain", body = String))
)]
async fn metrics(State(app): State<App>, request: Request) -> Answer<Response> {
    let (parts, _) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    if !is_local(peer, &parts.headers) {
        known(&parts, &app).await?;
    }
    let text = app.metrics.text(&app.engine).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Whether whoever calls is on this machine. What a proxy hands on is not, though the proxy is.
fn is_local(peer: Option<Peer>, headers: &HeaderMap) -> bool {
    const HANDED_ON: [HeaderName; 3] = [
        header::FORWARDED,
        HeaderName::from_static("x-forwarded-for"),
        HeaderName::from_static("x-real-ip"),
    ];
    peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback())
        && !HANDED_ON.iter().any(|name| headers.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_this_machine_is_local() {
        let from = |text: &str| Some(Peer(text.parse().expect("an address")));
        let none = HeaderMap::new();
        assert!(is_local(from("127.0.0.1:1"), &none));
        assert!(is_local(from("[::1]:1"), &none));
        assert!(is_local(from("[::ffff:127.0.0.1]:1"), &none));
        assert!(!is_local(from("10.0.0.1:1"), &none));
        assert!(!is_local(None, &none));
        let mut proxied = HeaderMap::new();
        proxied.insert("x-forwarded-for", HeaderValue::from_static("1.2.3.4"));
        assert!(!is_local(from("127.0.0.1:1"), &proxied));
    }
}
