//! Graph's HTTP face: `/v1.0/…`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Limited};

use super::answer::{RequestIds, refused, respond};
use super::request::{Incoming, carry_out};
use super::{batch, refusal};
use crate::Sandbox;
use crate::call::{Answer, Caller, GraphError};
use crate::entra::TokenRefusal;
use crate::server::root_of;

/// The largest body ("The maximum request length supported is 4MB").
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Answers a request below `/v1.0`.
pub(crate) async fn handle(State(sandbox): State<Arc<Sandbox>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ids = RequestIds::of(&sandbox, &parts.headers);
    let path_and_query = parts
        .uri
        .path_and_query()
        .map_or("", http::uri::PathAndQuery::as_str)
        .trim_start_matches("/v1.0")
        .trim_start_matches('/')
        .to_owned();
    #[cfg(feature = "conformance")]
    let mut asked = None;
    let result = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            #[cfg(feature = "conformance")]
            {
                asked = sandbox
                    .watch
                    .asked(&parts.method, &path_and_query, &parts.headers, &body);
            }
            answer(
                &sandbox,
                parts.method,
                path_and_query,
                parts.headers,
                body,
                &ids,
            )
            .await
        }
        Err(_) => Err(refusal::too_large()),
    };
    let answer = result.unwrap_or_else(|error| refused(&error, &ids, sandbox.clock.now()));
    #[cfg(feature = "conformance")]
    if let Some(asked) = asked {
        sandbox.watch.answered(asked, &answer);
    }
    respond(answer, &ids)
}

async fn answer(
    sandbox: &Arc<Sandbox>,
    method: Method,
    path_and_query: String,
    headers: HeaderMap,
    body: Bytes,
    ids: &RequestIds,
) -> Result<Answer, GraphError> {
    let root = root_of(sandbox, &headers);
    let base_url = format!("{root}/v1.0");
    let caller = authenticate(sandbox, &headers, &root)?;
    if path_and_query.split('?').next() == Some("$batch") {
        if method != Method::POST {
            return Err(refusal::other_method());
        }
        let result = batch::run(sandbox, &caller, ids, &base_url, &body).await;
        let status = result
            .as_ref()
            .map_or_else(|error| error.status, |answer| answer.status.as_u16());
        sandbox.counters.graph("POST /$batch".to_owned(), status);
        return result;
    }
    let incoming = Incoming {
        caller,
        method,
        path_and_query,
        headers,
        body,
        base_url,
        in_batch: false,
    };
    carry_out(sandbox, incoming).await
}

fn authenticate(sandbox: &Sandbox, headers: &HeaderMap, root: &str) -> Result<Caller, GraphError> {
    let token = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .unwrap_or_default();
    let refuse = |message: &str| {
        sandbox.counters.graph("(unauthorized)".to_owned(), 401);
        refusal::unauthorized(message, root)
    };
    if token.is_empty() {
        return Err(refuse("Access token is empty."));
    }
    sandbox.entra.caller(token, root).map_err(|why| match &why {
        TokenRefusal::Challenged(claims) => {
            sandbox.counters.graph("(unauthorized)".to_owned(), 401);
            refusal::challenged(why.message(), claims, root)
        }
        TokenRefusal::Blocked => {
            sandbox.counters.graph("(unauthorized)".to_owned(), 403);
            refusal::blocked_by_claims(why.message())
        }
        _ => refuse(why.message()),
    })
}
