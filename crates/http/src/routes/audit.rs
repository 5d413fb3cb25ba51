//! The audit log: what was changed, by whom.

use crate::app::App;
use crate::extract::access::May;
use crate::extract::query::Asked;
use crate::extract::values::{Limit, Moment, limit};
use crate::lists::{Page, behind, opened};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use postroom_engine::access::act;
use postroom_engine::audit::AuditQuery;
use postroom_model::audit::{Actor, ActorKind, AuditEntry, Outcome, Subject};
use postroom_model::{AuditId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// Who did it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct ActorView {
    /// What kind of actor.
    kind: ActorKind,
    /// The key's or person's id.
    id: Option<String>,
    /// The name at that time.
    name: String,
}

impl From<Actor> for ActorView {
    fn from(actor: Actor) -> Self {
        Self {
            kind: actor.kind,
            id: actor.id,
            name: actor.name,
        }
    }
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
struct AuditView {
    /// Ours.
    id: AuditId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who.
    actor: ActorView,
    /// From which address, where that is known.
    address: Option<String>,
    /// What was done: noun and verb.
    action: String,
    /// To what.
    subject: Option<Subject>,
    /// What became of it.
    outcome: Outcome,
    /// More about it: `fields` that were sent (their names), rights that were given, `code` of a
    /// refusal, `count` of what happened more than once.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
    /// The call's id, in the server's log too.
    request_id: Option<String>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.actor.into(),
            address: entry.address.map(|address| address.to_string()),
            action: entry.action,
            subject: entry.subject,
            outcome: entry.outcome,
            details: entry.details,
            request_id: entry.request_id,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListAudit {
    /// By this actor: the id of a key or person, or its name at that time.
    actor: Option<String>,
    /// This action (`key.create`), or every one of a noun (`key`).
    action: Option<String>,
    /// To this subject: its id, or its name at that time.
    subject: Option<String>,
    /// At this time or later: RFC 3339, or a plain date.
    #[param(value_type = Option<String>)]
    since: Option<Moment>,
    /// Before this time.
    #[param(value_type = Option<String>)]
    until: Option<Moment>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

/// Lists what was changed and by whom, the newest first.
#[utoipa::path(
    get, path = "/audit", tag = "audit", params(ListAudit),
    security(("key" = ["audit.read"])),
    responses((status = 200, description = "A page of entries", body = Page<AuditView>))
)]
async fn list_audit(
    State(app): State<App>,
    _: May<act::ListAudit>,
    Asked(asked): Asked<ListAudit>,
) -> Answer<Json<Page<AuditView>>> {
    let limit = limit(asked.limit);
    let query = AuditQuery {
        actor: asked.actor,
        action: asked.action,
        subject: asked.subject,
        since: asked.since.map(|moment| moment.0),
        until: asked.until.map(|moment| moment.0),
        after: opened(asked.cursor.as_ref())?,
        limit: limit + 1,
    };
    let entries = app.engine.audit(query).await?;
    let entries = entries.into_iter().map(AuditView::from);
    Ok(Json(behind(entries.collect(), limit, |one: &AuditView| {
        one.id.as_str()
    })))
}
