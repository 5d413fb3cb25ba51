//! `/sandbox/…`: what tests in other languages do behind the tenant's back. For loopback alone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::entra::Challenge;
use crate::exchange::ExchangeAccess;
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
        .route("/sandbox/challenge", post(challenge))
        .route("/sandbox/users", get(users))
        .route("/sandbox/apps/{client_id}", patch(alter_app))
        .route(
            "/sandbox/apps/{client_id}/exchange",
            get(exchange).put(set_exchange).delete(clear_exchange),
        )
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
#[serde(rename_all = "camelCase")]
struct Revoke {
    user: String,
    /// Access tokens, too, by continuous access evaluation.
    #[serde(default)]
    at_once: bool,
}

async fn revoke(State(sandbox): State<Arc<Sandbox>>, Json(who): Json<Revoke>) -> StatusCode {
    let revoked = if who.at_once {
        sandbox.revoke_at_once(&who.user)
    } else {
        sandbox.revoke(&who.user)
    };
    if revoked {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// What Graph asks of somebody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Challenged {
    /// A user's id or name, or an application's client id.
    who: String,
    /// An authentication context; without one, a new token.
    acrs: Option<String>,
    /// Asks for nothing any more.
    #[serde(default)]
    end: bool,
}

async fn challenge(
    State(sandbox): State<Arc<Sandbox>>,
    Json(asked): Json<Challenged>,
) -> StatusCode {
    let challenge = match asked.acrs {
        _ if asked.end => None,
        Some(context) => Some(Challenge::StepUp(context)),
        None => Some(Challenge::NewToken),
    };
    if sandbox.challenge(&asked.who, challenge) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn users(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    Json(json!(sandbox.accounts()))
}

/// What is to be changed of an application; what is left out stays.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AppChange {
    enabled: Option<bool>,
    application: Option<Vec<String>>,
    delegated: Option<Vec<String>>,
    application_consent: Option<bool>,
    delegated_consent: Option<bool>,
}

async fn alter_app(
    State(sandbox): State<Arc<Sandbox>>,
    Path(client_id): Path<String>,
    Json(change): Json<AppChange>,
) -> StatusCode {
    let known = sandbox.alter_app(&client_id, |app| {
        app.enabled = change.enabled.unwrap_or(app.enabled);
        app.application_consent = change
            .application_consent
            .unwrap_or(app.application_consent);
        app.delegated_consent = change.delegated_consent.unwrap_or(app.delegated_consent);
        if let Some(application) = change.application {
            app.application = application;
        }
        if let Some(delegated) = change.delegated {
            app.delegated = delegated;
        }
    });
    if known {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn exchange(
    State(sandbox): State<Arc<Sandbox>>,
    Path(client_id): Path<String>,
) -> Json<ExchangeAccess> {
    Json(sandbox.exchange_access(&client_id))
}

async fn set_exchange(
    State(sandbox): State<Arc<Sandbox>>,
    Path(client_id): Path<String>,
    Json(access): Json<ExchangeAccess>,
) -> Response {
    if sandbox.app(&client_id).is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    sandbox.set_exchange_access(&client_id, access);
    Json(sandbox.exchange_access(&client_id)).into_response()
}

async fn clear_exchange(
    State(sandbox): State<Arc<Sandbox>>,
    Path(client_id): Path<String>,
) -> StatusCode {
    sandbox.allow_all_mailboxes(&client_id);
    StatusCode::NO_CONTENT
}
