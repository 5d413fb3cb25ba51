//! What the door to Microsoft asks for and the engine fills in from the store.

use crate::account::AccountState;
use crate::call::CallRecord;
use crate::connection::Credential;
use crate::grant::Grant;
use crate::ids::{AccountId, ConnectionId, CredentialId};
use async_trait::async_trait;

/// Where secrets and grants lie.
#[async_trait]
pub trait TokenVault: Send + Sync {
    /// The connection's credentials, the one to try first in front. One that cannot be read has an
    /// empty secret.
    async fn credentials(&self, connection: &ConnectionId) -> Result<Vec<Credential>, PortError>;
    /// A user's grant; `None` when there is none (any more).
    async fn grant(&self, account: &AccountId) -> Result<Option<Grant>, PortError>;
    /// Makes a rotated grant durable. Returns only when it is on disk: the access token that came
    /// with it is not used before.
    async fn save_grant(&self, account: &AccountId, grant: &Grant) -> Result<(), PortError>;
    /// Says that an account can or can no longer act. Ending a grant (any state but `active` and
    /// `refreshing`) keeps the account and its mailboxes.
    async fn set_state(
        &self,
        account: &AccountId,
        state: AccountState,
        reason: Option<&str>,
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
