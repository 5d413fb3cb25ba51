//! The identity provider's HTTP face.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::adminconsent::Form;
use super::authorize::{Outcome, Step};
use super::device_page;
use super::error::EntraError;
use super::token::TokenRequest;
use crate::Sandbox;
use crate::server::root_of;

const SESSION_COOKIE: &str = "ESTSAUTH";

/// The identity provider's routes.
pub(crate) fn router() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/common/discovery/instance", get(instance))
        .route("/oidc/userinfo", get(userinfo).post(userinfo))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(configuration),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(key_set))
        .route("/{tenant}/oauth2/v2.0/authorize", any(authorize))
        .route("/{tenant}/oauth2/v2.0/token", any(token))
        .route("/{tenant}/oauth2/v2.0/devicecode", any(device_code))
        .route("/devicelogin", get(device_start).post(device_login))
        .route("/{tenant}/oauth2/v2.0/logout", any(logout))
        .route("/{tenant}/v2.0/adminconsent", get(admin_consent))
        .route("/{tenant}/adminconsent", get(admin_consent_v1))
        .route("/{tenant}/adminconsent/login", post(admin_consent_login))
        .route(
            "/{tenant}/adminconsent/consent",
            post(admin_consent_decision),
        )
        .route("/{tenant}/login", post(login))
        .route("/{tenant}/consent", post(consent))
}

