//! Sessions: what a browser shows after a sign-in.

use crate::access::{Caller, Origin, SESSION, SignedInPerson};
use crate::logins::earlier;
use crate::{Code, Engine, Problem, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::audit::{Outcome, Subject};
use postroom_model::clock::later;
use postroom_model::person::{Person, Session};
use postroom_model::{PersonId, Secret, SessionId, Timestamp};
use postroom_store::contract::keys::KeyHash;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// How long a session lasts without being used.
pub(super) const IDLE: Duration = Duration::from_secs(60 * 60);
/// How long it lasts however much it is used.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Seconds between two notes of one session's use.
const APART: i64 = 60;

/// A session that has just begun.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Who signed in.
    pub person: Person,
    /// The stay.
    pub session: Session,
    /// What the browser shows from now on. It is not kept here.
    pub secret: Secret,
}

/// What a page of ours sends along with a change, to show that it is ours: another site can make a
/// browser send a cookie, and cannot read this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsrfToken(Secret);

impl CsrfToken {
    /// The one of a session. It follows from the session's secret, and the secret does not follow
    /// from it.
    pub fn of(session: &Secret) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"postroom csrf\0");
        hash.update(session.reveal().as_bytes());
        Self(Secret::new(URL_SAFE_NO_PAD.encode(hash.finalize())))
    }

    /// Whether a text is it.
    pub fn is(&self, shown: &str) -> bool {
        self.0 == Secret::new(shown)
    }

    /// Its text, for the pages of its session.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl Engine {
    /// The caller behind a session's secret. Person and role are as they are now.
    ///
    /// # Errors
    /// `unauthorized` for one that is unknown, ended, idle for too long or over.
    pub async fn session(&self, secret: &Secret) -> Result<Caller> {
        let over = || {
            Problem::new(
                Code::Unauthorized,
                "Your session is over: sign in again, at /signin.",
            )
        };
        let hash = SESSION.hash_of(secret.reveal()).ok_or_else(over)?;
        let now = self.now();
        let (session, person) = self
            .store()
            .session_by_hash(&hash)
            .await?
            .filter(|(session, _)| is_alive(session, now))
            .ok_or_else(over)?;
        if now.duration_since(session.seen_at).as_secs() >= APART {
            let (store, id) = (Arc::clone(self.store()), session.id.clone());
            self.spawn(async move {
                if let Err(error) = store.touch_session(&id, now).await {
                    tracing::debug!(%error, "noting when a session was used");
                }
            });
        }
        Ok(Caller::Person(Arc::new(SignedInPerson { person, session })))
    }

    /// Ends a caller's session, at once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out(&self, caller: &Caller, origin: &Origin) -> Result<()> {
        let Caller::Person(signed_in) = caller else {
            return Ok(());
        };
        if self.store().end_session(&signed_in.session.id).await? {
            let mut entry = self.audit_entry(
                caller.actor(),
                "person.signOut",
                origin.address,
                Outcome::Done,
            );
            entry.request_id.clone_from(&origin.request_id);
            self.note_audit(entry).await;
        }
        Ok(())
    }

    /// Ends the session that a browser had before it signed in anew: what somebody may have put
    /// there is worth nothing any more.
    pub async fn end_former(&self, secret: &Secret) {
        let Ok(Caller::Person(signed_in)) = self.session(secret).await else {
            return;
        };
        if let Err(error) = self.store().end_session(&signed_in.session.id).await {
            tracing::warn!(%error, "ending a session that another one replaces");
        }
    }

    /// A session to be stored: with what the browser shows, and its hash.
    pub(super) fn new_session(&self, person: &PersonId) -> (Session, Secret, KeyHash) {
        let now = self.now();
        let (secret, hash) = SESSION.make(&*self.shared.dice);
        let session = Session {
            id: SessionId::new(self.shared.dice.timed_guid(now).to_string()),
            person: person.clone(),
            created_at: now,
            seen_at: now,
            expires_at: later(now, LONGEST),
        };
        (session, secret, hash)
    }

    /// Notes that somebody signed in.
    pub(super) async fn signed_in(
        &self,
        person: Person,
        session: Session,
        secret: Secret,
        how: &'static str,
        origin: &Origin,
    ) -> NewSession {
        let session = Session {
            person: person.id.clone(),
            ..session
        };
        let caller = Caller::Person(Arc::new(SignedInPerson {
            person: person.clone(),
            session: session.clone(),
        }));
        let mut entry = self.audit_entry(
            caller.actor(),
            "person.signIn",
            origin.address,
            Outcome::Done,
        );
        entry.subject = Some(Subject {
            kind: "person".to_owned(),
            id: Some(person.id.as_str().to_owned()),
            name: Some(person.name.clone()),
        });
        entry.details.insert("with".to_owned(), how.into());
        entry
            .details
            .insert("role".to_owned(), person.role.name().into());
        entry.request_id.clone_from(&origin.request_id);
        self.note_audit(entry).await;
        NewSession {
            person,
            session,
            secret,
        }
    }

    /// Forgets what is over.
    pub(crate) async fn sweep_sessions(
        &self,
    ) -> std::result::Result<u64, postroom_store::StoreError> {
        let now = self.now();
        self.store().sweep_sessions(now, earlier(now, IDLE)).await
    }
}

/// When a session ends if it is not used any more.
impl SignedInPerson {
    /// When the session ends: used no more from now on.
    pub fn ends_at(&self, now: Timestamp) -> Timestamp {
        later(now, IDLE).min(self.session.expires_at)
    }
}

fn is_alive(session: &Session, now: Timestamp) -> bool {
    now < session.expires_at && now < later(session.seen_at, IDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csrf_token_is_of_its_session() {
        let (one, other) = (Secret::new("prs_1"), Secret::new("prs_2"));
        let token = CsrfToken::of(&one);
        assert!(token.is(CsrfToken::of(&one).reveal()));
        for wrong in ["", "prs_1", CsrfToken::of(&other).reveal()] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert_eq!(token.reveal().len(), 43);
    }
}
