//! Accounts: who Postroom can act as.

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_microsoft::Identity;
use postroom_model::account::{Account, AccountKind};
use postroom_model::call::CallRecord;
use postroom_model::grant::AccessToken;
use postroom_model::ports::CallLog;
use postroom_model::{AccountId, CallId};
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

    /// A valid access token for another program's own use; logged.
    pub async fn account_token(&self, caller: &Caller, id: &AccountId) -> Result<AccessToken> {
        let who = self.identity(id, caller.name()).await?;
        let token = self.door().access_token(&who).await;
        self.log_token(&who, token.as_ref().err().map(ToString::to_string));
        Ok(token?)
    }

    /// Handing out a token is no call to Microsoft, but what is done with it cannot be seen here
    /// any more: so the log says who has one.
    fn log_token(&self, who: &Identity, error: Option<String>) {
        let at = self.now();
        let id = self.shared.dice.timed_guid(at).to_string();
        self.shared.call_log.record(CallRecord {
            id: CallId::new(id.clone()),
            at,
            connection: who.connection.id.clone(),
            account: Some(who.account.id.clone()),
            mailbox: None,
            caller: who.caller.to_string(),
            method: "TOKEN".to_owned(),
            path: match &error {
                None => "token handed out".to_owned(),
                Some(_) => "token asked for".to_owned(),
            },
            // An entry without a status counts as failed.
            status: error.is_none().then_some(200),
            duration_ms: 0,
            request_bytes: 0,
            response_bytes: 0,
            attempt: 1,
            request_id: None,
            client_request_id: id,
            error,
            detail: None,
        });
    }
}
