//! What Postroom does with a tenant, and which of it is in use.

use crate::setup::needs;
use crate::{Engine, Problem, Result};
use postroom_model::MailboxId;
use postroom_model::account::{Account, AccountKind};
use postroom_model::connection::Connection;
use postroom_model::key::{Key, Scope};
use postroom_model::mailbox::Mailbox;
use postroom_store::contract::outbox::OutboxQuery;
use serde::Serialize;
use std::str::FromStr;

/// Something that Postroom does, which takes permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// Who signed in.
    Profile,
    /// Mail is read.
    MailRead,
    /// Mail is changed, moved, deleted.
    MailWrite,
    /// Mail is sent.
    MailSend,
    /// People are looked up.
    PeopleRead,
    /// Their pictures.
    PeoplePhotos,
    /// Their licences.
    PeopleLicenses,
    /// Their groups.
    PeopleGroups,
    /// Their managers.
    PeopleManager,
    /// When the application's own credentials end.
    CredentialDates,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 10] = [
        Self::Profile,
        Self::MailRead,
        Self::MailWrite,
        Self::MailSend,
        Self::PeopleRead,
        Self::PeoplePhotos,
        Self::PeopleLicenses,
        Self::PeopleGroups,
        Self::PeopleManager,
        Self::CredentialDates,
    ];

    /// The name in JSON and in steps of a check; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::MailRead => "mail.read",
            Self::MailWrite => "mail.write",
            Self::MailSend => "mail.send",
            Self::PeopleRead => "people.read",
            Self::PeoplePhotos => "people.photos",
            Self::PeopleLicenses => "people.licenses",
            Self::PeopleGroups => "people.groups",
            Self::PeopleManager => "people.manager",
            Self::CredentialDates => "credentials.dates",
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Profile => "knowing who signed in",
            Self::MailRead => "reading mail",
            Self::MailWrite => "changing mail",
            Self::MailSend => "sending mail",
            Self::PeopleRead => "looking up people",
            Self::PeoplePhotos => "pictures",
            Self::PeopleLicenses => "licences",
            Self::PeopleGroups => "groups",
            Self::PeopleManager => "managers",
            Self::CredentialDates => "reading when the credentials end",
        }
    }

    /// Whether Exchange answers it. Exchange can grant it for some mailboxes, which no token tells
    /// (RBAC for Applications).
    pub fn is_of_exchange(self) -> bool {
        matches!(self, Self::MailRead | Self::MailWrite | Self::MailSend)
    }

    /// Whether an account of this kind can have it.
    pub fn is_for(self, kind: AccountKind) -> bool {
        !needs::of(self, kind, false).is_empty()
    }
}

impl FromStr for Feature {
    type Err = Problem;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|feature| feature.name() == name.trim())
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|feature| feature.name()).collect();
                Problem::invalid(format!(
                    "There is no feature {name:?}: {}.",
                    known.join(", ")
                ))
            })
    }
}

/// A feature as one kind of account has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureUse {
    /// The feature.
    #[serde(serialize_with = "by_name")]
    pub feature: Feature,
    /// By whom: the application, or users who signed in.
    pub kind: AccountKind,
    /// Whether mailboxes of others are among those that users reach.
    pub shared: bool,
    /// Whether it is in use. What is not can be granted where it is wanted.
    pub in_use: bool,
    /// Why so, in words.
    pub why: String,
}

fn by_name<S: serde::Serializer>(feature: &Feature, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(feature.name())
}

/// What is known of a connection's use.
struct Seen {
    has_application: bool,
    users: usize,
    /// Mailboxes by the application.
    served: Vec<Mailbox>,
    /// Mailboxes by users.
    of_users: Vec<Mailbox>,
    shared: bool,
    keys: Vec<Key>,
    sent: [bool; 2],
}

/// Every feature that the connection's accounts can have, and whether it is in use.
pub(crate) async fn uses(engine: &Engine, connection: &Connection) -> Result<Vec<FeatureUse>> {
    let seen = look(engine, connection).await?;
    Ok(judged(&seen))
}

