//! An account: an identity that Postroom can act as.

use crate::ids::{AccountId, ConnectionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A signed-in user, or the application itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Ours.
    pub id: AccountId,
    /// The connection it acts through.
    pub connection: ConnectionId,
    /// Who it is.
    pub kind: AccountKind,
    /// The user's object id (`oid`) in the tenant; `None` for the application.
    pub user_id: Option<String>,
    /// The user's sign-in name when last seen. It can change: never a key.
    pub user_principal_name: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// Whether it can act.
    pub state: AccountState,
    /// Why it is in this state, in words for people.
    pub reason: Option<String>,
    /// Since when it is in this state.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
    /// When its grant ends if nobody uses it (a user), or its credential (the application).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
}

/// Who an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AccountKind {
    /// A user that signed in: delegated permissions.
    User,
    /// The application itself: application permissions.
    Application,
}

/// Whether an account can act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AccountState {
    /// It can act.
    Active,
    /// A token is being fetched.
    Refreshing,
    /// The user has to sign in again.
    NeedsSignIn,
    /// The grant was revoked at Microsoft.
    Revoked,
    /// The connection's secret is wrong or over.
    CredentialExpired,
    /// An administrator or the user has not agreed to the permissions.
    ConsentMissing,
}

impl AccountState {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Refreshing => "refreshing",
            Self::NeedsSignIn => "needsSignIn",
            Self::Revoked => "revoked",
            Self::CredentialExpired => "credentialExpired",
            Self::ConsentMissing => "consentMissing",
        }
    }
}
