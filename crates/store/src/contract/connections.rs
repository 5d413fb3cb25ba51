//! Connections and their credentials.

use super::Result;
use async_trait::async_trait;
use postroom_model::connection::{Connection, Credential};
use postroom_model::{ConnectionId, CredentialId};

/// Connections and their credentials.
#[async_trait]
pub trait Connections {
    /// Adds a connection; its `credentials` are not looked at. The name compared without regard
    /// to case must be new, else `Conflict`.
    async fn insert_connection(&self, connection: &Connection) -> Result<()>;
    /// Writes all of a connection anew but its credentials. `Ok(false)` when it is gone.
    async fn update_connection(&self, connection: &Connection) -> Result<bool>;
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
        at: postroom_model::Timestamp,
    ) -> Result<bool>;
    /// Ends everything that was granted through a connection: credentials unless `keep` names
    /// them, and the users' grants, whose accounts then need a sign-in.
    async fn end_grants(
        &self,
        connection: &ConnectionId,
        keep: &[CredentialId],
        reason: &str,
        at: postroom_model::Timestamp,
    ) -> Result<()>;
}
