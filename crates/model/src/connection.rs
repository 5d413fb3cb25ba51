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

/// What a tenant is called in addresses where personal Microsoft accounts sign in.
pub const CONSUMERS: &str = "consumers";

/// The id of the tenant that personal Microsoft accounts are in (entra-docs,
/// `v2-protocols-oidc.md`).
pub const CONSUMER_TENANT_ID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl Connection {
    /// Whether it is for personal Microsoft accounts. There, an application acts for users only.
    pub fn is_for_consumers(&self) -> bool {
        self.tenant_id == CONSUMERS || self.tenant_id == CONSUMER_TENANT_ID
    }

    /// Whether secrets and tokens of the one may go where those of the other go: the same
    /// application in the same tenant, at the same addresses.
    pub fn goes_where(&self, other: &Self) -> bool {
        let place = |it: &Self| {
            (
                it.id.clone(),
                it.tenant_id.clone(),
                it.client_id.clone(),
                it.authority_url.clone(),
                it.graph_url.clone(),
                it.endpoints.clone(),
            )
        };
        place(self) == place(other)
    }
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
    /// When it ends at Microsoft: of a secret as typed in by whoever added it, of a certificate as
    /// it stands in it. A federated credential has no end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When it was added here.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// Since when Microsoft takes it. Nothing while it never did (a certificate that nobody has
    /// uploaded yet), and when it was refused last where another one was taken.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub taken_at: Option<Timestamp>,
    /// The certificate, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateInfo>,
    /// Where the assertion comes from, when it is a federated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federated: Option<FederatedSource>,
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
    /// A certificate, by which the application signs that it is itself.
    Certificate,
    /// Another issuer's word for it (workload identity federation).
    Federated,
}

impl CredentialKind {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Certificate => "certificate",
            Self::Federated => "federated",
        }
    }

    /// What people call it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Secret => "client secret",
            Self::Certificate => "certificate",
            Self::Federated => "federated credential",
        }
    }
}

/// The public half of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CertificateInfo {
    /// The certificate in PEM, without its key: what is uploaded to the app registration.
    pub pem: String,
    /// SHA-1 of the certificate in hexadecimal capitals, as the Entra admin center shows it.
    pub thumbprint: String,
    /// SHA-256 of the certificate in base64url, as it stands in an assertion's header
    /// (RFC 7515, section 4.1.8).
    pub x5t_s256: String,
    /// Whom it names.
    pub subject: String,
    /// From when on it is good.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub not_before: Timestamp,
}

/// Where another issuer's assertion comes from. It is read anew for each use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum FederatedSource {
    /// A file on the server.
    File {
        /// Its absolute path.
        file: String,
    },
    /// An address that answers with it.
    Url {
        /// `https`, or `http` on this machine.
        url: String,
        /// The names of headers that are sent along. Their values are secret.
        #[serde(default)]
        headers: Vec<String>,
    },
}

/// A credential with its secret, as the vault gives it to the sign-in client.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What may be told of it.
    pub info: CredentialInfo,
    /// The client secret itself; of a certificate its private key (PKCS#8 in PEM); of a federated
    /// credential the headers of its source (a JSON object of texts). Empty where the store cannot
    /// open it.
    pub secret: Secret,
}
