//! Identifiers that are the same in every run with the same seed.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A seeded source of identifiers.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    counter: AtomicU64,
}

impl Ids {
    /// A source whose identifiers follow from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            counter: AtomicU64::new(0),
        }
    }

    fn digest(&self, label: &str, number: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(label.as_bytes());
        hash.finalize().into()
    }

    /// The GUID that belongs to a label, always the same.
    pub(crate) fn guid(&self, label: &str) -> Uuid {
        guid_of(&self.digest(label, u64::MAX))
    }

    /// A number that belongs to a label, always the same.
    pub(crate) fn number(&self, label: &str) -> u64 {
        let digest = self.digest(label, u64::MAX - 1);
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The next GUID.
    pub(crate) fn next_guid(&self) -> Uuid {
        guid_of(&self.digest("guid", self.counter.fetch_add(1, Ordering::Relaxed)))
    }

    /// The next opaque text, of 43 characters.
    pub(crate) fn next_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.digest("text", self.counter.fetch_add(1, Ordering::Relaxed)))
    }
}

fn guid_of(digest: &[u8; 32]) -> Uuid {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follow_from_the_seed() {
        let (one, same, other) = (Ids::new(1), Ids::new(1), Ids::new(2));
        assert_eq!(one.guid("tenant"), same.guid("tenant"));
        assert_ne!(one.guid("tenant"), other.guid("tenant"));
        assert_eq!(one.next_text(), same.next_text());
        assert_ne!(one.next_text(), one.next_text());
    }
}
