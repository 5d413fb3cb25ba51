//! People who open the console: who they are, what they may do, and their sessions.

use crate::ids::{PersonId, SessionId};
use crate::key::Scope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Somebody who may sign in to Postroom itself. Nobody of the tenants' directories is one unless
/// made one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Ours.
    pub id: PersonId,
    /// For people.
    pub name: String,
    /// The sign-in name that an invitation is for, in small letters; unique.
    pub address: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// Who it is at Microsoft. Set at the first sign-in there.
    pub identity: Option<MicrosoftIdentity>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the person last signed in.
    pub signed_in_at: Option<Timestamp>,
}

/// Who somebody is at Microsoft: the two claims that never change and are never given to another
/// one (entra-docs, `id-token-claims-reference.md`). Names and addresses do both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrosoftIdentity {
    /// The tenant (`tid`), in small letters.
    pub tenant_id: String,
    /// The user's object there (`oid`), in small letters.
    pub object_id: String,
}

/// What a person may do, as a name for a set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Sees everything, changes nothing.
    Reader,
    /// Runs it: connections, sign-ins, mail. Gives nobody access to it.
    Operator,
    /// Everything.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Operator, Self::Administrator];

    /// The name that people see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// Whether it has this scope. Access tokens and any Graph call lead out of Postroom's reach, so
    /// an operator has neither.
    pub fn has(self, scope: Scope) -> bool {
        match self {
            Self::Administrator => true,
            Self::Reader => scope.is_read(),
            Self::Operator => {
                scope.is_read()
                    || matches!(
                        scope,
                        Scope::Connections | Scope::Logins | Scope::MailWrite | Scope::MailSend
                    )
            }
        }
    }

    /// Its scopes; of an administrator the one that implies all.
    pub fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Administrator => vec![Scope::Admin],
            role => Scope::ALL
                .into_iter()
                .filter(|scope| role.has(*scope))
                .collect(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| {
                format!(
                    "there is no role {name:?}; the roles are reader, operator and administrator"
                )
            })
    }
}

/// A person's stay, from a sign-in on. Its secret is only kept as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Ours.
    pub id: SessionId,
    /// Whose.
    pub person: PersonId,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute or so.
    pub seen_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
}

/// An address that signs somebody in, once. Its secret is only kept as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInToken {
    /// Whom it signs in; `None`: the first person there ever is, as administrator.
    pub person: Option<PersonId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is over if nobody uses it.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_have_every_scope_that_only_reads() {
        let scopes = Role::Reader.scopes();
        assert!(scopes.len() > 4, "{scopes:?}");
        assert!(scopes.iter().all(|scope| scope.name().ends_with(".read")));
        assert!(Scope::ALL.iter().filter(|one| one.is_read()).count() == scopes.len());
    }

    #[test]
    fn each_role_has_more_than_the_one_below() {
        for scope in Scope::ALL {
            assert!(!Role::Reader.has(scope) || Role::Operator.has(scope));
            assert!(Role::Administrator.has(scope));
        }
        for scope in [Scope::Admin, Scope::Tokens, Scope::Graph] {
            assert!(!Role::Operator.has(scope));
        }
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
    }
}
