//! What the door to Microsoft asks for and the engine fills in from the store.

use crate::account::AccountState;
use crate::call::CallRecord;
use crate::connection::{Connection, Credential};
use crate::grant::Grant;
use crate::ids::{AccountId, ConnectionId, CredentialId};
use async_trait::async_trait;

/// Where secrets and grants lie.
#[async_trait]
pub trait TokenVault: Send + Sync {
    /// The connection's credentials, the one to try first in front. They are for the connection as
    /// it is given: where it goes somewhere else by now ([`Connection::goes_where`]) there are none,
    /// but an error. One that cannot be read has an empty secret.
    async fn credentials(&self, connection: &Connection) -> Result<Vec<Credential>, PortError>;
    /// A user's grant; `None` when there is none (any more). It is for the connection as it is
    /// given, as above.
    async fn grant(
        &self,
        account: &AccountId,
        connection: &Connection,
    ) -> Result<Option<Grant>, PortError>;
    /// Makes a rotated grant durable in place of `used`. Returns only when it is on disk: the access
    /// token that came with it is not used before. `Ok(false)`, and nothing is written, when the
    /// account has another grant by now, or none: it was signed in anew, removed or ended.
    async fn rotate_grant(
        &self,
        account: &AccountId,
        used: &Grant,
        grant: &Grant,
    ) -> Result<bool, PortError>;
    /// Says that an account can or can no longer act. Ending a grant (any state but `active` and
    /// `refreshing`) keeps the account and its mailboxes. `by` is the grant that this was found out
    /// with: of an account that has another one by now it says nothing.
    async fn set_state(
        &self,
        account: &AccountId,
        state: AccountState,
        reason: Option<&str>,
        by: Option<&Grant>,
    ) -> Result<(), PortError>;
    /// Says that Microsoft took none of a connection's credentials, where that was found out by a
    /// user's refresh: it is the application that cannot act.
    async fn credential_refused(
        &self,
        connection: &ConnectionId,
        reason: &str,
    ) -> Result<(), PortError>;
    /// Says that Microsoft took one of a connection's credentials, after it was none of `refused`.
    /// Told only where the credentials say otherwise (`taken_at`).
    async fn credential_taken(
        &self,
        connection: &ConnectionId,
        taken: &CredentialId,
        refused: &[CredentialId],
    ) -> Result<(), PortError>;
    /// Keeps what Microsoft asks for before it lets an account act again (a claims challenge, JSON),
    /// for the next sign-in of that user.
    async fn keep_claims(&self, account: &AccountId, claims: &str) -> Result<(), PortError>;
    /// What is kept so; `None` once a sign-in met it.
    async fn kept_claims(&self, account: &AccountId) -> Result<Option<String>, PortError>;
}

/// Where calls are logged. Never blocks and never fails the call it logs.
pub trait CallLog: Send + Sync {
    /// Takes an entry.
    fn record(&self, call: CallRecord);
}

/// What a port could not do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PortError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl PortError {
    /// Wraps what went wrong.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
