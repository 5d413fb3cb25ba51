//! A connection: one app registration in one tenant.

use crate::cloud::Cloud;
use crate::ids::{ConnectionId, CredentialId};
use crate::secret::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One app registration in one tenant, with its cloud and addresses. Its credentials' secrets are
/// elsewhere, in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Ours.
    pub id: ConnectionId,
    /// For people; unique.
    pub name: String,
    /// The tenant's GUID or a verified domain of it.
    pub tenant_id: String,
    /// The app registration's application (client) id.
    pub client_id: String,
    /// The cloud that the addresses come from where they are not given.
    pub cloud: Cloud,
    /// The root of the sign-in service, like `https://login.microsoftonline.com`.
    pub authority_url: String,
    /// The root of Graph, like `https://graph.microsoft.com`.
    pub graph_url: String,
    /// Endpoints set by hand in place of the discovery document's.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// Where the browser comes back to after a sign-in. `None`: this server's own
    /// `/auth/callback`.
    pub redirect_uri: Option<String>,
    /// What a sign-in asks for, without the OpenID Connect scopes that are always asked for.
    pub scopes: Vec<String>,
    /// What is known of its credentials.
    #[serde(default)]
    pub credentials: Vec<CredentialInfo>,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// What a sign-in asks for when the connection does not say otherwise: the delegated permissions
/// of what Postroom does with mail and people.
pub const DEFAULT_SCOPES: &[&str] = &["User.Read", "Mail.ReadWrite", "Mail.Send"];

/// Endpoints of the sign-in service. Each one that is given wins over the discovery document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Endpoints {
    /// Where a user signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// Where tokens are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where a device code is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization: Option<String>,
    /// Where the signing keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
}

/// What may be told of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CredentialInfo {
    /// Ours.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// When it ends at Microsoft, as typed in by whoever added it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When it was added here.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

impl CredentialInfo {
    /// Whole days left at `now`, negative when it is over, `None` when nobody told its end.
    pub fn days_left(&self, now: Timestamp) -> Option<i64> {
        self.expires_at
            .map(|end| end.duration_since(now).as_secs().div_euclid(24 * 60 * 60))
    }
}

/// Kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum CredentialKind {
    /// A client secret.
    Secret,
}

/// A credential with its secret, as the vault gives it to the sign-in client.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What may be told of it.
    pub info: CredentialInfo,
    /// The client secret itself.
    pub secret: Secret,
}
