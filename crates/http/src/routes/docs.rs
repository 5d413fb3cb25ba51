//! The API's description, for programs and for people.

use crate::app::App;
use crate::openapi;
use crate::pages::{self, html};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use std::sync::LazyLock;
use utoipa_axum::router::OpenApiRouter;

/// They describe the API and are no part of it.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .route("/openapi.json", axum::routing::get(openapi_json))
        .route("/docs", axum::routing::get(docs))
        .route("/docs/errors", axum::routing::get(errors))
}

static DOCUMENT: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(openapi::openapi()).unwrap_or_default());
static JSON: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string_pretty(&*DOCUMENT).unwrap_or_default());
static PAGE: LazyLock<String> = LazyLock::new(|| pages::reference::render(&DOCUMENT));
static ERRORS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "<p><a href=\"/docs\">API</a></p><h1>Error codes</h1>\
         <p>Every error is a JSON object with one of these in <code>code</code>; its \
         <code>detail</code> says what to do.</p>{}",
        openapi::error_table()
    )
});

async fn openapi_json() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], JSON.as_str()).into_response()
}

async fn docs() -> Response {
    html(
        StatusCode::OK,
        pages::document("Postroom API", "wide", &PAGE),
    )
}

async fn errors() -> Response {
    html(
        StatusCode::OK,
        pages::document("Postroom error codes", "wide", &ERRORS),
    )
}
