//! The start page: what this is and where to go on.

use super::signin;
use crate::app::App;
use crate::pages::{escape, form_page};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

/// A page for people, no part of the API.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/", axum::routing::get(start))
}

async fn start(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let who = match signin::signed_in(&app, &parts).await {
        Some((caller, token)) => signin::whoami(&caller, &token),
        None => "<p><a href=\"/signin\">Sign in</a></p>".to_owned(),
    };
    let banner = app
        .options
        .banner
        .as_deref()
        .map_or_else(String::new, |note| {
            format!("<p class=\"note\">{}</p>", escape(note))
        });
    let url = escape(&app.engine.settings().public_url);
    let version = env!("CARGO_PKG_VERSION");
    form_page(
        StatusCode::OK,
        "Postroom",
        &format!(
            "<h1>Postroom</h1>{banner}\
             <p>A gateway to Microsoft 365, version {version}. It runs.</p>{who}\
             <p>The API is at <code>{url}/api/v1</code>. Every call takes a key, as a bearer token \
             or as the password of HTTP Basic:</p>\
             <pre>curl -H \"Authorization: Bearer KEY\" {url}/api/v1/mailboxes\n\
             curl --user any:KEY {url}/api/v1/mailboxes</pre>\
             <p><code>postroom key create --name NAME --scope mail.read</code> makes one.</p>\
             <ul><li><a href=\"/docs\">What the API can do</a></li>\
             <li><a href=\"/openapi.json\">The same as an OpenAPI document</a></li>\
             <li><a href=\"/docs/errors\">Error codes</a></li>\
             <li><a href=\"/healthz\">Health</a></li></ul>"
        ),
    )
}
