//! Sign-ins under way.

use super::Result;
use async_trait::async_trait;
use postroom_model::account::Account;
use postroom_model::grant::Grant;
use postroom_model::login::{Login, LoginStatus};
use postroom_model::{LoginId, Secret, Timestamp};

/// Sign-ins under way.
#[async_trait]
pub trait Logins {
    /// Adds one. State, nonce, verifier and device code are encrypted; the state's hash finds it again.
    async fn insert_login(&self, login: &Login) -> Result<()>;
    /// One.
    async fn login(&self, id: &LoginId) -> Result<Option<Login>>;
    /// The one with this state.
    async fn login_by_state(&self, state: &Secret) -> Result<Option<Login>>;
    /// Pending ones with a device code, in the order in which they were begun. One whose secrets do
    /// not open is left out, and the log names it.
    async fn device_logins(&self) -> Result<Vec<Login>>;
    /// Ends a pending one without an account. `Ok(false)` when it was not pending any more.
    async fn fail_login(&self, id: &LoginId, status: LoginStatus, error: &str) -> Result<bool>;
    /// Ends a pending one with an account and its grant, all at once: the account of that user
    /// and connection is kept with its id if there is one (and becomes active), else added as
    /// given. What Microsoft asked of that account before is met. Gives the account as it is now, or `None` when the login was not pending any more.
    async fn complete_login(
        &self,
        id: &LoginId,
        account: &Account,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<Option<Account>>;
    /// Pending ones whose time is over.
    async fn overdue_logins(&self, now: Timestamp) -> Result<Vec<LoginId>>;
    /// Forgets ended ones that were begun before this time. Gives how many.
    async fn prune_logins(&self, before: Timestamp) -> Result<u64>;
}
