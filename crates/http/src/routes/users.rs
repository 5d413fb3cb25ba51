//! People: the tenant's directory, in Microsoft's own JSON.

use crate::app::App;
use crate::extract::access::May;
use crate::extract::path::InPath;
use crate::extract::query::Asked;
use crate::extract::values::{Limit, Names, limit};
use crate::files::{OCTET_STREAM, clean_type, small_file};
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use postroom_engine::access::act;
use postroom_engine::people::{PeopleQuery, PeopleVia};
use postroom_engine::{Engine, Problem};
use postroom_model::AccountId;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(get_user))
        .routes(routes!(get_user_photo))
        .routes(routes!(list_user_licenses))
        .routes(routes!(list_user_groups))
        .routes(routes!(get_user_manager))
}

/// An object of Microsoft's directory: Microsoft's reference has its properties. What begins with
/// `@odata` is left out.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
struct DirectoryObject(Value);

impl DirectoryObject {
    fn id(&self) -> &str {
        self.0.get("id").and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListUsers {
    /// Part of a name or address.
    search: Option<String>,
    /// Properties to bring, separated by commas; Microsoft's default set unless given.
    #[param(value_type = Option<String>)]
    fields: Option<Names>,
    /// Asks as this signed-in user instead of as the application.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct As {
    /// Asks as this signed-in user instead of as the application.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct AskPhoto {
    /// Microsoft's sizes, like `48x48` or `648x648`; the largest unless given.
    size: Option<String>,
    /// Asks as this signed-in user instead of as the application.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct PartAs {
    /// Asks as this signed-in user instead of as the application.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

async fn via(
    engine: &Engine,
    connection: &str,
    account: Option<AccountId>,
) -> Result<PeopleVia, Problem> {
    Ok(PeopleVia {
        connection: engine.connection(connection).await?.id,
        account,
    })
}

/// Lists the tenant's users; as a signed-in user, those that Microsoft shows to that user. A key
/// with a mailbox list sees the owners of its mailboxes.
#[utoipa::path(
    get, path = "/connections/{id}/users", tag = "people", params(ListUsers),
    security(("key" = ["people.read"])),
    responses((status = 200, description = "A page of users", body = Page<DirectoryObject>))
)]
async fn list_users(
    State(app): State<App>,
    May { caller, .. }: May<act::ListUsers>,
    InPath(connection): InPath<String>,
    Asked(asked): Asked<ListUsers>,
) -> Answer<Json<Page<DirectoryObject>>> {
    let via = via(&app.engine, &connection, asked.account).await?;
    let query = PeopleQuery {
        search: asked.search,
        fields: asked.fields.map(|names| names.0),
        limit: limit(asked.limit),
        cursor: asked.cursor,
    };
    let page = app.engine.people(&caller, &via, query).await?;
    Ok(Json(Page {
        value: page.value.into_iter().map(DirectoryObject).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Shows a user, by id or sign-in name.
#[utoipa::path(
    get, path = "/connections/{id}/users/{uid}", tag = "people", params(As),
    security(("key" = ["people.read"])),
    responses((status = 200, description = "The user", body = DirectoryObject))
)]
async fn get_user(
    State(app): State<App>,
    May { caller, .. }: May<act::GetUser>,
    InPath((connection, user)): InPath<(String, String)>,
    Asked(asked): Asked<As>,
) -> Answer<Json<DirectoryObject>> {
    let via = via(&app.engine, &connection, asked.account).await?;
    let user = app.engine.person(&caller, &via, &user).await?;
    Ok(Json(DirectoryObject(user)))
}

/// Gives a user's picture.
#[utoipa::path(
    get, path = "/connections/{id}/users/{uid}/photo", tag = "people", params(AskPhoto),
    security(("key" = ["people.read"])),
    responses((status = 200, description = "The picture", content_type = "image/jpeg"))
)]
async fn get_user_photo(
    State(app): State<App>,
    May { caller, .. }: May<act::GetUserPhoto>,
    InPath((connection, user)): InPath<(String, String)>,
    Asked(asked): Asked<AskPhoto>,
) -> Answer<Response> {
    let via = via(&app.engine, &connection, asked.account).await?;
    let size = asked.size.as_deref();
    let photo = app.engine.person_photo(&caller, &via, &user, size);
    let (media_type, bytes) = photo.await?;
    let media_type = clean_type(&media_type);
    let media_type = if media_type.starts_with("image/") {
        media_type.as_str()
    } else {
        OCTET_STREAM
    };
    let ending = match media_type {
        "image/png" => "png",
        "image/gif" => "gif",
        _ => "jpg",
    };
    Ok(small_file(&format!("photo.{ending}"), media_type, bytes))
}

/// Lists a user's licences.
#[utoipa::path(
    get, path = "/connections/{id}/users/{uid}/licenses", tag = "people", params(PartAs),
    security(("key" = ["people.read"])),
    responses((status = 200, description = "Licences", body = Page<DirectoryObject>))
)]
async fn list_user_licenses(
    State(app): State<App>,
    May { caller, .. }: May<act::ListUserLicenses>,
    InPath((connection, user)): InPath<(String, String)>,
    Asked(asked): Asked<PartAs>,
) -> Answer<Json<Page<DirectoryObject>>> {
    let via = via(&app.engine, &connection, asked.account).await?;
    let all = app.engine.person_licenses(&caller, &via, &user).await?;
    page(all, asked.limit, asked.cursor)
}

/// Lists the groups and roles that a user is a member of.
#[utoipa::path(
    get, path = "/connections/{id}/users/{uid}/groups", tag = "people", params(PartAs),
    security(("key" = ["people.read"])),
    responses((status = 200, description = "Groups", body = Page<DirectoryObject>))
)]
async fn list_user_groups(
    State(app): State<App>,
    May { caller, .. }: May<act::ListUserGroups>,
    InPath((connection, user)): InPath<(String, String)>,
    Asked(asked): Asked<PartAs>,
) -> Answer<Json<Page<DirectoryObject>>> {
    let via = via(&app.engine, &connection, asked.account).await?;
    let all = app.engine.person_groups(&caller, &via, &user).await?;
    page(all, asked.limit, asked.cursor)
}

fn page(
    all: Vec<Value>,
    limit: Option<Limit>,
    cursor: Option<String>,
) -> Answer<Json<Page<DirectoryObject>>> {
    let all = all.into_iter().map(DirectoryObject).collect();
    let part = Part { limit, cursor };
    Ok(Json(cut(all, &part, DirectoryObject::id)?))
}

/// Shows a user's manager.
#[utoipa::path(
    get, path = "/connections/{id}/users/{uid}/manager", tag = "people", params(As),
    security(("key" = ["people.read"])),
    responses((status = 200, description = "The manager", body = DirectoryObject))
)]
async fn get_user_manager(
    State(app): State<App>,
    May { caller, .. }: May<act::GetUserManager>,
    InPath((connection, user)): InPath<(String, String)>,
    Asked(asked): Asked<As>,
) -> Answer<Json<DirectoryObject>> {
    let via = via(&app.engine, &connection, asked.account).await?;
    let manager = app.engine.person_manager(&caller, &via, &user).await?;
    Ok(Json(DirectoryObject(manager)))
}
