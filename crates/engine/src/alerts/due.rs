//! How near the end of something is.

use super::watched::{Matter, Watched};
use super::words::{self, Words};
use postroom_model::account::AccountState;
use postroom_model::alert::{AlertSeverity, AlertType, days_between};
use postroom_model::{ConnectionId, Timestamp, alert::AlertSubject};

/// Days ahead of an end at which it is said, the farthest first; once more when it is there.
pub(crate) const LEVELS: [u16; 4] = [60, 30, 7, 1];
/// From this level on it is trouble.
const TROUBLE: u16 = 1;
/// A grant in use is renewed all the time: only one that is not comes so near to its end.
const GRANT_LEVELS: [u16; 2] = [7, 1];

/// What is to be said now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) subject: AlertSubject,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) kind: AlertType,
    pub(crate) severity: AlertSeverity,
    pub(crate) level: u16,
    pub(crate) words: Words,
    pub(crate) expires_at: Option<Timestamp>,
}

/// What is to be said at `now` of something that is watched; nothing while its end is far.
pub(crate) fn due(now: Timestamp, it: &Watched) -> Option<Due> {
    let level = match &it.matter {
        Matter::Credential { end, .. } => level(now, *end, LEVELS)?,
        Matter::Grant { end } => level(now, *end, GRANT_LEVELS)?,
        Matter::Key { end, made } => key_level(now, *end, *made)?,
        Matter::Refused { .. } | Matter::Ended { .. } => 0,
    };
    let is_over = level == 0;
    let kind = match &it.matter {
        Matter::Credential { .. } if is_over => AlertType::CredentialExpired,
        Matter::Credential { .. } => AlertType::CredentialExpiring,
        Matter::Refused { .. } => AlertType::CredentialRefused,
        Matter::Grant { .. } if is_over => AlertType::GrantExpired,
        Matter::Grant { .. } => AlertType::GrantExpiring,
        Matter::Key { .. } if is_over => AlertType::KeyExpired,
        Matter::Key { .. } => AlertType::KeyExpiring,
        Matter::Ended { state, .. } => match state {
            AccountState::Revoked => AlertType::AccountRevoked,
            AccountState::ConsentMissing => AlertType::AccountConsentMissing,
            _ => AlertType::AccountNeedsSignIn,
        },
    };
    Some(Due {
        subject: it.subject.clone(),
        connection: it.connection.as_ref().map(|(id, _)| id.clone()),
        kind,
        severity: if level <= TROUBLE {
            AlertSeverity::Error
        } else {
            AlertSeverity::Warning
        },
        level,
        words: words::of(it, is_over),
        expires_at: it.matter.end(),
    })
}

/// The nearest level that was reached; 0 at the end.
fn level(now: Timestamp, end: Timestamp, levels: impl IntoIterator<Item = u16>) -> Option<u16> {
    if end <= now {
        return Some(0);
    }
    let left = days_between(now, end);
    levels
        .into_iter()
        .filter(|level| left <= i64::from(*level))
        .min()
}

/// A key that was made for a short time needs no warning of what everybody knew: a level counts if
/// it lies in the second half of the key's life.
fn key_level(now: Timestamp, end: Timestamp, made: Timestamp) -> Option<u16> {
    let life = days_between(made, end);
    let levels = LEVELS
        .into_iter()
        .filter(|level| i64::from(*level) * 2 <= life);
    levels.clone().next()?;
    level(now, end, levels)
}
