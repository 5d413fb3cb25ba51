//! The audit log: what was changed, by whom.
//!
//! An entry about a change is written before it as *begun* and finished after it with what became
//! of it: a crash in between leaves an entry that says so, never a change without one.

use crate::access::{Action, Caller, Origin};
use crate::{Engine, Result};
use postroom_model::audit::{Actor, AuditEntry, Outcome, Subject};
use postroom_model::{AccountId, AuditId, KeyId, LoginId, MailboxId, PersonId};
pub use postroom_store::contract::audit::AuditQuery;
use serde_json::Map;
use std::net::IpAddr;

mod counted;

pub(crate) use counted::Counted;

/// The most entries of one list.
const MOST: u32 = 500 + 1;

/// The longest id of something that is not there which is kept, in characters.
const LONGEST_ID: usize = 320;

/// What somebody named that is not there: a text of any length, and perhaps a secret that was meant
/// for another place.
pub fn told_id(named: &str) -> Option<String> {
    (!crate::access::is_secret(named)).then(|| named.chars().take(LONGEST_ID).collect())
}

impl Engine {
    /// A list, newest first.
    pub async fn audit(&self, mut query: AuditQuery) -> Result<Vec<AuditEntry>> {
        query.limit = query.limit.clamp(1, MOST);
        self.write_counted().await;
        Ok(self.store().list_audit(&query).await?)
    }

    /// Writes that a caller begins to do something, before it is done.
    ///
    /// # Errors
    /// When it cannot be written: then the thing must not be done either.
    pub async fn begin_audit(
        &self,
        caller: &Caller,
        origin: &Origin,
        action: Action,
        subject: Option<Subject>,
    ) -> Result<AuditEntry> {
        let mut entry = self.audit_entry(
            caller.actor(),
            action.name(),
            origin.address,
            Outcome::Begun,
        );
        entry.subject = subject;
        entry.request_id.clone_from(&origin.request_id);
        self.store()
            .insert_audit(std::slice::from_ref(&entry))
            .await?;
        Ok(entry)
    }

    /// Writes what became of it.
    pub async fn finish_audit(&self, entry: &AuditEntry) {
        match self.store().finish_audit(entry).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                action = entry.action,
                "an audit entry was not there any more to be finished"
            ),
            Err(error) => tracing::error!(
                action = entry.action,
                outcome = entry.outcome.name(),
                %error,
                "an audit entry stays as begun: its end could not be written"
            ),
        }
    }

    /// The same, behind the back of a caller who went away.
    pub fn finish_audit_later(&self, entry: AuditEntry) {
        let engine = self.clone();
        self.spawn(async move { engine.finish_audit(&entry).await });
    }

    /// Writes an entry about something that has happened. A failure is logged: it has happened.
    pub async fn note_audit(&self, entry: AuditEntry) {
        if let Err(error) = self
            .store()
            .insert_audit(std::slice::from_ref(&entry))
            .await
        {
            tracing::error!(
                action = entry.action,
                actor = entry.actor.name,
                %error,
                "an audit entry could not be written"
            );
        }
    }

    /// An entry that is not written yet, at this time.
    pub fn audit_entry(
        &self,
        actor: Actor,
        action: &str,
        address: Option<IpAddr>,
        outcome: Outcome,
    ) -> AuditEntry {
        let at = self.now();
        AuditEntry {
            id: AuditId::new(self.shared.dice.timed_guid(at).to_string()),
            at,
            actor,
            address,
            action: action.to_owned(),
            subject: None,
            outcome,
            details: Map::new(),
            request_id: None,
        }
    }

    /// What a call names, with its id and its name as they are now: after a removal nobody knows
    /// them any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_subject(&self, kind: &str, named: &str) -> Result<Subject> {
        let store = self.store();
        let found: Option<(String, Option<String>)> = match kind {
            "connection" => self
                .connections()
                .await?
                .into_iter()
                .find(|it| {
                    it.id.as_str() == named || it.name.to_lowercase() == named.to_lowercase()
                })
                .map(|it| (it.id.into_string(), Some(it.name))),
            "key" => store
                .key(&KeyId::new(named))
                .await?
                .map(|it| (it.id.into_string(), Some(it.name))),
            "person" => store
                .person(&PersonId::new(named))
                .await?
                .map(|it| (it.id.into_string(), Some(it.name))),
            "account" => store
                .account(&AccountId::new(named))
                .await?
                .map(|it| (it.id.into_string(), it.user_principal_name)),
            "login" => store
                .login(&LoginId::new(named))
                .await?
                .map(|it| (it.id.into_string(), None)),
            "mailbox" => match store.mailbox(&MailboxId::new(named)).await? {
                Some(it) => Some(it),
                None => store.mailbox_by_address(named).await?,
            }
            .map(|it| (it.id.into_string(), Some(it.address))),
            _ => None,
        };
        Ok(match found {
            Some((id, name)) => Subject {
                kind: kind.to_owned(),
                id: Some(id),
                name,
            },
            None => Subject {
                kind: kind.to_owned(),
                id: told_id(named),
                name: None,
            },
        })
    }
}
