//! Who may do what: the one door for callers. Every entrance asks here, and nowhere else.
//!
//! - [`actions`]: every call there is, with what it needs and how it is audited: one table.
//! - [`authorize`]: whether a caller may. One function for every entrance.
//! - [`caller`]: who calls; `authenticate`: the key behind a text.

use std::net::IpAddr;

pub mod actions;
mod authenticate;
pub mod authorize;
pub mod caller;
mod failures;
mod keyring;
mod secret;
mod usage;

pub use actions::{Act, Action, Needs, Trail, act};
pub use authorize::Target;
pub use caller::{Caller, SignedInPerson};

pub(crate) use failures::{Shown, source};
pub(crate) use secret::{KEY, SESSION, SIGN_IN, is_secret};

/// Where a call comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The caller's address; `None` where it is not known, or within the own process.
    pub address: Option<IpAddr>,
    /// The call's id, as the log names it.
    pub request_id: Option<String>,
}

/// What access remembers between calls: keys, when they were used, and who failed how often.
#[derive(Debug, Default)]
pub(crate) struct AccessState {
    keyring: keyring::Keyring,
    usage: usage::Usage,
    failures: failures::Failures,
    /// Keys are changed by one at a time.
    pub(crate) changing_keys: tokio::sync::Mutex<()>,
}

impl AccessState {
    /// Says in the log what was counted and not said yet.
    pub(crate) fn say_rest(&self, now: postroom_model::Timestamp) {
        self.failures.say_rest(now);
    }
}
