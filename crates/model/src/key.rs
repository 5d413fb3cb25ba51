//! Keys: what a caller shows to Postroom, and what it may do with it.

use crate::ids::{KeyId, MailboxId};
use crate::network::Network;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

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
    /// From where it opens anything; `None`: from anywhere.
    pub networks: Option<Vec<Network>>,
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

    /// Whether it opens anything for a caller from there. An address that is not known is of no
    /// network.
    pub fn opens_from(&self, address: Option<IpAddr>) -> bool {
        self.networks.as_ref().is_none_or(|networks| {
            address.is_some_and(|address| networks.iter().any(|one| one.contains(address)))
        })
    }

    /// Whether its list of mailboxes (if any) has this one.
    pub fn reaches(&self, mailbox: &MailboxId) -> bool {
        self.mailboxes
            .as_ref()
            .is_none_or(|list| list.contains(mailbox))
    }

    /// Whether everything that `other` may do, this one may too, and from where `other` opens
    /// anything, this one does: who makes or changes a key never gives away more than the own.
    pub fn covers(&self, other: &Self) -> bool {
        let may = other.scopes.iter().all(|scope| self.has(*scope));
        let reaches = match (&self.mailboxes, &other.mailboxes) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(asked)) => asked.iter().all(|mailbox| own.contains(mailbox)),
        };
        let is_within = match (&self.networks, &other.networks) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(asked)) => asked
                .iter()
                .all(|asked| own.iter().any(|own| own.covers(asked))),
        };
        may && reaches && is_within
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
    /// Seeing the connections. Implied by `connections`.
    #[serde(rename = "connections.read")]
    ConnectionsRead,
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
    /// The audit log.
    #[serde(rename = "audit.read")]
    AuditRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 13] = [
        Self::Admin,
        Self::Connections,
        Self::ConnectionsRead,
        Self::Logins,
        Self::Tokens,
        Self::PeopleRead,
        Self::MailRead,
        Self::MailWrite,
        Self::MailSend,
        Self::Graph,
        Self::CallsRead,
        Self::AlertsRead,
        Self::AuditRead,
    ];

    /// Scopes that a key with a mailbox list cannot hold: they reach beyond any mailbox.
    pub const NOT_WITH_MAILBOXES: [Self; 6] = [
        Self::Admin,
        Self::Connections,
        Self::ConnectionsRead,
        Self::Tokens,
        Self::AlertsRead,
        Self::AuditRead,
    ];

    /// Whether who has this one has the other: `admin` implies all, `connections` its reading half
    /// and what is said of it.
    pub fn implies(self, other: Self) -> bool {
        self == other
            || self == Self::Admin
            || (self == Self::Connections
                && matches!(other, Self::ConnectionsRead | Self::AlertsRead))
    }

    /// Whether it only lets see.
    pub fn is_read(self) -> bool {
        self.name().ends_with(".read")
    }

    /// What it opens, in a few words.
    pub fn opens(self) -> &'static str {
        match self {
            Self::Admin => "everything",
            Self::Connections => "connections, their credentials, and which mailboxes are served",
            Self::ConnectionsRead => "seeing the connections; implied by `connections`",
            Self::Logins => "signing users in, and the list of accounts",
            Self::Tokens => "access tokens for the caller's own use",
            Self::PeopleRead => "the tenants' directories",
            Self::MailRead => "mailboxes, messages, folders, attachments, changes",
            Self::MailWrite => "changing messages and folders",
            Self::MailSend => "sending, the outbox",
            Self::Graph => "any other Graph call",
            Self::CallsRead => "the log of calls to Microsoft",
            Self::AlertsRead => "what is about to end, and what ended; implied by `connections`",
            Self::AuditRead => "the audit log",
        }
    }

    /// The name that callers see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Connections => "connections",
            Self::ConnectionsRead => "connections.read",
            Self::Logins => "logins",
            Self::Tokens => "tokens",
            Self::PeopleRead => "people.read",
            Self::MailRead => "mail.read",
            Self::MailWrite => "mail.write",
            Self::MailSend => "mail.send",
            Self::Graph => "graph",
            Self::CallsRead => "calls.read",
            Self::AlertsRead => "alerts.read",
            Self::AuditRead => "audit.read",
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
