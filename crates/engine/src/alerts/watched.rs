//! What is watched, out of everything that is kept.

use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::alert::{AlertSubject, AlertSubjectKind, ApplicationReading};
use postroom_model::connection::{Connection, CredentialInfo, CredentialKind};
use postroom_model::key::Key;
use postroom_model::{ConnectionId, Timestamp};
use std::collections::{HashMap, HashSet};

/// Everything that is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) connections: Vec<Connection>,
    pub(super) accounts: Vec<Account>,
    pub(super) keys: Vec<Key>,
    /// What application objects said last.
    pub(super) readings: Vec<ApplicationReading>,
}

/// Something that ends, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    pub(crate) subject: AlertSubject,
    /// The connection that it belongs to, and its name.
    pub(crate) connection: Option<(ConnectionId, String)>,
    pub(crate) matter: Matter,
}

/// What there is to watch of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// The credential that keeps a connection going for longest, of those that Microsoft takes.
    Credential {
        word: &'static str,
        end: Timestamp,
        source: EndSource,
        client_id: String,
    },
    /// A connection whose credential Microsoft does not accept.
    Refused {
        word: &'static str,
        reason: String,
        client_id: String,
    },
    /// A user's grant, which ends unless it is used.
    Grant { end: Timestamp },
    /// An account that cannot act.
    Ended { state: AccountState, reason: String },
    /// A key.
    Key { end: Timestamp, made: Timestamp },
}

impl Matter {
    /// The end, where there is one to come.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        match self {
            Self::Credential { end, .. } | Self::Grant { end } | Self::Key { end, .. } => {
                Some(*end)
            }
            Self::Refused { .. } | Self::Ended { .. } => None,
        }
    }
}

/// How the end of a credential is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndSource {
    /// Somebody typed it in.
    Typed,
    /// Microsoft's application object has it.
    Read,
    /// The same, but which of its credentials is ours cannot be told: the earliest end was taken.
    Guessed,
}

/// Which of a connection's credentials keeps it going for longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastCredential<'c> {
    /// There is no credential.
    None,
    /// One whose end nobody knows is newer than all whose end is known.
    Unknown,
    /// There is one that has no end: its issuer renews it.
    Endless,
    /// This one, whose end is known.
    Known(&'c CredentialInfo, Timestamp),
}

/// Which of a connection's credentials keeps it going for longest: while that is good, the others
/// may end. Only those count that Microsoft takes: one that nobody has registered there yet would
/// hide the end of the one that is in use. While it is not known of any, the one that ends next
/// counts, for that may be it.
pub(crate) fn last_credential(connection: &Connection, now: Timestamp) -> LastCredential<'_> {
    let all: Vec<_> = connection.credentials.iter().collect();
    let taken: Vec<_> = all
        .iter()
        .copied()
        .filter(|it| it.taken_at.is_some())
        .collect();
    if !taken.is_empty() || all.len() < 2 {
        return longest(if taken.is_empty() { &all } else { &taken });
    }
    let next = all
        .iter()
        .filter_map(|it| Some((*it, it.expires_at?)))
        .filter(|(_, end)| now < *end)
        .min_by_key(|(it, end)| (*end, it.created_at, it.id.as_str()));
    next.map_or_else(|| longest(&all), |(it, end)| LastCredential::Known(it, end))
}

/// When a connection's application cannot act any more, as far as that is known.
pub(crate) fn application_end(connection: &Connection, now: Timestamp) -> Option<Timestamp> {
    match last_credential(connection, now) {
        LastCredential::Known(_, end) => Some(end),
        LastCredential::None | LastCredential::Unknown | LastCredential::Endless => None,
    }
}

/// Which of these lasts longest.
fn longest<'c>(credentials: &[&'c CredentialInfo]) -> LastCredential<'c> {
    if credentials
        .iter()
        .any(|it| it.kind == CredentialKind::Federated)
    {
        return LastCredential::Endless;
    }
    let longest = credentials
        .iter()
        .filter_map(|it| Some((*it, it.expires_at?)))
        .max_by_key(|(it, end)| (*end, it.created_at, it.id.as_str()));
    let newest_unknown = credentials
        .iter()
        .filter(|it| it.expires_at.is_none())
        .map(|it| it.created_at)
        .max();
    match (longest, newest_unknown) {
        (None, None) => LastCredential::None,
        (None, Some(_)) => LastCredential::Unknown,
        (Some((it, _)), Some(unknown)) if unknown > it.created_at => LastCredential::Unknown,
        (Some((it, end)), _) => LastCredential::Known(it, end),
    }
}

