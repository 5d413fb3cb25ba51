//! People who open the console, and the addresses that sign them in once.

use super::Result;
use super::keys::KeyHash;
use async_trait::async_trait;
use postroom_model::PersonId;
use postroom_model::person::{MicrosoftIdentity, Person, SignInToken};

/// People who open the console.
#[async_trait]
pub trait Persons {
    /// Adds one. `Conflict` when somebody has that address or that identity already.
    async fn insert_person(&self, person: &Person) -> Result<()>;
    /// One.
    async fn person(&self, id: &PersonId) -> Result<Option<Person>>;
    /// All, in the order in which they were made.
    async fn persons(&self) -> Result<Vec<Person>>;
    /// The one who is this at Microsoft.
    async fn person_by_identity(&self, identity: &MicrosoftIdentity) -> Result<Option<Person>>;
    /// The one with this address, which is in small letters.
    async fn person_by_address(&self, address: &str) -> Result<Option<Person>>;
    /// Writes name, address and role anew. With another address the identity that came in by the
    /// former is forgotten, and its sessions end. `Ok(false)` when the person is gone, `Conflict`
    /// when somebody else has that address.
    async fn update_person(&self, person: &Person) -> Result<bool>;
    /// Notes who somebody with this address is at Microsoft, and gives the person. `None` when that
    /// address is nobody's any more, or somebody came in with it already; `Conflict` when somebody
    /// else has that identity.
    async fn bind_person(
        &self,
        id: &PersonId,
        address: &str,
        identity: &MicrosoftIdentity,
    ) -> Result<Option<Person>>;
    /// Removes one with the sessions and tokens. `Ok(false)` when the person is gone.
    async fn remove_person(&self, id: &PersonId) -> Result<bool>;
    /// Keeps a token in place of the one that the same person has (or nobody, if it is for the
    /// first person there ever is).
    async fn put_sign_in_token(&self, hash: &KeyHash, token: &SignInToken) -> Result<()>;
    /// The token of this hash, one that is over included.
    async fn sign_in_token(&self, hash: &KeyHash) -> Result<Option<SignInToken>>;
}
