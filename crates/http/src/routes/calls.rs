//! The call log: every call to Microsoft, without its secrets.

use super::{ask, visible_mailbox};
use crate::app::App;
use crate::extract::access::May;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Flag, Limit, Moment, limit};
use crate::lists::{Page, behind, opened};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use postroom_engine::Engine;
use postroom_engine::access::act;
use postroom_model::call::{CallPart, CallRecord};
use postroom_model::{AccountId, CallId, ConnectionId, MailboxId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_calls))
        .routes(routes!(get_call))
}

/// One attempt of one call to Microsoft.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Call {
    /// Ours.
    id: CallId,
    /// When it was sent.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Through which connection.
    connection: ConnectionId,
    /// As whom.
    account: Option<AccountId>,
    /// About which mailbox, where about one.
    mailbox: Option<MailboxId>,
    /// Who caused it: a key's name, `mirror`, `outbox`, `command line`.
    caller: String,
    /// The HTTP method.
    method: String,
    /// Host and path, and the query (values hidden from keys without `admin`).
    path: String,
    /// The status, where an answer came.
    status: Option<u16>,
    /// From sending to the last byte.
    duration_ms: u64,
    /// The request body's length.
    request_bytes: u64,
    /// The response body's length.
    response_bytes: u64,
    /// 1 for the first try, 2 for the second …
    attempt: u32,
    /// Microsoft's `request-id`, which its support asks for.
    request_id: Option<String>,
    /// Ours, sent along.
    client_request_id: String,
    /// What went wrong.
    error: Option<String>,
}

/// A call with what was sent and what came back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CallWithDetail {
    #[serde(flatten)]
    call: Call,
    /// What was sent, secrets hidden; `null` where that is kept no more.
    request: Option<Part>,
    /// What came back, likewise.
    response: Option<Part>,
}

/// One side of a call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallSide)]
struct Part {
    /// The headers.
    headers: Vec<Header>,
    /// The body's first 64 KiB as text.
    body: String,
}

/// A header.
#[derive(Debug, Serialize, ToSchema)]
struct Header {
    /// Its name.
    name: String,
    /// Its value; `[secret]` and the like where that is one.
    value: String,
}

impl From<CallPart> for Part {
    fn from(part: CallPart) -> Self {
        let headers = part.headers.into_iter();
        Self {
            headers: headers
                .map(|(name, value)| Header { name, value })
                .collect(),
            body: part.body,
        }
    }
}

impl From<CallRecord> for CallWithDetail {
    fn from(record: CallRecord) -> Self {
        let (request, response) = record
            .detail
            .map(|detail| (detail.request.into(), detail.response.into()))
            .unzip();
        let call = Call {
            id: record.id,
            at: record.at,
            connection: record.connection,
            account: record.account,
            mailbox: record.mailbox,
            caller: record.caller,
            method: record.method,
            path: record.path,
            status: record.status,
            duration_ms: record.duration_ms,
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
            attempt: record.attempt,
            request_id: record.request_id,
            client_request_id: record.client_request_id,
            error: record.error,
        };
        Self {
            call,
            request,
            response,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListCalls {
    /// As this account.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// About this mailbox, by id or address.
    mailbox: Option<String>,
    /// `true`: only those that failed.
    #[param(value_type = Option<bool>)]
    failed: Option<Flag>,
    /// At this time or later: RFC 3339, or a plain date.
    #[param(value_type = Option<String>)]
    since: Option<Moment>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

/// Lists the calls to Microsoft, the newest first.
#[utoipa::path(
    get, path = "/calls", tag = "calls", params(ListCalls),
    security(("key" = ["calls.read"])),
    responses((status = 200, description = "A page of calls", body = Page<Call>))
)]
async fn list_calls(
    State(app): State<App>,
    May { caller, .. }: May<act::ListCalls>,
    Asked(asked): Asked<ListCalls>,
) -> Answer<Json<Page<Call>>> {
    let limit = limit(asked.limit);
    let mut query = ask(Engine::calls);
    query.account = asked.account;
    query.failed = asked.failed.is_some_and(|flag| flag.0);
    query.since = asked.since.map(|moment| moment.0);
    query.after = opened(asked.cursor.as_ref())?;
    query.limit = limit + 1;
    if let Some(named) = asked.mailbox {
        let mailbox = visible_mailbox(&app.engine, &caller, &named).await?;
        query.mailboxes = Some(vec![mailbox]);
    }
    let records = app.engine.calls(&caller, query).await?;
    let calls = records
        .into_iter()
        .map(|record| CallWithDetail::from(record).call);
    Ok(Json(behind(calls.collect(), limit, |one: &Call| {
        one.id.as_str()
    })))
}

/// Shows a call with what was sent and what came back, shortened, secrets hidden.
#[utoipa::path(
    get, path = "/calls/{id}", tag = "calls",
    security(("key" = ["calls.read"])),
    responses((status = 200, description = "The call", body = CallWithDetail))
)]
async fn get_call(
    State(app): State<App>,
    May { caller, .. }: May<act::GetCall>,
    InPath(id): InPath<CallId>,
    _: Asked<Nothing>,
) -> Answer<Json<CallWithDetail>> {
    Ok(Json(app.engine.call(&caller, &id).await?.into()))
}
