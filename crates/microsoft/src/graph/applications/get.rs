//! `GET /applications(appId='{id}')` (Graph, *Get application*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity, Priority};
use postroom_model::Timestamp;
use serde::Deserialize;

/// What is read of an application object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Application {
    /// The object's id, which is not the application (client) id.
    pub id: String,
    /// Its name.
    pub display_name: Option<String>,
    /// Its client secrets, without their values.
    pub password_credentials: Vec<PasswordCredential>,
    /// Its certificates.
    pub key_credentials: Vec<KeyCredential>,
}

/// A client secret, without its value (Graph, *passwordCredential resource type*).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PasswordCredential {
    /// Its id.
    pub key_id: Option<String>,
    /// Its description.
    pub display_name: Option<String>,
    /// Its value's first three characters.
    pub hint: Option<String>,
    /// When it ends.
    pub end_date_time: Option<Timestamp>,
}

/// A certificate (Graph, *keyCredential resource type*).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyCredential {
    /// Its id.
    pub key_id: Option<String>,
    /// Its name.
    pub display_name: Option<String>,
    /// Binary data that it is known by: the thumbprint, in base64.
    pub custom_key_identifier: Option<String>,
    /// When it ends.
    pub end_date_time: Option<Timestamp>,
}

/// The application with this application (client) id. Least permission: `Application.Read.All`;
/// for an application that owns itself `Application.ReadWrite.OwnedBy`.
///
/// # Errors
///
/// As [`Door::send`]; 403 `Authorization_RequestDenied` without the permission, 404
/// `Request_ResourceNotFound` when the tenant has no such application.
pub async fn get(
    door: &Door,
    who: &Identity,
    client_id: &str,
    priority: Priority,
) -> Result<Application, DoorError> {
    let path = GraphPath::by_key("applications", "appId", client_id).query(
        "$select",
        "id,displayName,passwordCredentials,keyCredentials",
    );
    door.send(who, GraphRequest::get(path).priority(priority))
        .await?
        .json()
}
