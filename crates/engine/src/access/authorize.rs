//! Whether a caller may. One function for every entrance.

use super::{Action, Caller, Needs};
use crate::{Code, Engine, Problem, Result};
use postroom_model::key::Scope;
use postroom_model::mailbox::Mailbox;
use postroom_model::{KeyId, MailboxId};

/// What an action is done to.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Nothing that belongs to a mailbox or a caller.
    Anything,
    /// A mailbox that the call names, by id or address.
    Mailbox(&'a str),
    /// Something that was found by its id and belongs to a mailbox, or to none.
    Item {
        /// What kind of thing, for the refusal.
        what: &'static str,
        /// Its id.
        id: &'a str,
        /// Whose it is. What belongs to no mailbox is not for keys with a list of them.
        mailbox: Option<&'a MailboxId>,
    },
    /// Something that is for the caller that made it, and for `admin`.
    Own {
        /// What kind of thing, for the refusal.
        what: &'static str,
        /// Its id.
        id: &'a str,
        /// Who made it ([`Caller::owner`]).
        owner: Option<&'a KeyId>,
    },
}

impl Engine {
    /// Whether a caller that is known already (else the answer is `unauthorized`) may do this to
    /// that. Judged in this order: the scope; a mailbox that the call names; whether the caller
    /// may see the thing at all. Gives the mailbox that the call names.
    ///
    /// # Errors
    /// `scopeMissing`; `mailboxForbidden` for a named mailbox that is not on the caller's list,
    /// whether it exists or not; `notFound` for what is not there, or not for this caller: both
    /// look the same.
    pub async fn authorize(
        &self,
        caller: &Caller,
        action: Action,
        target: Target<'_>,
    ) -> Result<Option<Mailbox>> {
        if let Needs::Scope(scope) = action.needs() {
            caller.require(scope)?;
        }
        match target {
            Target::Anything => Ok(None),
            Target::Mailbox(named) => self.reached(caller, named).await.map(Some),
            Target::Item { what, id, mailbox } => {
                let seen = caller.mailboxes().is_none()
                    || mailbox.is_some_and(|mailbox| caller.reaches(mailbox));
                seen.then_some(None)
                    .ok_or_else(|| Problem::not_found(what, id))
            }
            Target::Own { what, id, owner } => {
                let seen = caller.owner().as_ref() == owner || caller.has(Scope::Admin);
                seen.then_some(None)
                    .ok_or_else(|| Problem::not_found(what, id))
            }
        }
    }

    /// A mailbox that a call names by id or address, for somebody who wants to do `action` to it.
    ///
    /// # Errors
    /// As [`Engine::authorize`].
    pub async fn mailbox_for(
        &self,
        caller: &Caller,
        action: Action,
        named: &str,
    ) -> Result<Mailbox> {
        self.authorize(caller, action, Target::Mailbox(named))
            .await?
            .ok_or_else(|| Problem::not_found("mailbox", named))
    }

    async fn reached(&self, caller: &Caller, named: &str) -> Result<Mailbox> {
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