/// What to watch of a connection's credentials.
pub(crate) fn credential_of(
    connection: &Connection,
    reading: Option<&ApplicationReading>,
    now: Timestamp,
) -> Option<Watched> {
    let LastCredential::Known(info, end) = last_credential(connection, now) else {
        return None;
    };
    let word = info.kind.words();
    let read = reading
        .into_iter()
        .flat_map(|reading| &reading.credentials)
        .find(|it| it.credential == info.id && it.ends_at == end);
    Some(Watched {
        subject: AlertSubject {
            kind: AlertSubjectKind::Credential,
            id: info.id.as_str().to_owned(),
            name: format!("{word} of {}", connection.name),
        },
        connection: Some(named(connection)),
        matter: Matter::Credential {
            word,
            end,
            source: match read {
                None => EndSource::Typed,
                Some(it) if it.is_certain => EndSource::Read,
                Some(_) => EndSource::Guessed,
            },
            client_id: connection.client_id.clone(),
        },
    })
}

fn named(connection: &Connection) -> (ConnectionId, String) {
    (connection.id.clone(), connection.name.clone())
}

/// Everything that is watched, each subject once.
pub(super) fn watched(facts: &Facts, now: Timestamp) -> Vec<Watched> {
    let readings: HashMap<_, _> = facts
        .readings
        .iter()
        .map(|reading| (&reading.connection, reading))
        .collect();
    let names: HashMap<_, _> = facts
        .connections
        .iter()
        .map(|connection| (&connection.id, connection))
        .collect();
    let mut all = Vec::new();
    // A credential that is over is refused: that is one thing, and said once.
    let mut over: HashSet<&ConnectionId> = HashSet::new();
    for connection in &facts.connections {
        let reading = readings.get(&connection.id).copied();
        let Some(it) = credential_of(connection, reading, now) else {
            continue;
        };
        if it.matter.end().is_some_and(|end| end <= now) {
            over.insert(&connection.id);
        }
        all.push(it);
    }
    let mut refused: HashSet<&ConnectionId> = HashSet::new();
    for account in &facts.accounts {
        let Some(connection) = names.get(&account.connection) else {
            continue;
        };
        if account.state == AccountState::CredentialExpired {
            if !over.contains(&connection.id) && refused.insert(&connection.id) {
                all.push(refused_credential(connection, account));
            }
            continue;
        }
        all.extend(account_of(connection, account));
    }
    all.extend(facts.keys.iter().filter_map(key));
    all
}

fn refused_credential(connection: &Connection, account: &Account) -> Watched {
    Watched {
        subject: AlertSubject {
            kind: AlertSubjectKind::Connection,
            id: connection.id.as_str().to_owned(),
            name: connection.name.clone(),
        },
        connection: Some(named(connection)),
        matter: Matter::Refused {
            word: connection
                .credentials
                .iter()
                .max_by_key(|it| it.created_at)
                .map_or("client secret", |it| it.kind.words()),
            reason: reason(account),
            client_id: connection.client_id.clone(),
        },
    }
}

fn reason(account: &Account) -> String {
    account
        .reason
        .clone()
        .unwrap_or_else(|| "no reason was given".to_owned())
}

/// What to watch of an account; nothing of one that its connection's credential stops.
pub(crate) fn account_of(connection: &Connection, account: &Account) -> Option<Watched> {
    let matter = match account.state {
        AccountState::Active | AccountState::Refreshing => match account.kind {
            AccountKind::User => Matter::Grant {
                end: account.expires_at?,
            },
            // Its end is its credential's.
            AccountKind::Application => return None,
        },
        AccountState::CredentialExpired => return None,
        state => Matter::Ended {
            state,
            reason: reason(account),
        },
    };
    Some(Watched {
        subject: AlertSubject {
            kind: AlertSubjectKind::Account,
            id: account.id.as_str().to_owned(),
            name: super::words::account(account, &connection.name),
        },
        connection: Some(named(connection)),
        matter,
    })
}

fn key(key: &Key) -> Option<Watched> {
    if key.revoked_at.is_some() {
        return None;
    }
    Some(Watched {
        subject: AlertSubject {
            kind: AlertSubjectKind::Key,
            id: key.id.as_str().to_owned(),
            name: key.name.clone(),
        },
        connection: None,
        matter: Matter::Key {
            end: key.expires_at?,
            made: key.created_at,
        },
    })
}