async fn look(engine: &Engine, connection: &Connection) -> Result<Seen> {
    let store = engine.store();
    let accounts: Vec<Account> = store
        .accounts()
        .await?
        .into_iter()
        .filter(|account| account.connection == connection.id)
        .collect();
    let user_of = |mailbox: &Mailbox| {
        accounts
            .iter()
            .find(|account| account.id == mailbox.account && account.kind == AccountKind::User)
    };
    let (of_users, served): (Vec<_>, Vec<_>) = store
        .mailboxes()
        .await?
        .into_iter()
        .filter(|mailbox| mailbox.connection == connection.id)
        .partition(|mailbox| user_of(mailbox).is_some());
    let shared = of_users.iter().any(|mailbox| {
        user_of(mailbox).and_then(|account| account.user_id.as_deref()) != Some(mailbox.id.as_str())
    });
    let now = engine.now();
    let keys = store
        .keys()
        .await?
        .into_iter()
        .filter(|key| key.is_valid(now))
        .collect();
    Ok(Seen {
        has_application: !connection.credentials.is_empty(),
        users: accounts
            .iter()
            .filter(|account| account.kind == AccountKind::User)
            .count(),
        sent: [sent(engine, &served).await?, sent(engine, &of_users).await?],
        served,
        of_users,
        shared,
        keys,
    })
}

/// Whether something was sent from these mailboxes.
async fn sent(engine: &Engine, mailboxes: &[Mailbox]) -> Result<bool> {
    if mailboxes.is_empty() {
        return Ok(false);
    }
    let query = OutboxQuery {
        mailboxes: Some(mailboxes.iter().map(|mailbox| mailbox.id.clone()).collect()),
        limit: 1,
        ..OutboxQuery::default()
    };
    Ok(!engine.store().list_outbox(&query).await?.is_empty())
}

fn judged(seen: &Seen) -> Vec<FeatureUse> {
    let fresh = seen.served.is_empty() && seen.users == 0;
    let mut uses = Vec::new();
    for kind in [AccountKind::Application, AccountKind::User] {
        let (mailboxes, acts, fresh) = match kind {
            AccountKind::Application => (
                &seen.served,
                seen.has_application,
                fresh && seen.has_application,
            ),
            AccountKind::User => (
                &seen.of_users,
                seen.users > 0 || !seen.has_application,
                fresh && !seen.has_application,
            ),
        };
        if !acts {
            continue;
        }
        for feature in Feature::ALL {
            if !feature.is_for(kind) {
                continue;
            }
            let reason = if fresh {
                planned(feature)
            } else {
                reason(seen, feature, kind, mailboxes)
            };
            uses.push(FeatureUse {
                feature,
                kind,
                shared: kind == AccountKind::User && seen.shared && feature.is_of_exchange(),
                in_use: reason.is_some(),
                why: reason.unwrap_or_else(|| "nothing asks for it".to_owned()),
            });
        }
    }
    uses
}

/// Where nothing is set up yet: what mail takes.
fn planned(feature: Feature) -> Option<String> {
    let main = matches!(
        feature,
        Feature::Profile
            | Feature::MailRead
            | Feature::MailWrite
            | Feature::MailSend
            | Feature::PeopleRead
    );
    main.then(|| "no mailbox is served yet: this is what mail takes".to_owned())
}

