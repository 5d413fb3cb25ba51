//! Credentials of a connection: a secret goes in and never comes out.

use super::Deleted;
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::Moment;
use crate::problem::Answer;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::access::act;
use postroom_engine::connections::NewCredential;
use postroom_engine::{Code, Problem};
use postroom_model::connection::{CredentialInfo, CredentialKind};
use postroom_model::{CredentialId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_credential))
        .routes(routes!(remove_credential))
}

/// A credential to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCredential)]
pub(super) struct CredentialBody {
    /// The client secret's value (not its id). Empty is none.
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
    /// When it ends at Microsoft, to be warned ahead of it: RFC 3339 or a plain date.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Moment>,
    /// A certificate. Not built yet: refused with `notYet`.
    #[schema(value_type = Option<String>)]
    certificate: Option<Secret>,
    /// Its private key. Not built yet.
    #[schema(value_type = Option<String>)]
    private_key: Option<Secret>,
}

impl CredentialBody {
    /// What was given; an empty one is none.
    pub(super) fn taken(self) -> Result<Option<NewCredential>, Problem> {
        let given = |secret: &Option<Secret>| secret.as_ref().is_some_and(|one| !one.is_empty());
        if given(&self.certificate) || given(&self.private_key) {
            return Err(Problem::new(
                Code::NotYet,
                "Certificates are promised, but this version takes client secrets only.",
            ));
        }
        let expires_at = self.expires_at.map(|moment| moment.0);
        let secret = self.secret.filter(|secret| !secret.is_empty());
        Ok(secret.map(|secret| NewCredential { secret, expires_at }))
    }
}

/// What may be told of a credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Credential)]
pub(super) struct CredentialView {
    /// Ours.
    id: CredentialId,
    /// What it is.
    kind: CredentialKind,
    /// When it ends at Microsoft, where that was told.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Whole days until then; negative when it is over.
    days_left: Option<i64>,
    /// When it was added here.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl CredentialView {
    pub(super) fn of(info: &CredentialInfo, now: Timestamp) -> Self {
        Self {
            id: info.id.clone(),
            kind: info.kind,
            expires_at: info.expires_at,
            days_left: info.days_left(now),
            created_at: info.created_at,
        }
    }
}

/// Adds a second credential beside the first, for rotation.
#[utoipa::path(
    post, path = "/connections/{id}/credentials", tag = "connections",
    request_body = CredentialBody,
    security(("key" = ["connections"])),
    responses((status = 201, description = "What may be told of it", body = CredentialView))
)]
async fn add_credential(
    State(app): State<App>,
    May { caller, .. }: May<act::AddCredential>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<CredentialBody>,
) -> Answer {
    let credential = sent
        .value
        .taken()?
        .ok_or_else(|| Problem::invalid("The credential has no `secret`."))?;
    let engine = app.engine.clone();
    let work = async move {
        let id = engine.connection(&named).await?.id;
        let added = engine.add_credential(&id, credential).await?;
        Ok(CredentialView::of(&added, engine.now()))
    };
    sent.once
        .run(&app, &caller, StatusCode::CREATED, work)
        .await
}

/// Removes a credential.
#[utoipa::path(
    delete, path = "/connections/{id}/credentials/{cid}", tag = "connections",
    security(("key" = ["connections"])),
    responses((status = 200, description = "It is removed", body = Deleted))
)]
async fn remove_credential(
    State(app): State<App>,
    May { caller, .. }: May<act::RemoveCredential>,
    InPath((named, credential)): InPath<(String, CredentialId)>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let engine = app.engine.clone();
    let work = async move {
        let id = engine.connection(&named).await?.id;
        engine.remove_credential(&id, &credential).await?;
        Ok(Deleted::of(credential))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}
