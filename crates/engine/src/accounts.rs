//! Accounts: who Postroom can act as.

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::AccountId;
use postroom_model::account::{Account, AccountKind};
use std::collections::HashSet;

impl Engine {
    /// All accounts; a key with a mailbox list sees those that reach its mailboxes.
    pub async fn accounts(&self, caller: &Caller) -> Result<Vec<Account>> {
        let mut accounts: Vec<Account> = self
            .store()
            .accounts()
            .await?
            .into_iter()
            .map(|account| self.as_shown(account))
            .collect();
        if caller.mailboxes().is_some() {
            let reaching: HashSet<AccountId> = self
                .mailboxes(caller)
                .await?
                .into_iter()
                .map(|mailbox| mailbox.account)
                .collect();
            accounts.retain(|account| reaching.contains(&account.id));
        }
        Ok(accounts)
    }

    /// Removes an account with its grant and mailboxes.
    ///
    /// # Errors
    /// `notFound`; `conflict` for the application's as long as its connection has a credential.
    pub async fn remove_account(&self, id: &AccountId) -> Result<()> {
        let gone = || Problem::not_found("account", id.as_str());
        let account = self.store().account(id).await?.ok_or_else(gone)?;
        if account.kind == AccountKind::Application {
            let connection = self.store().connection(&account.connection).await?;
            if let Some(connection) = connection
                && !connection.credentials.is_empty()
                && !connection.is_for_consumers()
            {
                return Err(Problem::new(
                    Code::Conflict,
                    format!(
                        "The application of connection {:?} acts as long as the connection has a \
                         credential: remove its credentials, or the connection.",
                        connection.name
                    ),
                ));
            }
        }
        let removed = self.store().remove_account(id).await?;
        self.door().forget_token(id);
        self.shared.alerts.wake();
        if removed { Ok(()) } else { Err(gone()) }
    }
}
