//! The door's vault, filled from the store, and what becomes of accounts.

use crate::alerts::AlertState;
use crate::{Engine, Result as EngineResult};
use async_trait::async_trait;
use postroom_model::account::{Account, AccountState};
use postroom_model::clock::SharedClock;
use postroom_model::connection::Credential;
use postroom_model::grant::Grant;
use postroom_model::ports::{PortError, TokenVault};
use postroom_model::{AccountId, ConnectionId, CredentialId, Timestamp};
use postroom_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

mod changes;
mod idle;

pub use changes::AccountChange;
pub(crate) use changes::AccountChanges;
pub(crate) use idle::{IdleState, run as run_idle};

/// How long a refresh token lives from its last use (entra-docs, `refresh-tokens.md`).
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Credentials and grants from the store.
pub struct StoreVault {
    store: Arc<dyn Store>,
    clock: SharedClock,
    changes: Arc<AccountChanges>,
    alerts: Arc<AlertState>,
}

impl StoreVault {
    /// A vault on this store, whose news nobody hears.
    pub fn new(store: Arc<dyn Store>, clock: SharedClock) -> Self {
        Self::telling(store, clock, Arc::default(), Arc::default())
    }

    /// A vault on this store that says what changes.
    pub(crate) fn telling(
        store: Arc<dyn Store>,
        clock: SharedClock,
        changes: Arc<AccountChanges>,
        alerts: Arc<AlertState>,
    ) -> Self {
        Self {
            store,
            clock,
            changes,
            alerts,
        }
    }
}

/// Writes an account's state where it is another one, and says so.
async fn write_state(
    store: &dyn Store,
    changes: &AccountChanges,
    account: &Account,
    state: AccountState,
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let now = Account {
        state,
        reason: reason.map(str::to_owned),
        since: at,
        ..account.clone()
    };
    if (account.state, &account.reason) == (now.state, &now.reason) {
        return Ok(());
    }
    store
        .set_account_state(&account.id, state, reason, at)
        .await?;
    changes.tell(Some(account), &now);
    Ok(())
}

impl Engine {
    /// Changes of accounts' states from now on, each once. Whoever is more than a thousand behind
    /// misses the oldest ones, and learns that.
    pub fn account_changes(&self) -> broadcast::Receiver<AccountChange> {
        self.shared.account_changes.listen()
    }

    /// Writes an account's state, and says so where that is news.
    pub(crate) async fn set_account_state(
        &self,
        account: &Account,
        state: AccountState,
        reason: Option<&str>,
    ) -> EngineResult<()> {
        let changes = &self.shared.account_changes;
        let store = self.store().as_ref();
        Ok(write_state(store, changes, account, state, reason, self.now()).await?)
    }

    /// An account as people see it: one whose token is being fetched is `refreshing`, which is
    /// nowhere written.
    pub(crate) fn as_shown(&self, account: Account) -> Account {
        match self.door().refreshing_since(&account.id) {
            Some(since) if account.state == AccountState::Active => Account {
                state: AccountState::Refreshing,
                since,
                ..account
            },
            _ => account,
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
        let account = self.store.account(account).await.map_err(PortError::new)?;
        // One that is gone has no state any more.
        let Some(account) = account else {
            return Ok(());
        };
        let (store, at) = (self.store.as_ref(), self.clock.now());
        write_state(store, &self.changes, &account, state, reason, at)
            .await
            .map_err(PortError::new)
    }

    async fn credential_refused(
        &self,
        connection: &ConnectionId,
        reason: &str,
    ) -> Result<(), PortError> {
        let application = self.store.account_of(connection, None).await;
        match application.map_err(PortError::new)? {
            Some(application) => {
                let state = AccountState::CredentialExpired;
                self.set_state(&application.id, state, Some(reason)).await
            }
            None => Ok(()),
        }
    }

    async fn credential_taken(
        &self,
        connection: &ConnectionId,
        taken: &CredentialId,
        refused: &[CredentialId],
    ) -> Result<(), PortError> {
        let (store, at) = (self.store.as_ref(), self.clock.now());
        let is_news = store
            .note_credential_taken(connection, taken, refused, at)
            .await
            .map_err(PortError::new)?;
        if is_news {
            // Another one's end may be the one that matters.
            self.alerts.wake_watch();
        }
        Ok(())
    }

    async fn kept_claims(&self, account: &AccountId) -> Result<Option<String>, PortError> {
        self.store
            .claims_challenge(account)
            .await
            .map_err(PortError::new)
    }

    async fn keep_claims(&self, account: &AccountId, claims: &str) -> Result<(), PortError> {
        self.store
            .put_claims_challenge(account, claims)
            .await
            .map_err(PortError::new)
    }
}
