//! `/sandbox/…`: what tests in other languages do behind the tenant's back. For loopback alone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::faults::Fault;
use crate::server::Peer;
use crate::stats::Stats;

/// The routes.
pub(crate) fn router() -> Router<Arc<Sandbox>> {
    Router::new()
        .route(
            "/sandbox/faults",
            post(add_faults).get(faults).delete(clear_faults),
        )
        .route("/sandbox/stats", get(stats).delete(reset_stats))
        .route("/sandbox/clock", post(clock).get(time))
        .route("/sandbox/revoke", post(revoke))
        .route("/sandbox/users", get(users))
        .route_layer(from_fn(loopback))
}

async fn loopback(request: Request, next: Next) -> Response {
    let local = request
        .extensions()
        .get::<Peer>()
        .is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    // A page of another site must not steer the sandbox through a visitor's browser.
    let from_page = request.headers().contains_key(http::header::ORIGIN);
    if local && !from_page {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Fault>),
    One(Box<Fault>),
}

async fn add_faults(
    State(sandbox): State<Arc<Sandbox>>,
    Json(faults): Json<OneOrMany>,
) -> Json<Vec<Fault>> {
    match faults {
        OneOrMany::One(fault) => sandbox.faults.add(*fault),
        OneOrMany::Many(faults) => {
            for fault in faults {
                sandbox.faults.add(fault);
            }
        }
    }
    Json(sandbox.faults.waiting())
}

async fn faults(State(sandbox): State<Arc<Sandbox>>) -> Json<Vec<Fault>> {
    Json(sandbox.faults.waiting())
}

async fn clear_faults(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.faults.clear();
    StatusCode::NO_CONTENT
}

async fn stats(State(sandbox): State<Arc<Sandbox>>) -> Json<Stats> {
    Json(sandbox.stats())
}

async fn reset_stats(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.reset_stats();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advance {
    advance_seconds: u64,
}

async fn clock(State(sandbox): State<Arc<Sandbox>>, Json(by): Json<Advance>) -> Json<Value> {
    sandbox
        .clock
        .advance(Duration::from_secs(by.advance_seconds));
    Json(json!({"now": sandbox.clock.now()}))
}

async fn time(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    Json(json!({"now": sandbox.clock.now()}))
}

#[derive(Deserialize)]
struct Revoke {
    user: String,
}

async fn revoke(State(sandbox): State<Arc<Sandbox>>, Json(who): Json<Revoke>) -> StatusCode {
    if sandbox.revoke(&who.user) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn users(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    Json(json!(sandbox.accounts()))
}
