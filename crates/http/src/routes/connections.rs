//! Connections: app registrations in tenants.

use super::credentials::{CredentialBody, CredentialView};
use super::{Deleted, filled};
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::nullable;
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::Problem;
use postroom_engine::access::act;
use postroom_engine::connections::{ConnectionChange, NewConnection};
use postroom_model::cloud::Cloud;
use postroom_model::connection::{Connection, Endpoints};
use postroom_model::{ConnectionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_connections, add_connection))
        .routes(routes!(
            get_connection,
            change_connection,
            remove_connection
        ))
}

/// One app registration in one tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Connection)]
pub(super) struct ConnectionView {
    /// Ours.
    id: ConnectionId,
    /// For people; unique. Works in place of the id in every path.
    name: String,
    /// The tenant's GUID or a verified domain of it.
    tenant_id: String,
    /// The app registration's application (client) id.
    client_id: String,
    /// The cloud that the addresses come from where they are not given.
    cloud: Cloud,
    /// The root of the sign-in service.
    authority_url: String,
    /// The root of Graph.
    graph_url: String,
    /// Endpoints set by hand.
    endpoints: Endpoints,
    /// Where a browser comes back to; `null`: this server's `/auth/callback`.
    redirect_uri: Option<String>,
    /// What a sign-in asks for.
    scopes: Vec<String>,
    /// What may be told of its credentials.
    credentials: Vec<CredentialView>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl ConnectionView {
    fn of(connection: Connection, now: Timestamp) -> Self {
        let credentials = connection.credentials.iter();
        Self {
            credentials: credentials
                .map(|info| CredentialView::of(info, now))
                .collect(),
            id: connection.id,
            name: connection.name,
            tenant_id: connection.tenant_id,
            client_id: connection.client_id,
            cloud: connection.cloud,
            authority_url: connection.authority_url,
            graph_url: connection.graph_url,
            endpoints: connection.endpoints,
            redirect_uri: connection.redirect_uri,
            scopes: connection.scopes,
            created_at: connection.created_at,
        }
    }
}

/// A connection to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewConnection)]
struct AddBody {
    /// For people; unique.
    name: String,
    /// The tenant's GUID or a verified domain of it; `consumers` for personal Microsoft accounts.
    tenant_id: String,
    /// The app registration's application (client) id.
    client_id: String,
    /// How the application proves itself. With a credential, the connection has an application
    /// account from the start (but for personal accounts); without one it is a public client, for
    /// signed-in users only.
    credential: Option<CredentialBody>,
    /// The cloud; `global` unless given.
    cloud: Option<Cloud>,
    /// The root of the sign-in service in place of the cloud's. Outside the known clouds it needs
    /// the scope `admin`; plain `http` is for loopback only.
    authority_url: Option<String>,
    /// The root of Graph in place of the cloud's; likewise.
    graph_url: Option<String>,
    /// Single endpoints in place of the discovery document's; likewise.
    endpoints: Option<Endpoints>,
    /// Where a browser comes back to, in place of this server's `/auth/callback`.
    redirect_uri: Option<String>,
    /// What a sign-in asks for, in place of `User.Read Mail.ReadWrite Mail.Send`.
    scopes: Option<Vec<String>>,
}

/// What is to be changed of a connection. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConnectionChange)]
struct ChangeBody {
    /// See adding.
    name: Option<String>,
    /// See adding.
    tenant_id: Option<String>,
    /// See adding.
    client_id: Option<String>,
    /// Replaces every credential that is there.
    credential: Option<CredentialBody>,
    /// See adding.
    cloud: Option<Cloud>,
    /// See adding. A change to an address outside the known clouds ends the connection's grants,
    /// and its credentials unless one is sent in the same call.
    authority_url: Option<String>,
    /// Likewise.
    graph_url: Option<String>,
    /// Replaces all four.
    endpoints: Option<Endpoints>,
    /// `null` goes back to this server's `/auth/callback`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    redirect_uri: Option<Option<String>>,
    /// See adding.
    scopes: Option<Vec<String>>,
}

/// Lists the connections, the newest first.
#[utoipa::path(
    get, path = "/connections", tag = "connections", params(Part),
    security(("key" = ["connections.read"])),
    responses((status = 200, description = "A page of connections", body = Page<ConnectionView>))
)]
async fn list_connections(
    State(app): State<App>,
    _: May<act::ListConnections>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<ConnectionView>>> {
    let now = app.engine.now();
    let mut all = app.engine.connections().await?;
    all.sort_by_key(|connection| std::cmp::Reverse(connection.created_at));
    let all = all.into_iter().map(|one| ConnectionView::of(one, now));
    Ok(Json(cut(all.collect(), &part, |one| one.id.as_str())?))
}

/// Adds a connection.
#[utoipa::path(
    post, path = "/connections", tag = "connections", request_body = AddBody,
    security(("key" = ["connections"])),
    responses((status = 201, description = "The connection", body = ConnectionView))
)]
async fn add_connection(
    State(app): State<App>,
    May { caller, .. }: May<act::AddConnection>,
    _: Asked<Nothing>,
    sent: Sent<AddBody>,
) -> Answer {
    let body = sent.value;
    let new = NewConnection {
        name: body.name,
        tenant_id: body.tenant_id,
        client_id: body.client_id,
        credential: body.credential.map_or(Ok(None), CredentialBody::taken)?,
        cloud: body.cloud.unwrap_or_default(),
        authority_url: filled(body.authority_url),
        graph_url: filled(body.graph_url),
        endpoints: body.endpoints.unwrap_or_default(),
        redirect_uri: filled(body.redirect_uri),
        scopes: body.scopes,
    };
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let added = engine.add_connection(&by, new).await?;
        Ok(ConnectionView::of(added, engine.now()))
    };
    sent.once
        .run(&app, &caller, StatusCode::CREATED, work)
        .await
}