fn json(status: u16, body: &Value) -> Response {
    let mut response = Response::new(axum::body::Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(
        CACHE_CONTROL,
        http::HeaderValue::from_static("no-store, no-cache"),
    );
    response
}

fn refusal(sandbox: &Sandbox, error: &EntraError, headers: &HeaderMap) -> Response {
    sandbox.counters.refusal(error.number);
    let correlation = headers
        .get("client-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| uuid::Uuid::try_parse(id).is_ok())
        .map_or_else(|| sandbox.ids.next_guid().to_string(), str::to_owned);
    let body = error.body(&sandbox.ids, &correlation, sandbox.clock.now());
    json(error.status, &body)
}

fn browser(step: Step) -> Response {
    let mut response = match step.outcome {
        Outcome::Page(status, html) => {
            let mut response = Response::new(axum::body::Body::from(html));
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            response.headers_mut().insert(
                CONTENT_TYPE,
                http::HeaderValue::from_static("text/html; charset=utf-8"),
            );
            response
        }
        Outcome::Redirect(to) => {
            let mut response = Response::new(axum::body::Body::empty());
            *response.status_mut() = StatusCode::FOUND;
            if let Ok(to) = http::HeaderValue::try_from(to) {
                response.headers_mut().insert(LOCATION, to);
            }
            response
        }
    };
    response.headers_mut().insert(
        CACHE_CONTROL,
        http::HeaderValue::from_static("no-store, no-cache"),
    );
    if let Some(session) = step.session
        && let Ok(cookie) = http::HeaderValue::try_from(format!(
            "{SESSION_COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax"
        ))
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn session(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value.to_owned())
}

async fn configuration(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    match sandbox.entra.tenant(&tenant) {
        Ok(kind) => json(
            200,
            &sandbox
                .entra
                .configuration(&root_of(&sandbox, &headers), &tenant, kind),
        ),
        Err(mut error) => {
            error.error = "invalid_tenant".into();
            refusal(&sandbox, &error, &headers)
        }
    }
}

async fn key_set(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    match sandbox.entra.tenant(&tenant) {
        Ok(_) => json(200, &sandbox.entra.key_set(&root_of(&sandbox, &headers))),
        Err(error) => refusal(&sandbox, &error, &headers),
    }
}

async fn instance(
    State(sandbox): State<Arc<Sandbox>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let endpoint = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "authorization_endpoint")
        .map(|(_, value)| value.into_owned());
    match sandbox
        .entra
        .instance(&root_of(&sandbox, &headers), endpoint.as_deref())
    {
        Ok(body) => json(200, &body),
        Err(error) => json(
            error.status,
            &serde_json::json!({"error": error.code, "error_description": error.message}),
        ),
    }
}

async fn authorize(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let raw = if method == Method::POST {
        String::from_utf8_lossy(&body).into_owned()
    } else {
        query.unwrap_or_default()
    };
    browser(sandbox.entra.authorize(
        &tenant,
        &raw,
        session(&headers).as_deref(),
        &root_of(&sandbox, &headers),
    ))
}

async fn login(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    browser(
        sandbox
            .entra
            .login(&tenant, &body, &root_of(&sandbox, &headers)),
    )
}

async fn consent(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let outcome = sandbox
        .entra
        .consent(&tenant, &body, &root_of(&sandbox, &headers));
    browser(outcome.into())
}

async fn admin_consent(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = sandbox.entra.admin_consent(
        Form::V2,
        &tenant,
        &query.unwrap_or_default(),
        &root_of(&sandbox, &headers),
    );
    browser(outcome.into())
}

async fn admin_consent_v1(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = sandbox.entra.admin_consent(
        Form::V1,
        &tenant,
        &query.unwrap_or_default(),
        &root_of(&sandbox, &headers),
    );
    browser(outcome.into())
}

async fn admin_consent_login(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let root = root_of(&sandbox, &headers);
    browser(sandbox.entra.admin_consent_login(&tenant, &body, &root))
}

async fn admin_consent_decision(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let root = root_of(&sandbox, &headers);
    let outcome = sandbox.entra.admin_consent_decision(&tenant, &body, &root);
    browser(outcome.into())
}

async fn logout(
    State(sandbox): State<Arc<Sandbox>>,
    Path(_tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let outcome = sandbox
        .entra
        .logout(&query.unwrap_or_default(), session(&headers).as_deref());
    let mut response = browser(outcome.into());
    if let Ok(cookie) = http::HeaderValue::try_from(format!("{SESSION_COOKIE}=; Path=/; Max-Age=0"))
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

async fn token(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST {
        let error = EntraError::new(
            "invalid_request",
            900_561,
            format!("The endpoint only accepts POST requests. Received a {method} request."),
        );
        return refusal(&sandbox, &error, &headers);
    }
    let authorization = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let request = TokenRequest::read(&body, authorization);
    if !sandbox.options.token_latency.is_zero() {
        tokio::time::sleep(sandbox.options.token_latency).await;
    }
    match sandbox
        .entra
        .token(&tenant, &request, &root_of(&sandbox, &headers))
    {
        Ok(body) => {
            sandbox.counters.grant(request.grant());
            json(200, &body)
        }
        Err(error) => refusal(&sandbox, &error, &headers),
    }
}

async fn device_code(
    State(sandbox): State<Arc<Sandbox>>,
    Path(tenant): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST {
        let error = EntraError::new(
            "invalid_request",
            900_561,
            format!("The endpoint only accepts POST requests. Received a {method} request."),
        );
        return refusal(&sandbox, &error, &headers);
    }
    let request = TokenRequest::read(&body, None);
    let root = root_of(&sandbox, &headers);
    match sandbox.entra.device_code(&tenant, &request, &root) {
        Ok(body) => json(200, &body),
        Err(error) => refusal(&sandbox, &error, &headers),
    }
}

async fn device_start() -> Response {
    browser(Outcome::Page(200, device_page::code(None)).into())
}

async fn device_login(State(sandbox): State<Arc<Sandbox>>, body: String) -> Response {
    browser(sandbox.entra.device_login(&body).into())
}

async fn userinfo(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap) -> Response {
    let token = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let user = sandbox
        .entra
        .caller(token, &root_of(&sandbox, &headers))
        .ok()
        .and_then(|caller| caller.user_id)
        .and_then(|id| sandbox.directory.find(&id));
    match user {
        Some(user) => json(
            200,
            &serde_json::json!({
                "sub": sandbox.entra.subject(&user),
                "name": user.display_name,
                "given_name": user.given_name,
                "family_name": user.surname,
                "email": user.mail,
            }),
        ),
        None => json(
            401,
            &serde_json::json!({"error": {"code": "InvalidAuthenticationToken",
                "message": "Access token is empty."}}),
        ),
    }
}
