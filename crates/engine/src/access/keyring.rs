//! Keys that were shown, remembered for as long as nobody has written anything: not this process, and
//! not another one on the same store. A key that was revoked there opens nothing from then on.

use postroom_model::key::Key;
use postroom_store::contract::keys::KeyHash;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// So many are remembered at most.
const MOST: usize = 10_000;

/// What is remembered, by the hash. There is no key's text in it.
#[derive(Debug, Default)]
pub(super) struct Keyring(RwLock<HashMap<KeyHash, Known>>);

#[derive(Debug)]
struct Known {
    key: Arc<Key>,
    /// [`postroom_store::Store::commits`] from before the key was read.
    commits: u64,
}

impl Keyring {
    /// The key, as it is in a store with this number.
    pub(super) fn get(&self, hash: &KeyHash, commits: u64) -> Option<Arc<Key>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(hash).filter(|known| known.commits == commits)?;
        Some(Arc::clone(&found.key))
    }

    /// Remembers what was read after the store had this number.
    pub(super) fn put(&self, hash: KeyHash, key: &Arc<Key>, commits: u64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let key = Arc::clone(key);
        known.insert(hash, Known { key, commits });
    }
}