fn reason(
    seen: &Seen,
    feature: Feature,
    kind: AccountKind,
    mailboxes: &[Mailbox],
) -> Option<String> {
    let ids: Vec<&MailboxId> = mailboxes.iter().map(|mailbox| &mailbox.id).collect();
    let by_key = |scope: Scope| {
        seen.keys
            .iter()
            .find(|key| {
                // `admin` opens everything and says nothing of what is done.
                key.scopes.contains(&scope) && ids.iter().any(|id| key.reaches(id))
            })
            .map(|key| format!("the key {:?} may ({})", key.name, scope.name()))
    };
    let served = || match mailboxes {
        [] => None,
        [one] => Some(format!("{} is served", one.address)),
        all => Some(format!("{} mailboxes are served", all.len())),
    };
    match feature {
        Feature::Profile => (kind == AccountKind::User).then(|| "users sign in".to_owned()),
        Feature::MailRead => served(),
        Feature::MailWrite => by_key(Scope::MailWrite),
        Feature::MailSend => {
            let sent = match kind {
                AccountKind::Application => seen.sent[0],
                AccountKind::User => seen.sent[1],
            };
            by_key(Scope::MailSend).or_else(|| sent.then(|| "messages were sent".to_owned()))
        }
        Feature::PeopleRead if kind == AccountKind::Application => served()
            .map(|served| format!("{served}, and found by the address"))
            .or_else(|| {
                seen.keys
                    .iter()
                    .find(|key| key.scopes.contains(&Scope::PeopleRead))
                    .map(|key| format!("the key {:?} may (people.read)", key.name))
            }),
        Feature::PeopleRead if seen.shared => {
            Some("users reach mailboxes of others, which are found by the address".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::mailbox::SyncState;
    use postroom_model::{AccountId, ConnectionId, KeyId, Timestamp};

    fn mailbox(id: &str) -> Mailbox {
        Mailbox {
            id: MailboxId::new(id),
            connection: ConnectionId::new("c"),
            account: AccountId::new("a"),
            address: format!("{id}@contoso.example"),
            display_name: None,
            sync: SyncState::default(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn key(scopes: &[Scope], mailboxes: Option<&[&str]>) -> Key {
        Key {
            id: KeyId::new("k"),
            name: "ERP".to_owned(),
            scopes: scopes.to_vec(),
            mailboxes: mailboxes.map(|list| list.iter().map(|id| MailboxId::new(*id)).collect()),
            networks: None,
            expires_at: None,
            revoked_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            last_used_at: None,
        }
    }

    fn nothing() -> Seen {
        Seen {
            has_application: true,
            users: 0,
            served: Vec::new(),
            of_users: Vec::new(),
            shared: false,
            keys: Vec::new(),
            sent: [false, false],
        }
    }

    fn in_use(seen: &Seen, kind: AccountKind) -> Vec<&'static str> {
        judged(seen)
            .into_iter()
            .filter(|one| one.in_use && one.kind == kind)
            .map(|one| one.feature.name())
            .collect()
    }

    #[test]
    fn where_nothing_is_set_up_mail_is_meant() {
        let mail = ["mail.read", "mail.write", "mail.send", "people.read"];
        assert_eq!(in_use(&nothing(), AccountKind::Application), mail);
        assert!(in_use(&nothing(), AccountKind::User).is_empty());
        let public = Seen {
            has_application: false,
            ..nothing()
        };
        assert!(in_use(&public, AccountKind::Application).is_empty());
        assert!(in_use(&public, AccountKind::User).contains(&"mail.read"));
    }

    #[test]
    fn what_is_in_use_is_seen() {
        let mut seen = Seen {
            served: vec![mailbox("m")],
            keys: vec![key(&[Scope::Admin], None)],
            ..nothing()
        };
        // An administrator's key says nothing of what is done.
        assert_eq!(
            in_use(&seen, AccountKind::Application),
            ["mail.read", "people.read"]
        );
        seen.keys.push(key(&[Scope::MailWrite], Some(&["other"])));
        assert!(!in_use(&seen, AccountKind::Application).contains(&"mail.write"));
        seen.keys.push(key(&[Scope::MailSend], Some(&["m"])));
        assert!(in_use(&seen, AccountKind::Application).contains(&"mail.send"));
        seen.keys.clear();
        seen.sent = [true, false];
        assert!(in_use(&seen, AccountKind::Application).contains(&"mail.send"));
    }

    #[test]
    fn a_credential_for_signing_in_is_no_use_of_the_application() {
        let seen = Seen {
            users: 1,
            of_users: vec![mailbox("u")],
            ..nothing()
        };
        assert!(in_use(&seen, AccountKind::Application).is_empty());
        assert_eq!(in_use(&seen, AccountKind::User), ["profile", "mail.read"]);
        let shared = Seen {
            shared: true,
            ..seen
        };
        assert!(in_use(&shared, AccountKind::User).contains(&"people.read"));
    }

    #[test]
    fn names_are_read_back() {
        for feature in Feature::ALL {
            assert_eq!(Feature::from_str(feature.name()).ok(), Some(feature));
        }
        let why = Feature::from_str("mail.delete").expect_err("none").detail;
        assert!(why.contains("mail.read"), "{why}");
    }
}
