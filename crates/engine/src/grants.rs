//! The door's vault, filled from the store, and what becomes of accounts.

use crate::alerts::AlertState;
use crate::{Engine, Result as EngineResult};
use async_trait::async_trait;
use postroom_model::account::{Account, AccountState};
use postroom_model::clock::SharedClock;
use postroom_model::connection::{Connection, Credential};
use postroom_model::grant::Grant;
use postroom_model::ports::{PortError, TokenVault};
use postroom_model::{AccountId, ConnectionId, CredentialId};
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

    /// Looks, after a secret was read, whether the connection still goes where the caller means to
    /// send it. A change of addresses ends what it leads elsewhere in the same commit: where this
    /// finds none, the secret is for that place.
    async fn is_where_it_was(&self, connection: &Connection) -> Result<(), PortError> {
        let stands = self.store.connection(&connection.id).await;
        match stands.map_err(PortError::new)? {
            Some(stands) if stands.goes_where(connection) => Ok(()),
            Some(_) => Err(PortError::new(format!(
                "the connection {:?} was changed meanwhile: try again",
                connection.name
            ))),
            None => Err(PortError::new(format!(
                "the connection {:?} was removed",
                connection.name
            ))),
        }
    }
}

/// Writes an account's state where it is another one, and says so. `by` is the grant that it was
/// found out with.
async fn write_state(
    store: &dyn Store,
    changes: &AccountChanges,
    account: &Account,
    now: Account,
    by: Option<&Grant>,
) -> Result<(), StoreError> {
    if (account.state, &account.reason) == (now.state, &now.reason) {
        return Ok(());
    }
    let (reason, by) = (now.reason.as_deref(), by.map(|grant| &grant.refresh_token));
    let written = store
        .set_account_state(&account.id, now.state, reason, now.since, by)
        .await?;
    if written {
        changes.tell(Some(account), &now);
    }
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
        let now = Account {
            state,
            reason: reason.map(str::to_owned),
            since: self.now(),
            ..account.clone()
        };
        let changes = &self.shared.account_changes;
        let store = self.store().as_ref();
        Ok(write_state(store, changes, account, now, None).await?)
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
    async fn credentials(&self, connection: &Connection) -> Result<Vec<Credential>, PortError> {
        let found = self.store.credentials(&connection.id).await;
        let found = found.map_err(PortError::new)?;
        self.is_where_it_was(connection).await?;
        Ok(found)
    }

    async fn grant(
        &self,
        account: &AccountId,
        connection: &Connection,
    ) -> Result<Option<Grant>, PortError> {
        let found = self.store.grant(account).await.map_err(PortError::new)?;
        self.is_where_it_was(connection).await?;
        Ok(found)
    }

    async fn rotate_grant(
        &self,
        account: &AccountId,
        used: &Grant,
        grant: &Grant,
    ) -> Result<bool, PortError> {
        let expires_at = postroom_model::clock::later(grant.received_at, REFRESH_TOKEN_LIFETIME);
        self.store
            .rotate_grant(account, &used.refresh_token, grant, expires_at)
            .await
            .map_err(PortError::new)
    }

    async fn set_state(
        &self,
        account: &AccountId,
        state: AccountState,
        reason: Option<&str>,
        by: Option<&Grant>,
    ) -> Result<(), PortError> {
        let account = self.store.account(account).await.map_err(PortError::new)?;
        // One that is gone has no state any more.
        let Some(account) = account else {
            return Ok(());
        };
        let now = Account {
            state,
            reason: reason.map(str::to_owned),
            since: self.clock.now(),
            ..account.clone()
        };
        let store = self.store.as_ref();
        write_state(store, &self.changes, &account, now, by)
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
                self.set_state(&application.id, state, Some(reason), None)
                    .await
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
