//! The key behind a text.

use super::failures::Shown;
use super::secret::KEY;
use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::Timestamp;
use postroom_model::audit::{Actor, ActorKind, Outcome};
use postroom_model::key::Key;
use postroom_store::contract::keys::KeyHash;
use std::net::IpAddr;
use std::sync::Arc;

impl Engine {
    /// The caller behind a key that was shown from this address.
    ///
    /// The store is asked each time, at least whether anybody wrote anything since it was asked
    /// last: a key that another process revoked opens nothing any more from that moment on.
    ///
    /// # Errors
    /// `unauthorized` for one that is unknown, revoked, expired or not for use from there: they
    /// all look the same, so that whoever has found a key learns nothing of it. The administrator
    /// finds the reason in the audit log.
    pub async fn authenticate(&self, key: &str, from: Option<IpAddr>) -> Result<Caller> {
        let now = self.now();
        let found = match KEY.hash_of(key) {
            Some(hash) => self.key_of(hash).await?,
            None => None,
        };
        let found = match found {
            Some(found) => match refusal(&found, from, now) {
                None => Some(found),
                Some(why) => {
                    self.note_refused(&found, from, why);
                    None
                }
            },
            None => None,
        };
        let Some(found) = found else {
            self.slow_down(Shown::Key, from).await;
            return Err(Problem::new(
                Code::Unauthorized,
                "No valid key was shown: it is missing, unknown, revoked, expired or not for use \
                 from here. Send it as `Authorization: Bearer KEY`, or as the password of HTTP \
                 Basic; `postroom key create` makes one.",
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
        Ok(Caller::Key(found))
    }

    /// The key of this hash, revoked and expired ones included, as the store has it now.
    async fn key_of(&self, hash: KeyHash) -> Result<Option<Arc<Key>>> {
        let keyring = &self.shared.access.keyring;
        let commits = self.store().commits();
        let known = commits.and_then(|commits| keyring.get(&hash, commits));
        if known.is_some() {
            return Ok(known);
        }
        let read = self.store().key_by_hash(&hash).await?.map(Arc::new);
        if let (Some(key), Some(commits)) = (&read, commits) {
            keyring.put(hash, key, commits);
        }
        Ok(read)
    }

    /// Counts something wrong that was shown, and lets whoever showed it wait.
    pub(crate) async fn slow_down(&self, what: Shown, from: Option<IpAddr>) {
        let penalty = self.shared.access.failures.count(what, from, self.now());
        // The machine's time, not the engine's clock: this only slows down guessing.
        tokio::time::sleep(penalty).await;
    }

    /// A key that was given out is shown where or when it opens nothing: somebody may have found
    /// it. Once a minute for each key and address.
    fn note_refused(&self, key: &Key, from: Option<IpAddr>, why: &'static str) {
        let actor = Actor {
            kind: ActorKind::Key,
            id: Some(key.id.as_str().to_owned()),
            name: key.name.clone(),
        };
        let mut entry = self.audit_entry(actor, "key.refused", from, Outcome::Refused);
        entry.details.insert("reason".to_owned(), why.into());
        self.count_audit(entry);
    }
}

fn refusal(key: &Key, from: Option<IpAddr>, now: Timestamp) -> Option<&'static str> {
    if key.revoked_at.is_some() {
        Some("revoked")
    } else if !key.is_valid(now) {
        Some("expired")
    } else if !key.opens_from(from) {
        Some("network")
    } else {
        None
    }
}
