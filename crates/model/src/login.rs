//! A sign-in under way.

use crate::ids::{AccountId, ConnectionId, KeyId, LoginId};
use crate::secret::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A sign-in that a caller began and a user has to finish.
#[derive(Clone, Debug)]
pub struct Login {
    /// Ours.
    pub id: LoginId,
    /// The connection that the user signs in through.
    pub connection: ConnectionId,
    /// The key of the caller that began it; `None` for the command line.
    pub key: Option<KeyId>,
    /// How it stands.
    pub status: LoginStatus,
    /// The page that the user has to open.
    pub authorize_url: String,
    /// The redirect URI that was sent, to be repeated when the code is redeemed (RFC 6749,
    /// section 4.1.3).
    pub redirect_uri: String,
    /// What ties the redirect to this sign-in.
    pub state: Secret,
    /// What ties the ID token to it (OpenID Connect Core, section 3.1.2.1).
    pub nonce: Secret,
    /// The PKCE verifier (RFC 7636).
    pub verifier: Secret,
    /// The code to be typed, where the user signs in on another device; then there is no
    /// `authorize_url` and no redirect URI.
    pub device: Option<DeviceCode>,
    /// The account that came of it.
    pub account: Option<AccountId>,
    /// Why it failed, in words for people.
    pub error: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it is over if nobody finishes it.
    pub expires_at: Timestamp,
}

/// A code that a user types on another device (RFC 8628).
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What Microsoft is asked with whether the user has finished.
    pub device_code: Secret,
    /// What the user types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Both in a sentence, in Microsoft's words.
    pub message: Option<String>,
    /// The pause between two polls that Microsoft asked for at the beginning.
    pub interval: Duration,
}

/// How a sign-in stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum LoginStatus {
    /// The user has not finished.
    Pending,
    /// An account came of it.
    Completed,
    /// Microsoft or the user said no.
    Failed,
    /// Nobody finished it in time.
    Expired,
}

impl LoginStatus {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}
