//! Accounts: signed-in users and the application itself.

use super::Deleted;
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::once::secret_answer;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::access::act;
use postroom_model::account::Account;
use postroom_model::{AccountId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_accounts))
        .routes(routes!(remove_account))
        .routes(routes!(account_token))
}

/// Lists the accounts: who Postroom can act as, and whether it can.
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", params(Part),
    security(("key" = ["logins"])),
    responses((status = 200, description = "A page of accounts", body = Page<Account>))
)]
async fn list_accounts(
    State(app): State<App>,
    May { caller, .. }: May<act::ListAccounts>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<Account>>> {
    let all = app.engine.accounts(&caller).await?;
    Ok(Json(cut(all, &part, |one| one.id.as_str())?))
}

/// Removes an account with its grant and its mailboxes.
#[utoipa::path(
    delete, path = "/accounts/{id}", tag = "accounts",
    security(("key" = ["connections"])),
    responses((status = 200, description = "It is removed", body = Deleted))
)]
async fn remove_account(
    State(app): State<App>,
    May { caller, .. }: May<act::RemoveAccount>,
    InPath(id): InPath<AccountId>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let engine = app.engine.clone();
    let work = async move {
        engine.remove_account(&id).await?;
        Ok(Deleted::of(id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// A token for the caller's own calls to Microsoft.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Token {
    /// The bearer token.
    access_token: String,
    /// When Microsoft stops taking it.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Gives a valid access token for the caller's own use. `Idempotency-Key` is not taken here, for
/// no answer with a secret is kept.
#[utoipa::path(
    post, path = "/accounts/{id}/token", tag = "accounts",
    security(("key" = ["tokens"])),
    responses((status = 200, description = "The token", body = Token))
)]
async fn account_token(
    State(app): State<App>,
    May { caller, .. }: May<act::AccountToken>,
    InPath(id): InPath<AccountId>,
    _: Asked<Nothing>,
    _: Sent<NoBody>,
) -> Answer {
    let token = app.engine.account_token(&caller, &id).await?;
    let token = Token {
        access_token: token.token.reveal().to_owned(),
        expires_at: token.expires_at,
    };
    secret_answer(StatusCode::OK, &token)
}
