//! The session of somebody who signed in.

use crate::app::App;
use crate::extract::access::{May, Shown};
use crate::extract::query::{Asked, Nothing};
use crate::problem::Answer;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postroom_engine::access::{Caller, act};
use postroom_engine::persons::CsrfToken;
use postroom_engine::{Code, Problem};
use postroom_model::key::Scope;
use postroom_model::person::Role;
use postroom_model::{PersonId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_session))
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionPerson {
    /// Ours.
    id: PersonId,
    /// For people.
    name: String,
    /// The Microsoft sign-in name that was invited.
    address: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
struct SessionView {
    /// Who is signed in.
    person: SessionPerson,
    /// What the person may do.
    role: Role,
    /// The same as scopes. `admin` implies all.
    scopes: Vec<Scope>,
    /// To be sent as the header `X-CSRF-Token` with every call that changes something.
    csrf_token: String,
    /// When it ends unless it is used before.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Shows the session that the call was made with. There is none behind a key; `/keys/self` shows
/// that.
#[utoipa::path(
    get, path = "/session", tag = "persons",
    security(("key" = [])),
    responses((status = 200, description = "The caller's own session", body = SessionView))
)]
async fn get_session(
    State(app): State<App>,
    May { caller, known, .. }: May<act::GetSession>,
    _: Asked<Nothing>,
) -> Answer {
    let (Caller::Person(signed_in), Shown::Session(session)) = (&caller, &known.shown) else {
        return Err(Problem::new(
            Code::NotFound,
            "The call was made without a session: sign in at /signin. /keys/self shows a key.",
        )
        .into());
    };
    let view = SessionView {
        person: SessionPerson {
            id: signed_in.person.id.clone(),
            name: signed_in.person.name.clone(),
            address: signed_in.person.address.clone(),
        },
        role: signed_in.person.role,
        scopes: signed_in.person.role.scopes(),
        csrf_token: CsrfToken::of(session).reveal().to_owned(),
        expires_at: signed_in.ends_at(app.engine.now()),
    };
    let answer: Response = crate::extract::once::secret_answer(StatusCode::OK, &view)?;
    Ok(answer)
}
