//! What Entra remembers: authorization codes, refresh tokens, browser sessions, consent.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::claims::ClaimsRequest;
use super::scope::Scopes;

/// An authorization code's content.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) tenant: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    pub(crate) nonce: Option<String>,
    /// What the sign-in met.
    pub(crate) claims: ClaimsRequest,
    /// The PKCE method (`S256` or `plain`) and challenge.
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) issued: Timestamp,
    pub(crate) redeemed: bool,
}

/// A refresh token's content. It is bound to user and client, not to a resource ("Refresh
/// tokens").
#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) scopes: Scopes,
    pub(crate) acrs: Vec<String>,
    pub(crate) issued: Timestamp,
    /// What it descends from: the first refresh token of the grant.
    pub(crate) family: String,
    pub(crate) used: bool,
    pub(crate) revoked: bool,
}

/// What became of a device code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceAnswer {
    Waiting,
    /// This user signed in.
    Accepted(String),
    Declined,
    Redeemed,
}

/// A device code's content.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) client_id: String,
    pub(crate) tenant: String,
    pub(crate) user_code: String,
    pub(crate) scopes: Scopes,
    pub(crate) issued: Timestamp,
    /// Seconds between two polls.
    pub(crate) interval: i64,
    pub(crate) polled: Option<Timestamp>,
    pub(crate) answer: DeviceAnswer,
}

/// In place of a user's id: an administrator consented for all.
pub(crate) const EVERYBODY: &str = "*";

/// Everything remembered.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) refresh: HashMap<String, Refresh>,
    pub(crate) devices: HashMap<String, Device>,
    /// Browser sessions and the user signed in.
    pub(crate) sessions: HashMap<String, String>,
    /// Consent pages shown and the user each was shown to.
    pub(crate) tickets: HashMap<String, (String, Timestamp)>,
    /// Permissions users consented to themselves, or an administrator for [`EVERYBODY`]: client,
    /// user, permission.
    pub(crate) consent: HashSet<(String, String, String)>,
}

impl Grants {
    /// Ends all a user was granted, as "Revoke sessions" does.
    pub(crate) fn revoke(&mut self, user_id: &str) {
        for refresh in self.refresh.values_mut() {
            if refresh.user_id == user_id {
                refresh.revoked = true;
            }
        }
        self.codes.retain(|_, code| code.user_id != user_id);
        self.devices
            .retain(|_, device| device.answer != DeviceAnswer::Accepted(user_id.to_owned()));
        self.sessions.retain(|_, user| user != user_id);
    }

    /// Ends all that descends from one sign-in, as a server does that finds a refresh token used
    /// twice (RFC 9700, section 4.14.2).
    pub(crate) fn revoke_family(&mut self, family: &str) {
        for refresh in self.refresh.values_mut() {
            if refresh.family == family {
                refresh.revoked = true;
            }
        }
    }

    /// Takes a user's own consent to an application away.
    pub(crate) fn withdraw_consent(&mut self, client_id: &str, user_id: &str) {
        self.consent
            .retain(|(client, user, _)| client != client_id || user != user_id);
    }
}
