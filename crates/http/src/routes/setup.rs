//! What an administrator does for a connection.

use crate::app::App;
use crate::extract::access::May;
use crate::extract::path::InPath;
use crate::extract::query::Asked;
use crate::files::small_file;
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use postroom_engine::access::act;
use postroom_engine::setup;
use postroom_model::ConnectionId;
use postroom_model::account::AccountKind;
use postroom_model::cloud::Cloud;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_setup))
        .routes(routes!(get_setup_script))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct SetupQuery {
    /// Features to set up in place of those in use, with commas between them: `mail.read`,
    /// `mail.write`, `mail.send`, `people.read`, `people.photos`, `people.licenses`,
    /// `people.groups`, `people.manager`, `credentials.dates`, `profile`.
    features: Option<String>,
    /// The addresses of the mailboxes that the application is to be limited to, with commas between
    /// them; unless given, those that are served through it.
    mailboxes: Option<String>,
}

impl From<SetupQuery> for setup::SetupAsk {
    fn from(query: SetupQuery) -> Self {
        let list = |text: Option<String>| {
            text.map(|text| {
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect()
            })
            .filter(|list: &Vec<String>| !list.is_empty())
        };
        Self {
            features: list(query.features),
            mailboxes: list(query.mailboxes),
        }
    }
}

/// What an administrator does for a connection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Setup {
    /// The connection.
    connection: ConnectionId,
    /// Its name.
    name: String,
    /// Its cloud.
    cloud: Cloud,
    /// The tenant.
    tenant_id: String,
    /// The app registration's application (client) id.
    client_id: String,
    /// Where a sign-in and a consent come back to; it has to be registered.
    redirect_uri: String,
    /// What is in use, and what could be.
    features: Vec<Feature>,
    /// The permissions.
    permissions: Permissions,
    /// Where an administrator consents for the tenant.
    admin_consent: AdminConsent,
    /// `requiredResourceAccess` of the app registration's manifest; `null` where the permissions'
    /// ids are not known for the cloud.
    #[schema(value_type = Option<Object>)]
    manifest: Option<Value>,
    /// The pages of Microsoft's admin center, in the order in which they are needed.
    places: Vec<Place>,
    /// How to limit the application to mailboxes; `null` where it reaches none.
    limit: Option<Limit>,
    /// A letter to an administrator with all of it.
    letter: Letter,
}

/// Something that takes permissions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SetupFeature)]
struct Feature {
    /// Its name, as in the steps of a check.
    name: String,
    /// In words.
    title: String,
    /// By whom.
    kind: AccountKind,
    /// Whether mailboxes of others are among those that users reach.
    shared: bool,
    /// Whether it is in use.
    in_use: bool,
    /// Why so.
    why: String,
}

/// Permissions of Microsoft Graph.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SetupPermissions)]
struct Permissions {
    /// Application permissions that what is in use needs.
    application: Vec<Permission>,
    /// Delegated permissions that what is in use needs.
    delegated: Vec<Permission>,
    /// Application permissions for what is not in use.
    optional_application: Vec<Permission>,
    /// Delegated permissions for what is not in use.
    optional_delegated: Vec<Permission>,
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetupPermission)]
struct Permission {
    /// Its name, as the admin center shows it.
    name: String,
    /// For what.
    why: Vec<String>,
    /// Where it is in the admin center's list.
    place: String,
}

/// Where an administrator consents for the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AdminConsent {
    /// To all that the app registration lists, application permissions among it.
    registered_url: Option<String>,
    /// To the delegated permissions in use, by name.
    delegated_url: Option<String>,
}

/// A page of Microsoft's admin center.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetupPlace)]
struct Place {
    /// The way to it, ending with the button.
    path: String,
    /// Its address, where it has one.
    link: Option<String>,
}

/// The limit of the application to mailboxes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SetupLimit)]
struct Limit {
    /// The mailboxes.
    mailboxes: Vec<String>,
    /// The roles of Exchange that take the place of permissions.
    roles: Vec<String>,
    /// The application permissions that have to go from Entra ID: both are added up.
    permissions_to_remove: Vec<String>,
}

/// A letter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetupLetter)]
struct Letter {
    /// Its subject.
    subject: String,
    /// Plain text.
    text: String,
}

impl From<setup::Setup> for Setup {
    fn from(setup: setup::Setup) -> Self {
        let permissions = |list: Vec<setup::Permission>| -> Vec<Permission> {
            list.into_iter()
                .map(|one| Permission {
                    name: one.name,
                    why: one.why,
                    place: one.place,
                })
                .collect()
        };
        let connection = setup.connection;
        Self {
            connection: connection.id,
            name: connection.name,
            cloud: connection.cloud,
            tenant_id: connection.tenant_id,
            client_id: connection.client_id,
            redirect_uri: setup.redirect_uri,
            features: setup
                .features
                .into_iter()
                .map(|one| Feature {
                    name: one.feature.name().to_owned(),
                    title: one.feature.title().to_owned(),
                    kind: one.kind,
                    shared: one.shared,
                    in_use: one.in_use,
                    why: one.why,
                })
                .collect(),
            permissions: Permissions {
                application: permissions(setup.permissions.application),
                delegated: permissions(setup.permissions.delegated),
                optional_application: permissions(setup.permissions.optional_application),
                optional_delegated: permissions(setup.permissions.optional_delegated),
            },
            admin_consent: AdminConsent {
                registered_url: setup.admin_consent.registered_url,
                delegated_url: setup.admin_consent.delegated_url,
            },
            manifest: setup.manifest,
            places: setup
                .places
                .into_iter()
                .map(|place| Place {
                    path: place.path,
                    link: place.link,
                })
                .collect(),
            limit: setup.limit.map(|limit| Limit {
                mailboxes: limit.mailboxes,
                roles: limit.roles,
                permissions_to_remove: limit.permissions_to_remove,
            }),
            letter: Letter {
                subject: setup.letter.subject,
                text: setup.letter.text,
            },
        }
    }
}

/// Says what an administrator does for a connection: the permissions that are needed and why, the
/// addresses at which to consent, the pages of the admin center, and a letter with all of it.
#[utoipa::path(
    get, path = "/connections/{id}/setup", tag = "connections", params(SetupQuery),
    security(("key" = ["connections"])),
    responses((status = 200, description = "What is to be done", body = Setup))
)]
async fn get_setup(
    State(app): State<App>,
    _: May<act::GetSetup>,
    InPath(named): InPath<String>,
    Asked(query): Asked<SetupQuery>,
) -> Answer<Json<Setup>> {
    let id = app.engine.connection(&named).await?.id;
    let setup = app.engine.setup(&id, &query.into()).await?;
    Ok(Json(setup.into()))
}

/// A PowerShell script that limits the application to chosen mailboxes, by Role Based Access Control
/// for Applications in Exchange Online. `POST .../check` with `limit` proves it afterwards.
#[utoipa::path(
    get, path = "/connections/{id}/setup/script", tag = "connections", params(SetupQuery),
    security(("key" = ["connections"])),
    responses((
        status = 200, description = "The script", content_type = "text/plain", body = String
    ))
)]
async fn get_setup_script(
    State(app): State<App>,
    _: May<act::GetSetupScript>,
    InPath(named): InPath<String>,
    Asked(query): Asked<SetupQuery>,
) -> Answer {
    let id = app.engine.connection(&named).await?.id;
    let ask = query.into();
    let script = app.while_open(app.engine.limit_script(&id, &ask)).await?;
    let file: Response = small_file(
        &script.name,
        "text/plain; charset=us-ascii",
        script.text.into(),
    );
    Ok(file)
}
