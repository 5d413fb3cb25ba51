//! Accounts and their grants.

use super::Result;
use async_trait::async_trait;
use postroom_model::account::{Account, AccountState};
use postroom_model::grant::Grant;
use postroom_model::{AccountId, ConnectionId, Secret, Timestamp};

/// Accounts and their grants.
#[async_trait]
pub trait Accounts {
    /// Adds an account, or writes it anew. There is one application account for a connection and
    /// one account for a user of a connection: with another id, `Conflict` names the one there.
    async fn put_account(&self, account: &Account) -> Result<()>;
    /// One.
    async fn account(&self, id: &AccountId) -> Result<Option<Account>>;
    /// All, in the order in which they were made.
    async fn accounts(&self) -> Result<Vec<Account>>;
    /// The account of a user (`Some(oid)`) or of the application (`None`).
    async fn account_of(
        &self,
        connection: &ConnectionId,
        user_id: Option<&str>,
    ) -> Result<Option<Account>>;
    /// Writes state, reason and since when. Does nothing when both are the same already. `by` is
    /// the refresh token that it was found out with: `Ok(false)`, and nothing is written, when the
    /// account has another one by now, or none.
    async fn set_account_state(
        &self,
        id: &AccountId,
        state: AccountState,
        reason: Option<&str>,
        at: Timestamp,
        by: Option<&Secret>,
    ) -> Result<bool>;
    /// Removes an account, its grant and the mailboxes that are reached through it (mirror
    /// included). `Ok(false)` when it is gone.
    async fn remove_account(&self, id: &AccountId) -> Result<bool>;

    /// A user's grant with its refresh token.
    async fn grant(&self, account: &AccountId) -> Result<Option<Grant>>;
    /// Writes a grant, encrypted and bound to its account, and how long the account lives if
    /// nobody uses it.
    async fn save_grant(
        &self,
        account: &AccountId,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<()>;
    /// The same in place of the grant with the refresh token `used`. `Ok(false)`, and nothing is
    /// written, when the account has another one by now, or none.
    async fn rotate_grant(
        &self,
        account: &AccountId,
        used: &Secret,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<bool>;

    /// What Microsoft asks for before this account can act again (claims, JSON), until the user
    /// signs in.
    async fn claims_challenge(&self, account: &AccountId) -> Result<Option<String>>;
    /// Writes it. Does nothing for an account that is gone.
    async fn put_claims_challenge(&self, account: &AccountId, claims: &str) -> Result<()>;
}
