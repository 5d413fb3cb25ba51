//! Connections and their credentials.

use super::Result;
use async_trait::async_trait;
use postroom_model::connection::{Connection, Credential};
use postroom_model::{ConnectionId, CredentialId, LoginId, Timestamp};

/// A connection that is written anew, with all that goes with it: one commit, so that no secret is
/// ever beside an address that it was not given for.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionWrite<'a> {
    /// As it was read. Nothing is written when it is another one by now.
    pub was: &'a Connection,
    /// As it is to be; its `credentials` are not looked at.
    pub now: &'a Connection,
    /// Replaces every credential.
    pub credential: Option<&'a Credential>,
    /// Why and when all ends that was granted through it: credentials, unless one replaces them;
    /// the users' grants, whose accounts then need a sign-in; sign-ins under way.
    pub ends: Option<(&'a str, Timestamp)>,
}

/// What became of a [`ConnectionWrite`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionWritten {
    /// It is written, and these sign-ins under way have failed with it.
    Done(Vec<LoginId>),
    /// Nothing is written: somebody else changed the connection meanwhile.
    Stale,
    /// Nothing is written: the connection is gone.
    Gone,
}

/// Connections and their credentials.
#[async_trait]
pub trait Connections {
    /// Adds a connection, with a credential if one is given; its `credentials` are not looked at.
    /// The name compared without regard to case must be new, else `Conflict`.
    async fn insert_connection(
        &self,
        connection: &Connection,
        credential: Option<&Credential>,
    ) -> Result<()>;
    /// Writes a connection anew. The name must be new as above.
    async fn update_connection(&self, write: ConnectionWrite<'_>) -> Result<ConnectionWritten>;
    /// One, with what may be told of its credentials.
    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>>;
    /// All, in the order in which they were made.
    async fn connections(&self) -> Result<Vec<Connection>>;
    /// Removes one with its credentials, accounts, grants, logins, people, mailboxes (mirror
    /// included) and what was learned of it (the settings with its id in their names). `Ok(false)`
    /// when it is gone.
    async fn remove_connection(&self, id: &ConnectionId) -> Result<bool>;

    /// Adds a credential. The secret is encrypted, bound to its row.
    async fn insert_credential(
        &self,
        connection: &ConnectionId,
        credential: &Credential,
    ) -> Result<()>;
    /// The credentials with their secrets, the newest first. A secret that does not open (another
    /// store's, tampered with) is empty, and the log names it: the others are good all the same.
    async fn credentials(&self, connection: &ConnectionId) -> Result<Vec<Credential>>;
    /// Removes one. `Ok(false)` when it is gone.
    async fn remove_credential(
        &self,
        connection: &ConnectionId,
        credential: &CredentialId,
    ) -> Result<bool>;
    /// Notes what Microsoft said of a connection's credentials: that it took this one, after it was
    /// not those. Gives whether that is news.
    async fn note_credential_taken(
        &self,
        connection: &ConnectionId,
        taken: &CredentialId,
        refused: &[CredentialId],
        at: Timestamp,
    ) -> Result<bool>;
}
