//! Alerts: what is about to end and what ended, and the events that tell of them.

use super::ask;
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Flag, Limit, Wait, limit, wait};
use crate::lists::{Page, behind, opened};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::access::act;
use postroom_engine::alerts::{AlertMailShown, AlertShown};
use postroom_engine::{Code, Engine, Problem};
use postroom_model::alert::{Alert, AlertEvent};
use postroom_model::outbox::OutboxStatus;
use postroom_model::{AlertId, OutboxId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_alerts))
        .routes(routes!(list_alert_events))
        .routes(routes!(get_alert))
        .routes(routes!(acknowledge_alert))
}

/// Something that a person has to look after.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertWithMail)]
struct AlertView {
    #[serde(flatten)]
    alert: Alert,
    /// The mail that tells of it; `null` where none is to be sent.
    mail: Option<AlertMail>,
}

/// What became of the mail that tells of an alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AlertMail {
    /// The item of the outbox; `null` while it waits to become one.
    id: Option<OutboxId>,
    /// The item's status; `null` while it waits to become one.
    status: Option<OutboxStatus>,
    /// Why it is so, in words.
    reason: Option<String>,
}

impl From<AlertShown> for AlertView {
    fn from(shown: AlertShown) -> Self {
        Self {
            alert: shown.alert,
            mail: shown.mail.map(|mail: AlertMailShown| AlertMail {
                id: mail.outbox,
                status: mail.status,
                reason: mail.reason,
            }),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListAlerts {
    /// Those that are mended, too; open ones only unless given.
    #[param(value_type = Option<bool>)]
    resolved: Option<Flag>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

/// Lists alerts, the newest first: credentials, sign-ins and keys that end soon or ended, and
/// accounts that cannot act any more. `connections` is enough, too.
#[utoipa::path(
    get, path = "/alerts", tag = "alerts", params(ListAlerts),
    security(("key" = ["alerts.read"])),
    responses((status = 200, description = "A page of alerts", body = Page<AlertView>))
)]
async fn list_alerts(
    State(app): State<App>,
    May { caller, .. }: May<act::ListAlerts>,
    Asked(asked): Asked<ListAlerts>,
) -> Answer<Json<Page<AlertView>>> {
    let limit = limit(asked.limit);
    let mut query = ask(Engine::alerts);
    query.with_resolved = asked.resolved.is_some_and(|flag| flag.0);
    query.after = opened(asked.cursor.as_ref())?;
    query.limit = limit + 1;
    let alerts = app.engine.alerts(&caller, query).await?;
    let alerts = alerts.into_iter().map(AlertView::from).collect();
    Ok(Json(behind(alerts, limit, |one: &AlertView| {
        one.alert.id.as_str()
    })))
}

/// Shows an alert.
#[utoipa::path(
    get, path = "/alerts/{id}", tag = "alerts",
    security(("key" = ["alerts.read"])),
    responses((status = 200, description = "The alert", body = AlertView))
)]
async fn get_alert(
    State(app): State<App>,
    May { caller, .. }: May<act::GetAlert>,
    InPath(id): InPath<AlertId>,
    _: Asked<Nothing>,
) -> Answer<Json<AlertView>> {
    Ok(Json(app.engine.alert(&caller, &id).await?.into()))
}

/// Says that somebody knows of an open alert and looks after it: of its level no mail is sent any
/// more. It stays open until it is mended; an escalation takes this back.
#[utoipa::path(
    post, path = "/alerts/{id}/acknowledge", tag = "alerts",
    security(("key" = ["connections"])),
    responses((status = 200, description = "The alert as it is now", body = AlertView))
)]
async fn acknowledge_alert(
    State(app): State<App>,
    May { caller, .. }: May<act::AcknowledgeAlert>,
    InPath(id): InPath<AlertId>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let alert = engine.acknowledge_alert(&by, &id).await?;
        Ok(AlertView::from(alert))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// An event with the cursor behind it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertEventWithCursor)]
struct EventView {
    #[serde(flatten)]
    event: AlertEvent,
    /// Asks for what comes after this event. Opaque.
    cursor: String,
}

/// What happened to alerts, in order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AlertEventList {
    /// The events, the oldest first.
    value: Vec<EventView>,
    /// Asks for what comes next, as `since`. Always there: this list has no end.
    next_cursor: String,
    /// The same.
    cursor: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct EventsSince {
    /// A cursor of an earlier answer or of an event; `latest`: no events, the newest cursor. Unless
    /// given, from the beginning of what is kept.
    since: Option<String>,
    /// Waits up to so many seconds when there is nothing.
    #[param(value_type = Option<u32>, maximum = 60)]
    wait: Option<Wait>,
    /// At most so many events; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
}

/// Lists what happened to alerts behind a cursor (raised, escalated, resolved), in order, nothing
/// skipped, as CloudEvents. With `wait`, an answer without events comes only when the time is over.
#[utoipa::path(
    get, path = "/alerts/events", tag = "alerts", params(EventsSince),
    security(("key" = ["alerts.read"])),
    responses((status = 200, description = "What happened", body = AlertEventList))
)]
async fn list_alert_events(
    State(app): State<App>,
    May { caller, .. }: May<act::ListAlertEvents>,
    Asked(asked): Asked<EventsSince>,
) -> Answer<Json<AlertEventList>> {
    let (limit, wait) = (limit(asked.limit), wait(asked.wait));
    let events = app.engine.alert_events(&caller, asked.since, limit, wait);
    let page = app.while_open(events).await.map_err(|problem| {
        if problem.code != Code::CursorExpired {
            return problem;
        }
        let detail = "The cursor is too old or none of this server's: read /alerts anew, then \
                      follow /alerts/events from its newest cursor (since=latest).";
        Problem {
            detail: detail.to_owned(),
            ..problem
        }
    })?;
    Ok(Json(AlertEventList {
        value: page
            .events
            .into_iter()
            .map(|(cursor, event)| EventView { event, cursor })
            .collect(),
        next_cursor: page.cursor.clone(),
        cursor: page.cursor,
    }))
}
