//! From a code to an account.

use super::returned::Returned;
use super::{CHANGED, EXPIRED, LoginEnd};
use crate::grants::REFRESH_TOKEN_LIFETIME;
use crate::{Code, Engine, Problem, Result};
use postroom_microsoft::{Again, DoorError, SignedIn};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::audit::{Actor, ActorKind, Outcome, Subject};
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::login::{Login, LoginStatus};
use postroom_model::{AccountId, LoginId, Secret};
use std::time::Duration;

/// How finishing went.
pub(super) enum Finish {
    /// The account that came of it.
    Completed(Account),
    /// It is over, or was never one: why, in words for the user.
    Failed(String),
    /// It is still pending: the same return may be tried again.
    Undecided(Problem),
}

impl Finish {
    pub(super) fn into_end(self) -> LoginEnd {
        match self {
            Self::Completed(account) => LoginEnd::Completed(account),
            Self::Failed(why) => LoginEnd::Failed(why),
            Self::Undecided(problem) => LoginEnd::Failed(format!(
                "The sign-in could not be finished just now: {}. Reload this page to try again.",
                problem.detail.trim_end_matches('.')
            )),
        }
    }
}

fn failed(why: &str) -> Finish {
    Finish::Failed(why.to_owned())
}

impl Engine {
    /// Finishes a sign-in. A code works once, so this goes on to its end even when the browser
    /// hangs up.
    pub(super) async fn finish_login(&self, id: LoginId, returned: Returned) -> Finish {
        let engine = self.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        self.spawn(async move {
            let finish = match engine.finish_now(&id, returned).await {
                Ok(finish) => finish,
                Err(problem) => {
                    tracing::error!(login = %id, error = ?problem, "finishing a sign-in");
                    Finish::Undecided(problem)
                }
            };
            // Nobody may listen any more: the store has the result.
            let _ = tell.send(finish);
        });
        told.await.unwrap_or_else(|_| {
            Finish::Undecided(Problem::new(
                Code::Internal,
                "Something went wrong here; the server's log says what.",
            ))
        })
    }

    async fn finish_now(&self, id: &LoginId, returned: Returned) -> Result<Finish> {
        let Some(_turn) = self.shared.logins.begin(id) else {
            return Ok(failed(
                "This sign-in is being finished in another window: look there.",
            ));
        };
        let Some(login) = self.store().login(id).await? else {
            return Ok(failed("Nobody waits for this sign-in any more."));
        };
        if login.status != LoginStatus::Pending {
            return Ok(Finish::Failed(match (login.status, login.error) {
                (LoginStatus::Completed, _) => {
                    "This sign-in was finished already. You may close this window.".to_owned()
                }
                (_, Some(why)) => format!("This sign-in has ended already. {why}"),
                (_, None) => "This sign-in has ended already. Begin a new one where you came from."
                    .to_owned(),
            }));
        }
        if login.expires_at <= self.now() {
            return self
                .fail(id, LoginStatus::Expired, EXPIRED.to_owned())
                .await;
        }
        if let Some(why) = returned.refused {
            return self.fail(id, LoginStatus::Failed, why).await;
        }
        let Some(code) = returned.code else {
            return Ok(failed(
                "The address has neither a code nor an error in it: it was cut off on its way. \
                 Begin the sign-in again.",
            ));
        };
        let Some(connection) = self.store().connection(&login.connection).await? else {
            return Ok(failed("The connection of this sign-in was removed."));
        };
        if !self.is_pending(id).await? {
            return Ok(failed(CHANGED));
        }
        match self.redeem(&connection, &login, &code).await {
            Ok(signed_in) => self.complete(&connection, &login, signed_in).await,
            Err(error) if error.again() == Again::Never => {
                self.fail(id, LoginStatus::Failed, error.to_string()).await
            }
            // A lost network decides nothing: if the code is still good, reloading the page helps.
            Err(error) => Ok(Finish::Undecided(error.into())),
        }
    }

