//! Who may do what: the one door for callers. Every entrance asks here, and nowhere else.

use crate::{Code, Engine, Problem, Result};
use postroom_model::MailboxId;
use postroom_model::key::{Key, Scope};
use postroom_model::mailbox::Mailbox;
use std::sync::Arc;

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Somebody with a key.
    Key(Arc<Key>),
    /// Whoever has opened the data folder itself: the command line. May do everything.
    Local,
}

impl Caller {
    /// A name for the call log.
    pub fn name(&self) -> &str {
        match self {
            Self::Key(key) => &key.name,
            Self::Local => "command line",
        }
    }

    /// The key, if it is one.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Key(key) => Some(key),
            Self::Local => None,
        }
    }

    /// Whether it holds a scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.key().is_none_or(|key| key.has(scope))
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
        Err(Problem::new(
            Code::ScopeMissing,
            format!(
                "The key {:?} lacks the scope {}: ask for a key that has it.",
                self.name(),
                scope.name()
            ),
        ))
    }
}

/// What access remembers between calls: when keys were used, and who failed how often.
#[derive(Debug, Default)]
pub(crate) struct AccessState {
    usage: usage::Usage,
    failures: failures::Failures,
}

mod failures;
mod secret;
mod usage;

pub(crate) use secret::{hash_of, new_secret};

impl Engine {
    /// The caller behind a key.
    ///
    /// The store is asked each time: a key that another process revoked opens nothing any more
    /// from that moment on.
    ///
    /// # Errors
    /// `unauthorized` for one that is unknown, revoked or expired: the three look the same.
    pub async fn authenticate(&self, key: &str) -> Result<Caller> {
        let now = self.now();
        let found = match secret::hash_of(key) {
            Some(hash) => self.store().key_by_hash(&hash).await?,
            None => None,
        };
        let Some(found) = found.filter(|found| found.is_valid(now)) else {
            // The machine's time, not the engine's clock: this only slows down guessing.
            tokio::time::sleep(self.shared.access.failures.penalty(now)).await;
            return Err(Problem::new(
                Code::Unauthorized,
                "No valid key was shown: it is missing, unknown, revoked or expired. Send it as \
                 `Authorization: Bearer KEY`, or as the password of HTTP Basic; `postroom key \
                 create` makes one.",
            ));
        };
        if self
            .shared
            .access
            .usage
            .is_due(&found.id, found.last_used_at, now)
        {
            let store = Arc::clone(self.store());
            let used = [(found.id.clone(), now)];
            self.spawn(async move {
                if let Err(error) = store.touch_keys(&used).await {
                    tracing::debug!(%error, "noting when a key was used");
                }
            });
        }
        Ok(Caller::Key(Arc::new(found)))
    }

    /// A mailbox that a path names by id or address, for somebody who wants to use `scope` on it.
    ///
    /// # Errors
    /// `scopeMissing`; then, for a key with a list, `mailboxForbidden` for everything that is not
    /// on it, whether it exists or not; then `notFound`.
    pub async fn mailbox_for(&self, caller: &Caller, scope: Scope, named: &str) -> Result<Mailbox> {
        caller.require(scope)?;
        if let Some(mailbox) = self.mailbox_named(caller, named).await? {
            return Ok(self.as_it_stands(mailbox));
        }
        let listed = caller
            .mailboxes()
            .is_none_or(|list| list.iter().any(|id| id.as_str() == named));
        if listed {
            return Err(Problem::not_found("mailbox", named));
        }
        Err(Problem::new(
            Code::MailboxForbidden,
            format!(
                "The key {:?} does not reach the mailbox {named:?}: ask for a key that has it on \
                 its list.",
                caller.name()
            ),
        ))
    }

    /// A mailbox by id or address, if the caller reaches it.
    pub(crate) async fn mailbox_named(
        &self,
        caller: &Caller,
        named: &str,
    ) -> Result<Option<Mailbox>> {
        if let Some(mailbox) = self.store().mailbox(&MailboxId::new(named)).await? {
            return Ok(Some(mailbox).filter(|mailbox| caller.reaches(&mailbox.id)));
        }
        match self.store().mailbox_by_address(named).await? {
            Some(mailbox) if caller.reaches(&mailbox.id) => Ok(Some(mailbox)),
            // Two mailboxes can have had one address at different times: the other one may be
            // the one that this caller means.
            Some(_) => Ok(self
                .mailboxes(caller)
                .await?
                .into_iter()
                .find(|mailbox| mailbox.address == named.to_lowercase())),
            None => Ok(None),
        }
    }
}
