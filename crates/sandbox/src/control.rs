//! `/sandbox/…`: what tests in other languages do behind the tenant's back. For loopback alone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::entra::Challenge;
use crate::exchange::ExchangeAccess;
use crate::faults::Fault;
use crate::server::{Peer, root_of};
use crate::stats::Stats;
use crate::{ClientCertificate, FederatedCredential, Sandbox, Secret};

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
        .route("/sandbox/apps/{client_id}", patch(change_app))
        .route(
            "/sandbox/apps/{client_id}/exchange",
            get(exchange).put(set_exchange).delete(clear_exchange),
        )
        .route("/sandbox/personal-accounts", post(add_personal_account))
        .route(
            "/sandbox/issuer/.well-known/openid-configuration",
            get(issuer_configuration),
        )
        .route("/sandbox/issuer/keys", get(issuer_keys))
        .route("/sandbox/issuer/token", get(issuer_token))
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PersonalAccount {
    user_principal_name: String,
}

async fn add_personal_account(
    State(sandbox): State<Arc<Sandbox>>,
    Json(new): Json<PersonalAccount>,
) -> Json<Value> {
    Json(json!(
        sandbox.add_personal_account(&new.user_principal_name)
    ))
}

/// What is to be changed of an app registration; what is left out stays.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct AppChange {
    /// Certificates in PEM, added to those that are there.
    add_certificates: Vec<String>,
    /// Client secrets, added likewise, good for two years.
    add_secrets: Vec<String>,
    /// In place of those that are there.
    secrets: Option<Vec<String>>,
    /// In place of those that are there.
    federated_credentials: Option<Vec<FederatedCredential>>,
    public: Option<bool>,
    personal_accounts: Option<bool>,
    enabled: Option<bool>,
    application: Option<Vec<String>>,
    delegated: Option<Vec<String>>,
    application_consent: Option<bool>,
    delegated_consent: Option<bool>,
}

async fn change_app(
    State(sandbox): State<Arc<Sandbox>>,
    Path(client_id): Path<String>,
    Json(change): Json<AppChange>,
) -> Response {
    let expires = sandbox.clock.now() + jiff::SignedDuration::from_hours(24 * 730);
    let secret = |value: String| Secret { value, expires };
    let mut certificates = Vec::with_capacity(change.add_certificates.len());
    for pem in &change.add_certificates {
        match ClientCertificate::from_pem(pem) {
            Some(certificate) => certificates.push(certificate),
            None => {
                let why = "no certificate in PEM, or one with its private key";
                return (StatusCode::BAD_REQUEST, why).into_response();
            }
        }
    }
    let changed = sandbox.alter_app(&client_id, |app| {
        app.certificates.extend(certificates);
        if let Some(secrets) = change.secrets {
            app.secrets = secrets.into_iter().map(secret).collect();
        }
        app.secrets
            .extend(change.add_secrets.into_iter().map(secret));
        if let Some(federated) = change.federated_credentials {
            app.federated = federated;
        }
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
        app.public = change.public.unwrap_or(app.public);
        app.personal_accounts = change.personal_accounts.unwrap_or(app.personal_accounts);
    });
    if changed {
        StatusCode::NO_CONTENT.into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn issuer_configuration(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
) -> Json<Value> {
    let root = root_of(&sandbox, &headers);
    Json(sandbox.entra.foreign_configuration(&root))
}

async fn issuer_keys(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    Json(sandbox.entra.foreign_key_set())
}

#[derive(Deserialize)]
struct Asked {
    subject: String,
    audience: String,
}

/// As the metadata service of a machine does it: only with a header that no page can make a browser
/// send.
async fn issuer_token(
    State(sandbox): State<Arc<Sandbox>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if headers.get("metadata").is_none_or(|value| value != "true") {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({"error": "invalid_request",
                "error_description": "Required metadata header not specified"})),
        )
            .into_response();
    }
    let root = root_of(&sandbox, &headers);
    match sandbox
        .entra
        .foreign_assertion(&root, &asked.subject, &asked.audience, 600)
    {
        Some(assertion) => Json(json!({"value": assertion})).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
