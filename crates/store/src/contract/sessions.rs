//! Sessions of people who signed in.

use super::Result;
use super::keys::KeyHash;
use async_trait::async_trait;
use postroom_model::person::{Person, Session};
use postroom_model::{SessionId, Timestamp};

/// Sessions of people who signed in.
#[async_trait]
pub trait Sessions {
    /// Uses up a token and begins a session, all at once. The session is that of the token's
    /// person; of a token without one `first` is added and it is theirs, unless there is anybody
    /// already. Gives the person, or `None` for a token that is not there or is over (it is gone
    /// then, too).
    async fn redeem_sign_in_token(
        &self,
        token: &KeyHash,
        first: &Person,
        session: &Session,
        hash: &KeyHash,
    ) -> Result<Option<Person>>;
    /// Begins a session and notes that the person signed in. `Ok(false)` when the person is gone.
    async fn insert_session(&self, session: &Session, hash: &KeyHash) -> Result<bool>;
    /// The session of this hash with its person, one that is over included.
    async fn session_by_hash(&self, hash: &KeyHash) -> Result<Option<(Session, Person)>>;
    /// Writes when a session was last used.
    async fn touch_session(&self, id: &SessionId, at: Timestamp) -> Result<()>;
    /// Ends one. `Ok(false)` when it is gone.
    async fn end_session(&self, id: &SessionId) -> Result<bool>;
    /// Forgets sessions that ended before `now` or were last used before `idle_since`, and tokens
    /// that are over. Gives how many.
    async fn sweep_sessions(&self, now: Timestamp, idle_since: Timestamp) -> Result<u64>;
}
