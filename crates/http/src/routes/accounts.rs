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
use postroom_engine::tokens::TokenAsk;
use postroom_model::account::Account;
use postroom_model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
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

/// What a token is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct TokenAsked {
    /// Scopes of one resource: names of Graph's, or with their resource, like
    /// `https://outlook.office.com/IMAP.AccessAsUser.All`. An application's token takes
    /// `{resource}/.default` only. None: the token that Postroom itself uses at Graph.
    #[schema(max_items = 64)]
    scopes: Option<Vec<String>>,
    /// Seconds that the token should be good for at least. One that ends sooner is fetched anew;
    /// how long tokens live is for Microsoft to say, and `expiresAt` is the answer.
    #[schema(maximum = 3600)]
    min_validity: Option<u32>,
}

/// A token for the caller's own calls to Microsoft.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    /// The bearer token.
    access_token: &'a str,
    /// When Microsoft stops taking it.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// What Microsoft says that it is for, where scopes were chosen. It can be more than was asked
    /// for: Microsoft's tokens carry everything that was consented to for their resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [String]>,
}

/// Gives a valid access token for the caller's own use, as it is cached or fetched anew; each
/// hand-out is noted in the call log. `Idempotency-Key` is not taken here, for no answer with a
/// secret is kept.
#[utoipa::path(
    post, path = "/accounts/{id}/token", tag = "accounts",
    request_body = TokenAsked,
    security(("key" = ["tokens"])),
    responses((status = 200, description = "The token", body = Token))
)]
async fn account_token(
    State(app): State<App>,
    May { caller, .. }: May<act::AccountToken>,
    InPath(id): InPath<AccountId>,
    _: Asked<Nothing>,
    Sent { value: asked, .. }: Sent<TokenAsked>,
) -> Answer {
    let ask = TokenAsk {
        scopes: asked.scopes.unwrap_or_default(),
        min_validity: Duration::from_secs(asked.min_validity.unwrap_or_default().into()),
    };
    let handed = app.engine.token_to_hand_on(&caller, &id, &ask).await?;
    let token = Token {
        access_token: handed.token.token.reveal(),
        expires_at: handed.token.expires_at,
        scopes: handed.scopes.as_deref().filter(|scopes| !scopes.is_empty()),
    };
    secret_answer(StatusCode::OK, &token)
}
