//! What comes too often for an entry each time: an entry for each kind of thing and minute, with
//! how often.

use crate::Engine;
use crate::access::source;
use postroom_model::Timestamp;
use postroom_model::audit::{AuditEntry, Outcome};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The time between two entries of the same kind, in seconds.
const EVERY: i64 = 60;
/// So many kinds are counted at once; what comes beside them is counted together, by action and end.
const KINDS: usize = 4096;
/// So many entries wait for a store that is away.
const READY: usize = 10_000;

/// What makes two things the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    action: String,
    actor: (&'static str, Option<String>),
    subject: Option<String>,
    address: Option<IpAddr>,
    outcome: &'static str,
}

impl Kind {
    fn of(entry: &AuditEntry) -> Self {
        Self {
            action: entry.action.clone(),
            actor: (entry.actor.kind.name(), entry.actor.id.clone()),
            subject: entry.subject.as_ref().and_then(|it| it.id.clone()),
            address: source(entry.address),
            outcome: entry.outcome.name(),
        }
    }

    /// All of one action and end together.
    fn in_all(&self) -> Self {
        Self {
            action: self.action.clone(),
            actor: ("", None),
            subject: None,
            address: None,
            outcome: self.outcome,
        }
    }
}

#[derive(Debug)]
struct Counting {
    written_at: Timestamp,
    /// The newest that is not written, and how many there are of it.
    waiting: Option<(AuditEntry, u64)>,
}

/// What is counted and not written yet.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    kinds: Mutex<HashMap<Kind, Counting>>,
    /// What is to be written at once, behind the calls' back.
    ready: Mutex<Vec<AuditEntry>>,
    /// Held by who writes: whoever looks into the log afterwards sees all that was there before.
    writing: tokio::sync::Mutex<()>,
}

impl Counted {
    /// Counts one; gives the entry to be written now, if it is time for one.
    fn count(&self, entry: AuditEntry) -> Option<AuditEntry> {
        let mut kinds = self.lock();
        let mut kind = Kind::of(&entry);
        if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            // Whoever makes so many kinds is not worth an entry each.
            kind = kind.in_all();
        }
        match kinds.get_mut(&kind) {
            None => {
                let counting = Counting {
                    written_at: entry.at,
                    waiting: None,
                };
                kinds.insert(kind, counting);
                Some(entry)
            }
            Some(counting) => {
                let before = counting.waiting.take().map_or(0, |(_, count)| count);
                let over = entry.at.duration_since(counting.written_at).as_secs() >= EVERY;
                if over {
                    counting.written_at = entry.at;
                    return Some(with_count(entry, before + 1));
                }
                counting.waiting = Some((entry, before + 1));
                None
            }
        }
    }

    /// What waits: all of it, or what is due at `now`. Kinds that are quiet are forgotten.
    fn take(&self, due: Option<Timestamp>) -> Vec<AuditEntry> {
        let mut taken = Vec::new();
        self.lock().retain(|_, counting| {
            let over =
                due.is_none_or(|now| now.duration_since(counting.written_at).as_secs() >= EVERY);
            if !over {
                return true;
            }
            match counting.waiting.take() {
                None => false,
                Some((entry, count)) => {
                    counting.written_at = due.unwrap_or(entry.at);
                    taken.push(with_count(entry, count));
                    true
                }
            }
        });
        taken
    }

    fn make_ready(&self, entries: impl IntoIterator<Item = AuditEntry>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            if ready.len() < READY {
                ready.push(entry);
            } else {
                tracing::error!(
                    action = entry.action,
                    actor = entry.actor.name,
                    "an audit entry is lost: the store takes none"
                );
            }
        }
    }

    fn take_ready(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut *self.ready.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Kind, Counting>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_count(mut entry: AuditEntry, count: u64) -> AuditEntry {
    if count > 1 {
        entry.details.insert("count".to_owned(), count.into());
    }
    entry
}

impl Engine {
    /// Counts something that has happened. Within a minute the first of a kind (who, what, to
    /// what, from where, with which end) has an entry at once, and all others one together.
    pub fn count_audit(&self, entry: AuditEntry) {
        debug_assert_ne!(entry.outcome, Outcome::Begun, "what is counted is over");
        if let Some(entry) = self.shared.counted.count(entry) {
            self.shared.counted.make_ready([entry]);
            let engine = self.clone();
            self.spawn(async move { engine.write_ready().await });
        }
    }

    /// Writes all that is counted and not written yet, for somebody who looks, or at the end.
    pub(crate) async fn write_counted(&self) {
        let counted = &self.shared.counted;
        counted.make_ready(counted.take(None));
        self.write_ready().await;
    }

    /// Writes what has waited for a minute.
    pub(crate) async fn write_counted_of_late(&self) {
        let counted = &self.shared.counted;
        counted.make_ready(counted.take(Some(self.now())));
        self.write_ready().await;
    }

    async fn write_ready(&self) {
        let _turn = self.shared.counted.writing.lock().await;
        let entries = self.shared.counted.take_ready();
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.store().insert_audit(&entries).await {
            tracing::error!(%error, many = entries.len(), "audit entries could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::audit::{Actor, ActorKind};
    use serde_json::{Map, json};

    fn entry(name: &str, second: i64) -> AuditEntry {
        AuditEntry {
            id: "x".into(),
            at: Timestamp::from_second(second).expect("a time"),
            actor: Actor {
                kind: ActorKind::Key,
                id: Some(name.to_owned()),
                name: name.to_owned(),
            },
            address: None,
            action: "account.token".to_owned(),
            subject: None,
            outcome: Outcome::Done,
            details: Map::new(),
            request_id: None,
        }
    }

    #[test]
    fn the_first_is_written_and_the_rest_together() {
        let counted = Counted::default();
        let written = |name: &str, second| {
            counted
                .count(entry(name, second))
                .map(|entry| entry.details.get("count").cloned())
        };
        assert_eq!(written("a", 0), Some(None));
        assert_eq!(written("a", 1), None);
        assert_eq!(written("b", 1), Some(None));
        assert_eq!(written("a", 59), None);
        assert_eq!(written("a", 60), Some(Some(json!(3))));
        assert_eq!(written("a", 61), None);
        assert!(counted.take(Timestamp::from_second(100).ok()).is_empty());
        let rest = counted.take(Timestamp::from_second(121).ok());
        assert_eq!(rest.len(), 1);
        assert!(rest.iter().all(|it| it.details.get("count").is_none()));
        assert_eq!(written("a", 122), None);
        assert_eq!(counted.take(None).len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let counted = Counted::default();
        for number in 0..KINDS {
            assert!(counted.count(entry(&number.to_string(), 0)).is_some());
        }
        // What comes beside them is one kind.
        let beside = (KINDS..KINDS + 100)
            .filter(|number| counted.count(entry(&number.to_string(), 0)).is_some())
            .count();
        assert_eq!((beside, counted.lock().len()), (1, KINDS + 1));
    }
}
