//! Who calls.

use crate::{Code, Problem, Result};
use postroom_model::audit::{Actor, ActorKind};
use postroom_model::key::{Key, Scope};
use postroom_model::person::{Person, Session};
use postroom_model::{KeyId, MailboxId};
use std::sync::Arc;

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Somebody with a key.
    Key(Arc<Key>),
    /// Somebody who signed in to Postroom itself.
    Person(Arc<SignedInPerson>),
    /// Whoever has opened the data folder itself: the command line. May do everything.
    Local,
}

/// A person with the session of this call.
#[derive(Clone, Debug)]
pub struct SignedInPerson {
    /// Who, as that is now: a role that was changed counts at once.
    pub person: Person,
    /// The stay.
    pub session: Session,
}

impl Caller {
    /// A name for the call log.
    pub fn name(&self) -> &str {
        match self {
            Self::Key(key) => &key.name,
            Self::Person(signed_in) => &signed_in.person.name,
            Self::Local => "command line",
        }
    }

    /// The key, if it is one.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Key(key) => Some(key),
            Self::Person(_) | Self::Local => None,
        }
    }

    /// Whose what this caller makes is: sign-ins, answers to an `Idempotency-Key`, messages. A
    /// person's is kept where a key's is, under a name that no key has.
    pub fn owner(&self) -> Option<KeyId> {
        match self {
            Self::Key(key) => Some(key.id.clone()),
            Self::Person(signed_in) => Some(KeyId::new(format!("person:{}", signed_in.person.id))),
            Self::Local => None,
        }
    }

    /// Who it is for the audit log.
    pub fn actor(&self) -> Actor {
        let (kind, id) = match self {
            Self::Key(key) => (ActorKind::Key, Some(key.id.as_str().to_owned())),
            Self::Person(signed_in) => (
                ActorKind::Person,
                Some(signed_in.person.id.as_str().to_owned()),
            ),
            Self::Local => (ActorKind::CommandLine, None),
        };
        Actor {
            kind,
            id,
            name: self.name().to_owned(),
        }
    }

    /// Whether it holds a scope.
    pub fn has(&self, scope: Scope) -> bool {
        match self {
            Self::Key(key) => key.has(scope),
            Self::Person(signed_in) => signed_in.person.role.has(scope),
            Self::Local => true,
        }
    }

    /// Whether it reaches a mailbox.
    pub fn reaches(&self, mailbox: &MailboxId) -> bool {
        self.key().is_none_or(|key| key.reaches(mailbox))
    }

    /// Its list of mailboxes; `None`: all.
    pub fn mailboxes(&self) -> Option<&[MailboxId]> {
        self.key().and_then(|key| key.mailboxes.as_deref())
    }

    /// Refuses a caller without this scope.
    ///
    /// # Errors
    /// `scopeMissing`.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.has(scope) {
            return Ok(());
        }
        let scope = scope.name();
        let why = match self {
            Self::Person(signed_in) => format!(
                "Your role, {}, lacks the scope {scope}: ask an administrator to do it, or for \
                 another role.",
                signed_in.person.role
            ),
            Self::Key(_) | Self::Local => format!(
                "The key {:?} lacks the scope {scope}: ask for a key that has it.",
                self.name()
            ),
        };
        Err(Problem::new(Code::ScopeMissing, why))
    }
}
