//! Keys: what a caller shows to Postroom, and what it may do with it.

use crate::ids::{KeyId, MailboxId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A key as it is kept: its secret only as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Ours.
    pub id: KeyId,
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Which mailboxes it may do that to; `None`: all.
    pub mailboxes: Option<Vec<MailboxId>>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last shown, to the minute or so.
    pub last_used_at: Option<Timestamp>,
}

impl Key {
    /// Whether it still opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether one of its scopes covers `scope`.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|held| held.implies(scope))
    }

    /// Whether its list of mailboxes (if any) has this one.
    pub fn reaches(&self, mailbox: &MailboxId) -> bool {
        self.mailboxes
            .as_ref()
            .is_none_or(|list| list.contains(mailbox))
    }

    /// Whether everything that `other` may do, this one may too: who makes or changes a key never
    /// gives away more than the own.
    pub fn covers(&self, scopes: &[Scope], mailboxes: Option<&[MailboxId]>) -> bool {
        let may = scopes.iter().all(|scope| self.has(*scope));
        let reaches = match (&self.mailboxes, mailboxes) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(asked)) => asked.iter().all(|mailbox| own.contains(mailbox)),
        };
        may && reaches
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Scope {
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
    /// Connections, and which mailboxes are served.
    #[serde(rename = "connections")]
    Connections,
    /// Signing users in.
    #[serde(rename = "logins")]
    Logins,
    /// Access tokens for the caller's own use.
    #[serde(rename = "tokens")]
    Tokens,
    /// The directory.
    #[serde(rename = "people.read")]
    PeopleRead,
    /// Reading mail.
    #[serde(rename = "mail.read")]
    MailRead,
    /// Changing mail.
    #[serde(rename = "mail.write")]
    MailWrite,
    /// Sending mail.
    #[serde(rename = "mail.send")]
    MailSend,
    /// Any Graph call.
    #[serde(rename = "graph")]
    Graph,
    /// The call log.
    #[serde(rename = "calls.read")]
    CallsRead,
    /// What is about to end, and what ended.
    #[serde(rename = "alerts.read")]
    AlertsRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 11] = [
        Self::Admin,
        Self::Connections,
        Self::Logins,
        Self::Tokens,
        Self::PeopleRead,
        Self::MailRead,
        Self::MailWrite,
        Self::MailSend,
        Self::Graph,
        Self::CallsRead,
        Self::AlertsRead,
    ];

    /// Scopes that a key with a mailbox list cannot hold: they reach beyond any mailbox.
    pub const NOT_WITH_MAILBOXES: [Self; 4] = [
        Self::Admin,
        Self::Connections,
        Self::Tokens,
        Self::AlertsRead,
    ];

    /// Whether a key that holds this one may do what `asked` opens.
    pub fn implies(self, asked: Self) -> bool {
        self == asked
            || self == Self::Admin
            || (self == Self::Connections && asked == Self::AlertsRead)
    }

    /// The name that callers see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Connections => "connections",
            Self::Logins => "logins",
            Self::Tokens => "tokens",
            Self::PeopleRead => "people.read",
            Self::MailRead => "mail.read",
            Self::MailWrite => "mail.write",
            Self::MailSend => "mail.send",
            Self::Graph => "graph",
            Self::CallsRead => "calls.read",
            Self::AlertsRead => "alerts.read",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|scope| scope.name()).collect();
                format!(
                    "there is no scope {name:?}; the scopes are {}",
                    known.join(", ")
                )
            })
    }
}