    async fn redeem(
        &self,
        connection: &Connection,
        login: &Login,
        code: &Secret,
    ) -> std::result::Result<SignedIn, DoorError> {
        self.door()
            .redeem_code(
                connection,
                code,
                &login.redirect_uri,
                &login.verifier,
                &login.nonce,
                &connection.scopes,
            )
            .await
    }

    /// Writes account and grant, and only then lets the token be used.
    pub(super) async fn complete(
        &self,
        connection: &Connection,
        login: &Login,
        signed_in: SignedIn,
    ) -> Result<Finish> {
        let now = self.now();
        let was = self
            .store()
            .account_of(&login.connection, Some(&signed_in.user_id))
            .await?;
        let expires_at = later(signed_in.grant.received_at, REFRESH_TOKEN_LIFETIME);
        let account = Account {
            id: AccountId::new(self.shared.dice.timed_guid(now).to_string()),
            connection: login.connection.clone(),
            kind: AccountKind::User,
            user_id: Some(signed_in.user_id),
            user_principal_name: signed_in.user_principal_name,
            display_name: signed_in.display_name,
            state: AccountState::Active,
            reason: None,
            since: now,
            expires_at: Some(expires_at),
        };
        let completed = self
            .store()
            .complete_login(&login.id, &account, &signed_in.grant, expires_at)
            .await?;
        let Some(account) = completed else {
            return Ok(failed(
                "This sign-in ended meanwhile. Begin a new one where you came from.",
            ));
        };
        // What was remembered is of the grant before this one.
        self.door().forget_token(&account.id);
        self.door()
            .adopt_token(connection, &account.id, signed_in.access_token);
        self.shared.account_changes.tell(was.as_ref(), &account);
        self.shared.logins.wake();
        self.shared.alerts.wake();
        self.note_login_end(login, Ok(&account)).await;
        self.wake_mirrors(&account.id).await;
        Ok(Finish::Completed(account))
    }

    /// How a sign-in ended, for the audit log. Whoever sits at the browser is known to Microsoft
    /// only.
    pub(crate) async fn note_login_end(
        &self,
        login: &Login,
        end: std::result::Result<&Account, LoginStatus>,
    ) {
        let browser = Actor {
            kind: ActorKind::System,
            id: None,
            name: "browser".to_owned(),
        };
        let outcome = match end {
            Ok(_) => Outcome::Done,
            Err(_) => Outcome::Refused,
        };
        let mut entry = self.audit_entry(browser, "login.end", None, outcome);
        entry.subject = Some(Subject {
            kind: "login".to_owned(),
            id: Some(login.id.as_str().to_owned()),
            name: None,
        });
        let mut detail = |name: &str, value: &str| {
            entry.details.insert(name.to_owned(), value.into());
        };
        detail("connection", login.connection.as_str());
        match end {
            Ok(account) => {
                detail("status", LoginStatus::Completed.name());
                detail("account", account.id.as_str());
                if let Some(name) = &account.user_principal_name {
                    detail("userPrincipalName", name);
                }
            }
            Err(status) => detail("status", status.name()),
        }
        self.note_audit(entry).await;
    }

    /// Mailboxes that waited for this account to be able to act go on at once.
    pub(crate) async fn wake_mirrors(&self, account: &AccountId) {
        let mailboxes = self.store().mailboxes().await.unwrap_or_default();
        for mailbox in mailboxes
            .iter()
            .filter(|mailbox| mailbox.account == *account)
        {
            if let Err(error) = self.sync_mailbox(&mailbox.id, Duration::ZERO).await {
                tracing::debug!(mailbox = %mailbox.id, %error, "waking a mirror");
            }
        }
    }

    async fn fail(&self, id: &LoginId, status: LoginStatus, why: String) -> Result<Finish> {
        self.end_login(id, status, &why).await?;
        Ok(Finish::Failed(why))
    }

    /// Whether a sign-in is still under way, looked at after its connection was read: with addresses
    /// that lead somewhere else it is over, and its code is not for those.
    pub(super) async fn is_pending(&self, id: &LoginId) -> Result<bool> {
        let login = self.store().login(id).await?;
        Ok(login.is_some_and(|login| login.status == LoginStatus::Pending))
    }
}
