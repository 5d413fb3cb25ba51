//! Trying a connection.

use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::Sent;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::problem::Answer;
use crate::routes::filled;
use axum::Json;
use axum::extract::State;
use postroom_engine::access::act;
use postroom_engine::checks;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check_connection))
}

/// What a check looks at besides the connection itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCheck)]
struct CheckBody {
    /// Whether to prove that the application is limited to chosen mailboxes. Naming one of the two
    /// below asks for it, too.
    limit: Option<bool>,
    /// A mailbox that the application has to reach, by address or id; unless given, one that is
    /// served through the application.
    inside_mailbox: Option<String>,
    /// A mailbox that it must not reach; unless given, one of the directory that is not served.
    outside_mailbox: Option<String>,
}

/// What a check of a connection found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// Whether no essential step failed.
    ok: bool,
    /// The steps in order.
    steps: Vec<CheckStep>,
    /// What became of proving the application's limit; `null` where that was not asked for.
    limit: Option<LimitReport>,
}

/// One step of a check.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckStep {
    /// Which step: `authority`, `tenant`, `application`, `credential`, `credential:ID` for each of
    /// several, `clock`, `permissions`, `graph`, `feature:NAME` for each that is in use
    /// (`feature:mail.read`), `redirectUri`, `users`, `limit`, `limit:entra`.
    name: String,
    /// `null`: it could not be tried.
    ok: Option<bool>,
    /// `false`: the connection can be well although this step failed.
    essential: bool,
    /// What Microsoft said no with: `AADSTS...` or Graph's code.
    code: Option<String>,
    /// What was seen.
    detail: String,
    /// What to do, when it is not well.
    hint: Option<String>,
    /// The page of Microsoft's admin center where it is done.
    link: Option<String>,
}

/// What proving the application's limit came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LimitReport {
    /// The result.
    result: LimitResult,
    /// The mailbox that has to answer.
    inside: Option<LimitAnswer>,
    /// The mailbox that has to be refused.
    outside: Option<LimitAnswer>,
}

/// Whether the application is limited: `proven`, inside answers and outside is refused;
/// `notLimited`, outside is read; `readingOnly`, reading is, and the token carries another permission
/// that reaches every mailbox; `insideRefused`, inside is refused as well; `undecided`, another
/// answer came, which says nothing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum LimitResult {
    /// Inside answers, outside is refused.
    Proven,
    /// Outside is read.
    NotLimited,
    /// Outside is refused, but the token carries another permission that reaches every mailbox.
    ReadingOnly,
    /// Both are refused.
    InsideRefused,
    /// Another answer came, which says nothing.
    Undecided,
}

/// How a mailbox answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LimitAnswer {
    /// The mailbox.
    mailbox: String,
    /// Microsoft's HTTP status; `null` when there was no answer.
    status: Option<u16>,
    /// Microsoft's code, where it refused.
    code: Option<String>,
}

impl From<checks::CheckReport> for Check {
    fn from(report: checks::CheckReport) -> Self {
        Self {
            ok: report.ok,
            steps: report.steps.into_iter().map(CheckStep::from).collect(),
            limit: report.limit.map(LimitReport::from),
        }
    }
}

impl From<checks::CheckStep> for CheckStep {
    fn from(step: checks::CheckStep) -> Self {
        Self {
            name: step.name,
            ok: step.ok,
            essential: step.essential,
            code: step.code,
            detail: step.detail,
            hint: step.hint,
            link: step.link,
        }
    }
}

impl From<checks::LimitReport> for LimitReport {
    fn from(report: checks::LimitReport) -> Self {
        let answer = |answer: checks::LimitAnswer| LimitAnswer {
            mailbox: answer.mailbox,
            status: answer.status,
            code: answer.code,
        };
        Self {
            result: match report.result {
                checks::LimitResult::Proven => LimitResult::Proven,
                checks::LimitResult::NotLimited => LimitResult::NotLimited,
                checks::LimitResult::ReadingOnly => LimitResult::ReadingOnly,
                checks::LimitResult::InsideRefused => LimitResult::InsideRefused,
                checks::LimitResult::Undecided => LimitResult::Undecided,
            },
            inside: report.inside.map(answer),
            outside: report.outside.map(answer),
        }
    }
}

/// Tries a connection step by step and says of each what is wrong and what to do, and where in
/// Microsoft's admin center. Finding faults is no failure: the answer is 200 and `ok` is false.
/// Nothing is written at Microsoft.
///
/// With `limit`, it proves that the application is limited to chosen mailboxes: one inside answers,
/// one outside is refused.
#[utoipa::path(
    post, path = "/connections/{id}/check", tag = "connections", request_body = CheckBody,
    security(("key" = ["connections"])),
    responses((status = 200, description = "What was found", body = Check))
)]
async fn check_connection(
    State(app): State<App>,
    _: May<act::CheckConnection>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<CheckBody>,
) -> Answer<Json<Check>> {
    let body = sent.value;
    let ask = checks::CheckAsk {
        limit: body.limit.unwrap_or_default(),
        inside_mailbox: filled(body.inside_mailbox),
        outside_mailbox: filled(body.outside_mailbox),
    };
    let id = app.engine.connection(&named).await?.id;
    let report = app
        .while_open(app.engine.check_connection(&id, &ask))
        .await?;
    Ok(Json(report.into()))
}
