//! The change feed: asked for (a cursor, a long poll), or streamed as server-sent events.

use crate::app::App;
use crate::extract::access::{Known, May};
use crate::extract::query::Asked;
use crate::extract::values::{Limit, Wait, limit, wait};
use crate::problem::{Answer, body};
use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use postroom_engine::Problem;
use postroom_engine::access::{Act as _, Target, act};
use postroom_model::change::Change;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_changes))
        .routes(routes!(stream_changes))
}

/// What changed, in order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeList {
    /// The steps, the oldest first.
    value: Vec<Change>,
    /// Asks for what comes next, as `since`. Always there: this list has no end.
    next_cursor: String,
    /// The same.
    cursor: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Since {
    /// A cursor of an earlier answer or of a step; `latest`: no steps, the newest cursor. Unless
    /// given, from the beginning of what is kept.
    since: Option<String>,
    /// The same as `since`.
    cursor: Option<String>,
    /// Waits up to so many seconds when there is nothing.
    #[param(value_type = Option<u32>, maximum = 60)]
    wait: Option<Wait>,
    /// At most so many steps; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
}

impl Since {
    fn start(&mut self) -> Result<Option<String>, Problem> {
        match (self.since.take(), self.cursor.take()) {
            (Some(_), Some(_)) => Err(Problem::invalid(
                "`since` and `cursor` mean the same here: send one of them.",
            )),
            (since, cursor) => Ok(since.or(cursor)),
        }
    }
}

/// Lists what changed behind a cursor, in order, nothing skipped that the key may see. With
/// `wait`, an answer without steps comes only when the time is over.
#[utoipa::path(
    get, path = "/changes", tag = "changes", params(Since),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "What changed", body = ChangeList))
)]
async fn list_changes(
    State(app): State<App>,
    May { caller, .. }: May<act::ListChanges>,
    Asked(mut asked): Asked<Since>,
) -> Answer<Json<ChangeList>> {
    let since = asked.start()?;
    let wait = wait(asked.wait);
    let changes = app.engine.changes(&caller, since, limit(asked.limit), wait);
    let page = app.while_open(changes).await?;
    Ok(Json(ChangeList {
        value: page.changes,
        next_cursor: page.cursor.clone(),
        cursor: page.cursor,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct StreamSince {
    /// As in the list. The header `Last-Event-ID`, which an event source sends when it connects
    /// again, wins.
    since: Option<String>,
}

/// How many steps are fetched at once.
const AT_ONCE: u32 = 100;
/// How long the engine is asked to wait before the key is looked at again.
const ROUND: Duration = Duration::from_secs(20);

/// Streams the same as server-sent events: `event: change`, `id` its cursor, `data` the step as
/// JSON. The first event (`event: cursor`) names the place where the stream begins. A failure is
/// told as `event: problem` and ends the stream.
#[utoipa::path(
    get, path = "/changes/stream", tag = "changes", params(StreamSince),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "What changes", content_type = "text/event-stream", body = String))
)]
async fn stream_changes(
    State(app): State<App>,
    May { caller, known, .. }: May<act::StreamChanges>,
    Asked(asked): Asked<StreamSince>,
    headers: HeaderMap,
) -> Answer<Response> {
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty())
        .map(str::to_owned);
    let since = last.or(asked.since);
    // The first look is made before the answer begins: a cursor that is too old is a plain 410.
    let first = app
        .engine
        .changes(&caller, since.clone(), AT_ONCE, Duration::ZERO)
        .await?;
    // Where the stream begins is behind `since` where there is one; else the first page tells.
    let begins = match since {
        Some(since) if since != "latest" => Some(since),
        _ if first.changes.is_empty() => Some(first.cursor.clone()),
        _ => None,
    };
    let hello = begins.map(|cursor| {
        let data = serde_json::json!({ "cursor": cursor }).to_string();
        Event::default().event("cursor").id(cursor).data(data)
    });
    let events = first.changes.iter().map(event).collect::<Vec<_>>();
    let begun = stream::iter(hello.into_iter().chain(events).map(Ok::<_, Infallible>));
    let follow = Follow {
        app,
        known,
        cursor: first.cursor,
    };
    let mut response = Sse::new(begun.chain(follow.stream()))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    // Proxies that buffer answers would hold events back (nginx reads this).
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

fn event(change: &Change) -> Event {
    Event::default()
        .event("change")
        .id(&change.cursor)
        .data(serde_json::to_string(change).unwrap_or_default())
}

/// A stream under way.
struct Follow {
    app: App,
    known: Known,
    cursor: String,
}

impl Follow {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
        stream::unfold(Some(self), |follow| async {
            let mut follow = follow?;
            let app = follow.app.clone();
            match app.while_open(follow.round()).await {
                Ok(events) => Some((events, Some(follow))),
                // The server closes: the event source connects again when it is back.
                Err(problem) if problem.code == postroom_engine::Code::Stopping => None,
                Err(problem) => {
                    tracing::debug!(%problem, "a stream of changes ends");
                    let data = serde_json::to_string(&body(problem)).unwrap_or_default();
                    let event = Event::default().event("problem").data(data);
                    Some((vec![event], None))
                }
            }
        })
        .flat_map(|events| stream::iter(events.into_iter().map(Ok)))
    }

    /// One round. The key or session is shown again each time: one that was revoked, ran out or was
    /// changed meanwhile sees no more than it may now.
    async fn round(&mut self) -> Result<Vec<Event>, Problem> {
        let engine = &self.app.engine;
        let caller = self.known.again(&self.app).await?;
        let action = act::StreamChanges::ACTION;
        engine.authorize(&caller, action, Target::Anything).await?;
        let since = Some(self.cursor.clone());
        let page = engine.changes(&caller, since, AT_ONCE, ROUND).await?;
        self.cursor = page.cursor;
        Ok(page.changes.iter().map(event).collect())
    }
}
