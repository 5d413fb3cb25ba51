//! Callers' keys.

use super::Result;
use async_trait::async_trait;
use postroom_model::key::Key;
use postroom_model::{KeyId, Timestamp};

/// A key's hash: the secret has 256 bits of randomness, so a fast hash is safe.
pub type KeyHash = [u8; 32];

/// Callers' keys.
#[async_trait]
pub trait Keys {
    /// Adds a key.
    async fn insert_key(&self, key: &Key, hash: &KeyHash) -> Result<()>;
    /// The key of this hash, revoked and expired ones included.
    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>>;
    /// One.
    async fn key(&self, id: &KeyId) -> Result<Option<Key>>;
    /// All, in the order in which they were made.
    async fn keys(&self) -> Result<Vec<Key>>;
    /// Writes name, scopes, mailboxes, networks, expiry and revocation anew. `Ok(false)` when it is
    /// gone or was revoked: nothing makes a revoked key open anything again.
    async fn update_key(&self, key: &Key) -> Result<bool>;
    /// Writes when keys were last used; unknown ones are passed over.
    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<()>;
}
