//! What an account holds of Microsoft: its refresh token and its access token.

use crate::secret::Secret;
use jiff::Timestamp;

/// A user's grant as it lies in the vault. An application account has none: its credential is
/// enough.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The newest refresh token. Microsoft gives a new one at every use and does not revoke the
    /// old one by that (entra-docs, `refresh-tokens.md`).
    pub refresh_token: Secret,
    /// What Microsoft said was granted.
    pub scopes: Vec<String>,
    /// When the refresh token was received; it lives 90 days from its last use.
    pub received_at: Timestamp,
}

/// An access token. It lives in memory only.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The bearer token.
    pub token: Secret,
    /// When Microsoft stops taking it.
    pub expires_at: Timestamp,
    /// From when on a new one should be fetched.
    pub refresh_at: Timestamp,
}
