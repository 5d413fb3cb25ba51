//! Refusals on demand: any AADSTS number at the authorization, token and device code endpoints.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::error::EntraError;
use super::page;
use crate::Sandbox;
use crate::faults::EntraFault;

/// What `error` usually goes with a number. The reference of error codes pairs none; these are
/// what clients have seen.
pub(crate) fn usual_error(number: u32) -> &'static str {
    match number {
        7_000_215 | 7_000_222 | 7_000_218 | 700_027 | 50_012 | 700_030 | 70_002 | 700_025
        | 700_229 | 700_024 | 700_021 | 50_027 => "invalid_client",
        700_016 | 700_011 | 7_000_112 | 70_001 => "unauthorized_client",
        50_076 | 50_079 | 50_072 | 50_074 | 50_078 | 50_158 | 50_105 | 53_000 | 53_001 | 53_003
        | 530_032 | 530_035 | 50_097 | 16_000 => "interaction_required",
        50_058 => "login_required",
        65_004 | 90_094 | 90_095 => "access_denied",
        70_011 | 28_002 | 1_002_012 => "invalid_scope",
        500_011 | 50_001 | 700_022 | 700_023 | 650_057 => "invalid_resource",
        90_002 | 900_144 | 50_011 | 90_023 | 900_561 | 9_001_023 | 90_124 | 90_130 | 50_194
        | 90_014 | 90_120 | 650_052 | 650_056 | 500_112 | 50_059 | 50_128 => "invalid_request",
        700_054 | 700_051 => "unsupported_response_type",
        70_003 => "unsupported_grant_type",
        70_016 => "authorization_pending",
        70_018 => "bad_verification_code",
        70_019 => "expired_token",
        90_033 | 90_006 | 90_012 | 90_024 | 90_090 | 50_033 | 50_087 | 70_012 | 90_055 | 50_196 => {
            "temporarily_unavailable"
        }
        _ => "invalid_grant",
    }
}

fn error_of(fault: &EntraFault) -> EntraError {
    let name = fault
        .error
        .clone()
        .unwrap_or_else(|| usual_error(fault.number).to_owned());
    let mut error = EntraError::new(name, fault.number, "A fault of the sandbox.");
    if let Some(suberror) = &fault.suberror {
        error = error.suberror(suberror.clone());
    }
    if let Some(claims) = &fault.claims {
        error = error.claims(claims.clone());
    }
    match fault.status {
        Some(status) => error.with_status(status),
        None => error,
    }
}

/// The refusal, as the endpoint would give it: at the redirect URI where there is one that is
/// registered, else as a page; as JSON everywhere else.
pub(crate) fn answer(sandbox: &Sandbox, fault: &EntraFault, path_and_query: &str) -> Response {
    let error = error_of(fault);
    sandbox.counters.refusal(error.number);
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let mut response = if path.ends_with("/authorize") {
        at_the_browser(sandbox, &error, query)
    } else {
        let correlation = sandbox.ids.next_guid().to_string();
        let body = error.body(&sandbox.ids, &correlation, sandbox.clock.now());
        let mut response = Response::new(Body::from(body.to_string()));
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        *response.status_mut() =
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        response
    };
    if let Some(seconds) = fault.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn at_the_browser(sandbox: &Sandbox, error: &EntraError, query: &str) -> Response {
    let get = |wanted: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let correlation = sandbox.ids.next_guid().to_string();
    let body = error.body(&sandbox.ids, &correlation, sandbox.clock.now());
    let target = get("redirect_uri")
        // A redirect URI that does not fit is told on a page: nobody can be sent there.
        .filter(|_| error.number != 50_011)
        .filter(|uri| {
            get("client_id")
                .and_then(|id| sandbox.entra.app(&id))
                .is_some_and(|app| app.redirects_to(uri))
        })
        .and_then(|uri| url::Url::parse(&uri).ok());
    let Some(mut target) = target else {
        let now = sandbox
            .clock
            .now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let page = page::error(&error.message(), &correlation, &now);
        let mut response = Response::new(Body::from(page));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        return response;
    };
    {
        let mut pairs = target.query_pairs_mut();
        pairs
            .append_pair("error", &error.error)
            .append_pair(
                "error_description",
                body["error_description"].as_str().unwrap_or_default(),
            )
            .append_pair("state", &get("state").unwrap_or_default());
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(to) = HeaderValue::try_from(String::from(target)) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}
