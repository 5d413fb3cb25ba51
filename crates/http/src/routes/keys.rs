//! Keys for callers.

use super::Deleted;
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::once::secret_answer;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Moment, nullable};
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use crate::trail::Trail;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::Problem;
use postroom_engine::access::act;
use postroom_engine::keys::{KeyChange, NewKey};
use postroom_model::key::{Key, Scope};
use postroom_model::{KeyId, MailboxId, Network, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_keys, create_key))
        .routes(routes!(change_key, revoke_key))
        .routes(routes!(get_own_key))
}

/// A key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Key)]
struct KeyView {
    /// Ours.
    id: KeyId,
    /// For people.
    name: String,
    /// The key itself: there once, in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// What it may do.
    scopes: Vec<Scope>,
    /// Which mailboxes it may do that to; `null`: all.
    mailboxes: Option<Vec<MailboxId>>,
    /// From where it opens anything, in CIDR notation; `null`: from anywhere.
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Vec<Network>>,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last shown, to the minute or so.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl From<&Key> for KeyView {
    fn from(key: &Key) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            key: None,
            scopes: key.scopes.clone(),
            mailboxes: key.mailboxes.clone(),
            networks: key.networks.clone(),
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewKey)]
struct NewKeyBody {
    /// For people.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// Mailboxes by id or address; left out or `null`: all. A key with a list holds none of
    /// `admin`, `connections`, `connections.read`, `tokens`, `alerts.read`, `audit.read`.
    mailboxes: Option<Vec<String>>,
    /// IPv4 or IPv6 networks (`10.1.0.0/16`, `2001:db8::/32`) or single addresses, from which it
    /// opens anything; left out or `null`: from anywhere. From elsewhere it is answered as a key
    /// that nobody knows.
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Vec<Network>>,
    /// When it ends: RFC 3339 or a plain date.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Moment>,
}

/// What is to be changed of a key. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = KeyChange)]
struct KeyChangeBody {
    /// For people.
    name: Option<String>,
    /// What it may do.
    scopes: Option<Vec<Scope>>,
    /// Mailboxes by id or address; `null`: all.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    mailboxes: Option<Option<Vec<String>>>,
    /// Networks in CIDR notation; `null`: from anywhere.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Option<Vec<Network>>>,
    /// When it ends; `null`: never.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    expires_at: Option<Option<Moment>>,
}

/// Lists the keys, the newest first.
#[utoipa::path(
    get, path = "/keys", tag = "keys", params(Part),
    security(("key" = ["admin"])),
    responses((status = 200, description = "A page of keys", body = Page<KeyView>))
)]
async fn list_keys(
    State(app): State<App>,
    _: May<act::ListKeys>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<KeyView>>> {
    let mut all = app.engine.keys().await?;
    all.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    let all = all.iter().map(KeyView::from).collect();
    Ok(Json(cut(all, &part, |one| one.id.as_str())?))
}

/// Makes a key. The answer has its text, once. `Idempotency-Key` is not taken here, for no answer
/// with a secret is kept.
#[utoipa::path(
    post, path = "/keys", tag = "keys", request_body = NewKeyBody,
    security(("key" = ["admin"])),
    responses((status = 201, description = "The key with its text", body = KeyView))
)]
async fn create_key(
    State(app): State<App>,
    May { caller, .. }: May<act::CreateKey>,
    trail: Trail,
    _: Asked<Nothing>,
    sent: Sent<NewKeyBody>,
) -> Answer {
    let body = sent.value;
    let new = NewKey {
        name: body.name,
        scopes: body.scopes,
        mailboxes: body.mailboxes,
        networks: body.networks,
        expires_at: body.expires_at.map(|moment| moment.0),
    };
    let (key, text) = app.engine.create_key(&caller, new).await?;
    let view = KeyView::from(&key);
    trail.made(&serde_json::to_value(&view).unwrap_or_default());
    let view = KeyView {
        key: Some(text.reveal().to_owned()),
        ..view
    };
    secret_answer(StatusCode::CREATED, &view)
}

/// Changes a key, at once for whoever shows it.
#[utoipa::path(
    patch, path = "/keys/{id}", tag = "keys", request_body = KeyChangeBody,
    security(("key" = ["admin"])),
    responses((status = 200, description = "The key as it is now", body = KeyView))
)]
async fn change_key(
    State(app): State<App>,
    May { caller, .. }: May<act::ChangeKey>,
    InPath(id): InPath<KeyId>,
    _: Asked<Nothing>,
    sent: Sent<KeyChangeBody>,
) -> Answer {
    let body = sent.value;
    let change = KeyChange {
        name: body.name,
        scopes: body.scopes,
        mailboxes: body.mailboxes,
        networks: body.networks,
        expires_at: body.expires_at.map(|end| end.map(|moment| moment.0)),
    };
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let key = engine.change_key(&by, &id, change).await?;
        Ok(KeyView::from(&key))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Revokes a key, at once.
#[utoipa::path(
    delete, path = "/keys/{id}", tag = "keys",
    security(("key" = ["admin"])),
    responses((status = 200, description = "It opens nothing any more", body = Deleted))
)]
async fn revoke_key(
    State(app): State<App>,
    May { caller, .. }: May<act::RevokeKey>,
    InPath(id): InPath<KeyId>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        engine.revoke_key(&by, &id).await?;
        Ok(Deleted::of(id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Shows the key that the call was made with: what it may do, and until when.
#[utoipa::path(
    get, path = "/keys/self", tag = "keys",
    security(("key" = [])),
    responses((status = 200, description = "The caller's own key", body = KeyView))
)]
async fn get_own_key(
    May { caller, .. }: May<act::GetOwnKey>,
    _: Asked<Nothing>,
) -> Answer<Json<KeyView>> {
    let key = caller.key().ok_or_else(|| {
        Problem::invalid("The call was made without a key; /session shows a session.")
    })?;
    Ok(Json(key.into()))
}
