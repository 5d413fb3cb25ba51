//! Addresses that sign somebody in, once: the first person of all, and whoever is invited.

use super::{NewSession, SignInLink};
use crate::access::{Origin, SIGN_IN, Shown};
use crate::{Code, Engine, Problem, Result};
use postroom_model::audit::{Actor, ActorKind, Outcome};
use postroom_model::clock::later;
use postroom_model::person::{Person, Role, SignInToken};
use postroom_model::{PersonId, Secret};
use std::time::Duration;

/// How long an address that nobody used signs anybody in.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

impl Engine {
    /// The address that makes whoever opens it first the first administrator; `None` when there is
    /// somebody already. One that was made before is void.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_sign_in(&self) -> Result<Option<SignInLink>> {
        if !self.persons().await?.is_empty() {
            return Ok(None);
        }
        self.new_sign_in_link(None).await.map(Some)
    }

    /// A new address for somebody, in place of the one before.
    pub(super) async fn new_sign_in_link(&self, person: Option<&PersonId>) -> Result<SignInLink> {
        let now = self.now();
        let (secret, hash) = SIGN_IN.make(&*self.shared.dice);
        let token = SignInToken {
            person: person.cloned(),
            created_at: now,
            expires_at: later(now, LIFETIME),
        };
        self.store().put_sign_in_token(&hash, &token).await?;
        Ok(SignInLink {
            url: Secret::new(format!(
                "{}/signin?token={}",
                self.settings().public_url,
                secret.reveal()
            )),
            expires_at: token.expires_at,
        })
    }

    /// Uses up a token and begins a session.
    ///
    /// # Errors
    /// `unauthorized` for a token that is unknown, used or over: the three look the same.
    pub async fn sign_in_with_token(&self, token: &Secret, origin: &Origin) -> Result<NewSession> {
        let now = self.now();
        let Some(hash) = SIGN_IN.hash_of(token.reveal()) else {
            return Err(self.token_refused(origin).await);
        };
        // Taken where nobody is there yet.
        let first = Person {
            id: self.new_person_id(now),
            name: "Administrator".to_owned(),
            address: None,
            role: Role::Administrator,
            identity: None,
            created_at: now,
            signed_in_at: Some(now),
        };
        let (session, secret, session_hash) = self.new_session(&first.id);
        let redeemed = self
            .store()
            .redeem_sign_in_token(&hash, &first, &session, &session_hash)
            .await?;
        match redeemed {
            Some(person) => Ok(self
                .signed_in(person, session, secret, "token", origin)
                .await),
            None => Err(self.token_refused(origin).await),
        }
    }

    async fn token_refused(&self, origin: &Origin) -> Problem {
        self.note_failed_sign_in(origin, "token");
        self.slow_down(Shown::SignInToken, origin.address).await;
        Problem::new(
            Code::Unauthorized,
            "This sign-in address is not valid (any more): it was used, or is older than 24 \
             hours. `postroom person invite`, on the server's machine, or an administrator makes a \
             new one.",
        )
    }

    /// Somebody tried to sign in and is not let in. Once a minute for each address.
    pub(super) fn note_failed_sign_in(&self, origin: &Origin, reason: &'static str) {
        let nobody = Actor {
            kind: ActorKind::System,
            id: None,
            name: "somebody".to_owned(),
        };
        let mut entry = self.audit_entry(nobody, "person.signIn", origin.address, Outcome::Refused);
        entry.details.insert("reason".to_owned(), reason.into());
        entry.request_id.clone_from(&origin.request_id);
        self.count_audit(entry);
    }
}
