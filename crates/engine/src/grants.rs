//! The door's vault, filled from the store.

use crate::alerts::AlertState;
use async_trait::async_trait;
use postroom_model::account::AccountState;
use postroom_model::clock::SharedClock;
use postroom_model::connection::Credential;
use postroom_model::grant::Grant;
use postroom_model::ports::{PortError, TokenVault};
use postroom_model::{AccountId, ConnectionId};
use postroom_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// How long a refresh token lives from its last use (entra-docs, `refresh-tokens.md`).
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Credentials and grants from the store.
pub struct StoreVault {
    store: Arc<dyn Store>,
    clock: SharedClock,
    alerts: Arc<AlertState>,
}

impl StoreVault {
    /// A vault on this store.
    pub(crate) fn new(store: Arc<dyn Store>, clock: SharedClock, alerts: Arc<AlertState>) -> Self {
        Self {
            store,
            clock,
            alerts,
        }
    }
}

#[async_trait]
impl TokenVault for StoreVault {
    async fn credentials(&self, connection: &ConnectionId) -> Result<Vec<Credential>, PortError> {
        self.store
            .credentials(connection)
            .await
            .map_err(PortError::new)
    }

    async fn grant(&self, account: &AccountId) -> Result<Option<Grant>, PortError> {
        self.store.grant(account).await.map_err(PortError::new)
    }

    async fn save_grant(&self, account: &AccountId, grant: &Grant) -> Result<(), PortError> {
        // A rotated grant follows another one. If that was ended while Microsoft was asked (the
        // account was removed, the connection's addresses changed), the new one must not bring it
        // back; a sign-in writes its grant elsewhere.
        let ended = self
            .store
            .grant(account)
            .await
            .map_err(PortError::new)?
            .is_none();
        if ended {
            return Err(PortError::new(
                "the account's grant was ended while its token was refreshed",
            ));
        }
        let expires_at = postroom_model::clock::later(grant.received_at, REFRESH_TOKEN_LIFETIME);
        self.store
            .save_grant(account, grant, expires_at)
            .await
            .map_err(PortError::new)
    }

    async fn set_state(
        &self,
        account: &AccountId,
        state: AccountState,
        reason: Option<&str>,
    ) -> Result<(), PortError> {
        self.store
            .set_account_state(account, state, reason, self.clock.now())
            .await
            .map_err(PortError::new)?;
        if state != AccountState::Refreshing {
            self.alerts.wake();
        }
        Ok(())
    }
}
