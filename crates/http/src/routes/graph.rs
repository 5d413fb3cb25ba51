//! Any call to Microsoft Graph, passed through.

use crate::app::App;
use crate::extract::access::May;
use crate::extract::once::IDEMPOTENCY_KEY;
use crate::problem::Answer;
use crate::router::BASE;
use crate::through;
use axum::body::HttpBody as _;
use axum::extract::{OriginalUri, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use postroom_engine::access::{Caller, act};
use postroom_engine::graph::{GraphCall, Incoming, PassedAnswer};
use postroom_engine::{Code, Problem};
use postroom_model::AccountId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(
        get_graph,
        post_graph,
        put_graph,
        patch_graph,
        delete_graph
    ))
}

macro_rules! passed {
    ($(#[$doc:meta])* $method:ident $name:ident as $act:ident $(, $body:ident = $type:literal)?) => {
        $(#[$doc])*
        #[utoipa::path(
            $method, path = "/graph/{account}/v1.0/{*path}", tag = "graph",
            $(request_body($body = Vec<u8>, content_type = $type),)?
            security(("key" = ["graph"])),
            responses((
                status = "2XX",
                description = "Microsoft's answer as it is. So are Microsoft's refusals and \
                               redirects, with Microsoft's status and body; those of Postroom are \
                               `application/problem+json`.",
                content_type = "application/octet-stream"
            ))
        )]
        async fn $name(
            State(app): State<App>,
            May { caller, .. }: May<act::$act>,
            OriginalUri(uri): OriginalUri,
            request: Request,
        ) -> Answer<Response> {
            pass(&app, &caller, &uri, request).await
        }
    };
}

passed! {
    /// Reads anything of Graph's as this account. A key with a list of mailboxes reaches what is
    /// below `/users/{one of them}/`: messages, mailFolders, events, calendar, calendars,
    /// calendarView, contacts, contactFolders, photo, mailboxSettings.
    get get_graph as GetGraph
}
passed! {
    /// Makes or does anything of Graph's as this account, `$batch` among it, whose parts are judged
    /// one by one. What makes mail leave (`sendMail`, `send`, `reply`, `replyAll`, `forward`, rules)
    /// needs the scope `mail.send`, too.
    post post_graph as PostGraph, content = "application/octet-stream"
}
passed! {
    /// Writes anything of Graph's as this account.
    put put_graph as PutGraph, content = "application/octet-stream"
}
passed! {
    /// Changes anything of Graph's as this account.
    patch patch_graph as PatchGraph, content = "application/octet-stream"
}
passed! {
    /// Deletes anything of Graph's as this account.
    delete delete_graph as DeleteGraph
}

async fn pass(app: &App, caller: &Caller, uri: &http::Uri, request: Request) -> Answer<Response> {
    let (account, target) = taken_apart(uri)?;
    let (parts, body) = request.into_parts();
    fits(&parts.headers)?;
    let body = (!body.is_end_stream()).then(|| Incoming {
        length: body.size_hint().exact(),
        pieces: through::incoming(body),
    });
    let call = GraphCall {
        account,
        method: parts.method,
        target,
        headers: parts.headers,
        body,
    };
    let answer = app.while_open(app.engine.graph_call(caller, call)).await?;
    Ok(answered(answer)?)
}

/// The account, and path and query below the version as they were sent: what they mean is for the
/// engine to say, from the one text that there is.
fn taken_apart(uri: &http::Uri) -> Result<(AccountId, String), Problem> {
    let below = uri
        .path()
        .strip_prefix(BASE)
        .and_then(|path| path.strip_prefix("/graph/"))
        .and_then(|path| path.split_once('/'));
    let nowhere = || Problem::not_found("address", uri.path());
    let (account, path) = below.ok_or_else(nowhere)?;
    let path = path.strip_prefix("v1.0").ok_or_else(nowhere)?;
    let account = percent_decode_str(account)
        .decode_utf8()
        .map_err(|_| Problem::invalid("The account in the path is not UTF-8."))?;
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    Ok((AccountId::new(account), target))
}

/// Refuses what would be promised and not kept if it were left out.
fn fits(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(IDEMPOTENCY_KEY) {
        return Err(Problem::invalid(
            "Idempotency-Key is not taken here: Microsoft does a call as often as it gets it. Send \
             mail with POST /mailboxes/{id}/send, which takes it.",
        ));
    }
    let encoded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Compressed bodies are not passed on: send it without Content-Encoding.",
        ));
    }
    Ok(())
}

fn answered(answer: PassedAnswer) -> Result<Response, Problem> {
    let mut response = Response::new(through::outgoing(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|error| {
        Problem::new(
            Code::MicrosoftUnreachable,
            "Microsoft answered with a status that HTTP does not have.",
        )
        .because(error)
    })?;
    let headers = response.headers_mut();
    *headers = answer.headers;
    // It can be a file that came by mail from anybody: a browser that is led here runs nothing.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<(String, String)> {
        let (account, target) = taken_apart(&uri.parse().expect("an address")).ok()?;
        Some((account.to_string(), target))
    }

    #[test]
    fn what_is_below_the_version_stays_as_it_was_sent() {
        let expected = |account: &str, target: &str| Some((account.to_owned(), target.to_owned()));
        assert_eq!(
            of("/api/v1/graph/a/v1.0/users/%61%2F..%2fb//c?$x=%27y'"),
            expected("a", "/users/%61%2F..%2fb//c?$x=%27y'")
        );
        assert_eq!(of("/api/v1/graph/a%20b/v1.0/x"), expected("a b", "/x"));
        assert_eq!(of("/api/v1/graph/a/beta/x"), None);
        assert_eq!(of("/api/v1/graph/a"), None);
    }
}