/// Shows a connection.
#[utoipa::path(
    get, path = "/connections/{id}", tag = "connections",
    security(("key" = ["connections.read"])),
    responses((status = 200, description = "The connection", body = ConnectionView))
)]
async fn get_connection(
    State(app): State<App>,
    _: May<act::GetConnection>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
) -> Answer<Json<ConnectionView>> {
    let connection = app.engine.connection(&named).await?;
    Ok(Json(ConnectionView::of(connection, app.engine.now())))
}

/// Changes what is given of a connection, its secret among it.
#[utoipa::path(
    patch, path = "/connections/{id}", tag = "connections", request_body = ChangeBody,
    security(("key" = ["connections"])),
    responses((status = 200, description = "The connection as it is now", body = ConnectionView))
)]
async fn change_connection(
    State(app): State<App>,
    May { caller, .. }: May<act::ChangeConnection>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<ChangeBody>,
) -> Answer {
    let change = sent.value.taken()?;
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let id = engine.connection(&named).await?.id;
        let changed = engine.change_connection(&by, &id, change).await?;
        Ok(ConnectionView::of(changed, engine.now()))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

impl ChangeBody {
    fn taken(self) -> Result<ConnectionChange, Problem> {
        Ok(ConnectionChange {
            name: self.name,
            tenant_id: self.tenant_id,
            client_id: self.client_id,
            credential: self.credential.map_or(Ok(None), CredentialBody::taken)?,
            cloud: self.cloud,
            authority_url: filled(self.authority_url),
            graph_url: filled(self.graph_url),
            endpoints: self.endpoints,
            redirect_uri: self.redirect_uri.map(filled),
            scopes: self.scopes,
        })
    }
}

/// Removes a connection with its accounts, its mailboxes and their mirrors. Nothing happens at
/// Microsoft.
#[utoipa::path(
    delete, path = "/connections/{id}", tag = "connections",
    security(("key" = ["connections"])),
    responses((status = 200, description = "It is removed", body = Deleted))
)]
async fn remove_connection(
    State(app): State<App>,
    May { caller, .. }: May<act::RemoveConnection>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let id = engine.connection(&named).await?.id;
        engine.remove_connection(&by, &id).await?;
        Ok(Deleted::of(id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::body::parse;

    fn change(json: &str) -> Result<ConnectionChange, Problem> {
        parse::<ChangeBody>(json.as_bytes())?.taken()
    }

    #[test]
    fn null_is_not_the_same_as_nothing() {
        let nothing = change("{}").expect("a change");
        assert_eq!(nothing.redirect_uri, None);
        let null = change(r#"{"redirectUri": null}"#).expect("a change");
        assert_eq!(null.redirect_uri, Some(None));
        let given = change(r#"{"redirectUri": "https://a.example/x"}"#).expect("a change");
        assert_eq!(given.redirect_uri, Some(Some("https://a.example/x".into())));
    }

    #[test]
    fn an_empty_credential_is_none() {
        for json in [
            r#"{"credential": {}}"#,
            r#"{"credential": {"secret": ""}}"#,
            r#"{"credential": null}"#,
        ] {
            assert!(change(json).is_ok_and(|change| change.credential.is_none()));
        }
    }
}
