//! The application's account follows the connection's credentials.

use crate::alerts::application_end;
use crate::{Engine, Result};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::{AccountId, ConnectionId};

/// Why the application cannot act without a credential.
const NO_CREDENTIAL: &str =
    "The connection has no credential any more: add a client secret or a certificate to it.";
/// Why there is no application for personal accounts (AADSTS9001023, 90124, 90130).
const CONSUMERS: &str = "The connection is for personal Microsoft accounts now, where an \
    application acts for signed-in users only: give it a tenant, or sign the users in.";

impl Engine {
    /// Brings a connection's application account in line with its credentials. With `fresh` a
    /// credential is new: whoever was stopped by the old one may try again.
    pub(super) async fn settle_application(&self, id: &ConnectionId, fresh: bool) -> Result<()> {
        let settled = self.settle(id, fresh).await;
        // Its name, its credentials or their ends may be others.
        self.shared.alerts.wake();
        settled
    }

    /// Ends were written to a connection's credentials.
    pub(crate) async fn settle_ends(&self, id: &ConnectionId) -> Result<()> {
        self.settle(id, false).await
    }

    async fn settle(&self, id: &ConnectionId, fresh: bool) -> Result<()> {
        let Some(connection) = self.store().connection(id).await? else {
            return Ok(());
        };
        let account = self.store().account_of(id, None).await?;
        let why_none = if connection.is_for_consumers() {
            Some(CONSUMERS)
        } else if connection.credentials.is_empty() {
            Some(NO_CREDENTIAL)
        } else {
            None
        };
        if let Some(why) = why_none {
            if let Some(account) = account {
                self.retire_application(account, why).await?;
            }
            return if fresh {
                self.revive_users(id).await
            } else {
                Ok(())
            };
        }
        let now = self.now();
        let was = account.clone();
        let mut account = account.unwrap_or_else(|| Account {
            id: AccountId::new(self.shared.dice.timed_guid(now).to_string()),
            connection: id.clone(),
            kind: AccountKind::Application,
            user_id: None,
            user_principal_name: None,
            display_name: None,
            state: AccountState::Active,
            reason: None,
            since: now,
            expires_at: None,
        });
        account.display_name = Some(connection.name.clone());
        account.expires_at = application_end(&connection, now);
        if fresh && account.state != AccountState::Active {
            account.state = AccountState::Active;
            account.reason = None;
            account.since = now;
        }
        self.store().put_account(&account).await?;
        self.shared.account_changes.tell(was.as_ref(), &account);
        if fresh {
            self.wake_mirrors(&account.id).await;
            self.revive_users(id).await?;
        }
        Ok(())
    }

    /// Without a credential, and for personal accounts, there is no application. One that mailboxes
    /// are reached through stays, unable to act: their mirrors would go with it, and a new
    /// credential brings all back.
    async fn retire_application(&self, account: Account, why: &str) -> Result<()> {
        let mailboxes = self.store().mailboxes().await?;
        if mailboxes
            .iter()
            .all(|mailbox| mailbox.account != account.id)
        {
            self.store().remove_account(&account.id).await?;
            self.door().forget_token(&account.id);
            return Ok(());
        }
        let now = self.now();
        let retired = Account {
            state: AccountState::CredentialExpired,
            reason: Some(why.to_owned()),
            since: now,
            expires_at: None,
            ..account.clone()
        };
        self.store().put_account(&retired).await?;
        self.shared.account_changes.tell(Some(&account), &retired);
        Ok(())
    }

    /// Users whose grant is whole, and who were stopped by the connection's secret alone.
    async fn revive_users(&self, id: &ConnectionId) -> Result<()> {
        for account in self.store().accounts().await? {
            let stopped = account.connection == *id
                && account.kind == AccountKind::User
                && account.state == AccountState::CredentialExpired;
            if stopped && self.store().grant(&account.id).await?.is_some() {
                self.set_account_state(&account, AccountState::Active, None)
                    .await?;
                self.wake_mirrors(&account.id).await;
            }
        }
        Ok(())
    }
}
