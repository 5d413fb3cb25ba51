//! What can become of a call.

use super::refusal::{GraphRefusal, SignInError};
use postroom_model::account::AccountState;
use postroom_model::ports::PortError;
use postroom_model::{AccountId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Why a call came to nothing. The text says what happened and what to do, and has no secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// Graph answered, with a refusal.
    #[error("{0}")]
    Refused(Box<GraphRefusal>),
    /// The sign-in service gave no token.
    #[error("{0}")]
    SignIn(Box<SignInError>),
    /// Microsoft was not reached, or the answer broke off.
    #[error("connection {connection}: {what}{}", doubt(*.doubtful))]
    Network {
        /// The connection's name.
        connection: String,
        /// What happened.
        what: String,
        /// Whether the call may have had its effect.
        doubtful: bool,
    },
    /// The answer is not what Microsoft's reference says.
    #[error("connection {connection}: Microsoft's answer cannot be read: {what}{}", doubt(*.doubtful))]
    Malformed {
        /// The connection's name.
        connection: String,
        /// What is wrong with it.
        what: String,
        /// Whether the call may have had its effect.
        doubtful: bool,
    },
    /// The answer is longer than it may be.
    #[error(
        "connection {connection}: the answer is longer than {limit} bytes; ask for less ($select, $top), or stream it{}",
        doubt(*.doubtful)
    )]
    TooLarge {
        /// The connection's name.
        connection: String,
        /// How long it may be, in bytes.
        limit: usize,
        /// Whether the call may have had its effect.
        doubtful: bool,
    },
    /// Microsoft asked to wait longer than a call waits, or the budget is used up for that long.
    /// Nothing was sent.
    #[error("connection {connection}: Microsoft takes no more calls until {until}; try again then")]
    Throttled {
        /// The connection's name.
        connection: String,
        /// Until when.
        until: Timestamp,
    },
    /// The vault did not do what was asked.
    #[error("the stored credentials cannot be used: {0}")]
    Vault(#[source] Arc<PortError>),
    /// The account has nothing that a token can be got with.
    #[error("connection {connection}: {what}")]
    NoGrant {
        /// The connection's name.
        connection: String,
        /// The account.
        account: AccountId,
        /// What is missing, and what to do.
        what: String,
    },
    /// The connection's credential cannot be shown: where it is to be read from it is not, or it
    /// is not fit for where it would go.
    #[error("connection {connection}: the {kind} cannot be used: {what}")]
    Credential {
        /// The connection's name.
        connection: String,
        /// What kind of credential it is, in words.
        kind: &'static str,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// An address that no call may go to, or a setting that cannot be used.
    #[error("{0}")]
    Address(String),
}

fn doubt(doubtful: bool) -> &'static str {
    if doubtful {
        " (whether it was done is not known: look before trying again)"
    } else {
        ""
    }
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It would fail the same way: somebody has to do something first.
    Never,
    /// Later, and no sooner than in that time where one is named.
    Later(Option<Duration>),
    /// Only after looking whether it was done.
    Look,
}

impl DoorError {
    /// Whether to try again. For [`Self::Throttled`] no time is named here: `until` is on the
    /// clock that the caller holds.
    pub fn again(&self) -> Again {
        if self.is_doubtful() {
            return Again::Look;
        }
        match self {
            Self::Refused(refusal) => refusal.again(),
            Self::SignIn(error) if error.transient => Again::Later(error.retry_after),
            Self::SignIn(_) | Self::TooLarge { .. } | Self::NoGrant { .. } | Self::Address(_) => {
                Again::Never
            }
            Self::Network { .. }
            | Self::Malformed { .. }
            | Self::Throttled { .. }
            | Self::Credential { .. }
            | Self::Vault(_) => Again::Later(None),
        }
    }

    /// Whether the call may have had its effect although it failed.
    pub fn is_doubtful(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.doubtful,
            Self::Network { doubtful, .. }
            | Self::Malformed { doubtful, .. }
            | Self::TooLarge { doubtful, .. } => *doubtful,
            Self::SignIn(_)
            | Self::Throttled { .. }
            | Self::Vault(_)
            | Self::NoGrant { .. }
            | Self::Credential { .. }
            | Self::Address(_) => false,
        }
    }

    /// The state that this error puts the account in, where it ends its grant. Only a refused
    /// grant does; a lost network never.
    pub fn ends_grant(&self) -> Option<AccountState> {
        match self {
            Self::SignIn(error) => error.ends_grant,
            _ => None,
        }
    }

    /// Graph's refusal, if it is one.
    pub fn refusal(&self) -> Option<&GraphRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The status of Graph's refusal.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Whether Microsoft says that what was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }
}
