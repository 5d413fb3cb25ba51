//! When keys were last used: written at most once a minute for each.

use postroom_model::{KeyId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Seconds between two notes of one key's use.
const APART: i64 = 60;

/// When each key's use was last noted by this process. Only keys that are valid come in here.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<HashMap<KeyId, Timestamp>>);

impl Usage {
    /// Whether a use at `now` is to be noted; if so, it counts as noted.
    pub(super) fn is_due(&self, key: &KeyId, stored: Option<Timestamp>, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = noted.get(key).copied().max(stored);
        let due = last.is_none_or(|last| now.duration_since(last).as_secs() >= APART);
        if due {
            noted.insert(key.clone(), now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::clock::later;
    use std::time::Duration;

    #[test]
    fn one_note_a_minute() {
        let usage = Usage::default();
        let key = KeyId::new("k");
        let start = Timestamp::UNIX_EPOCH;
        assert!(usage.is_due(&key, None, start));
        assert!(!usage.is_due(&key, None, later(start, Duration::from_secs(59))));
        assert!(usage.is_due(&key, None, later(start, Duration::from_secs(60))));
        assert!(!usage.is_due(&KeyId::new("other"), Some(start), start));
    }
}
