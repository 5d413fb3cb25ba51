//! Sign-ins of users: begun by a caller, finished in a browser.

use crate::access::{Action, Caller, Target};
use crate::connections::validate;
use crate::{Code, Engine, Problem, Result};
use postroom_microsoft::{AuthorizeAsk, pkce};
use postroom_model::account::Account;
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::login::{Login, LoginStatus};
use postroom_model::{ConnectionId, LoginId, Secret};
use std::time::Duration;

mod challenge;
mod device;
mod finish;
mod redirect;
mod returned;
mod state;
mod sweep;

pub(crate) use device::resume;
pub(crate) use state::LoginState;
pub(crate) use sweep::{earlier, sweep};

use finish::Finish;
use returned::Returned;

/// Why a browser brought back no code, in words for whoever signs in.
pub(crate) fn why_no_code(query: &[(String, String)]) -> String {
    Returned::read(query).refused.unwrap_or_else(|| {
        "The address has neither a code nor an error in it: it was cut off on its way. Begin the \
         sign-in again."
            .to_owned()
    })
}

/// How long a sign-in lives unless the caller says otherwise, in seconds.
const LIFETIME: u64 = 600;
/// What a caller may say.
const LIFETIMES: std::ops::RangeInclusive<u64> = 5..=900;
/// The longest sign-in name that is passed on.
const LONGEST_HINT: usize = 320;

/// What is said of a sign-in that nobody finished.
const EXPIRED: &str = "Nobody finished the sign-in in time. Begin a new one.";

/// What is said of a sign-in whose connection goes somewhere else now.
const CHANGED: &str = "The connection was changed meanwhile. Begin the sign-in again.";

/// How a user signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginMethod {
    /// In a browser that opens `authorize_url`.
    #[default]
    Browser,
    /// With a code that is typed on another device.
    DeviceCode,
}

/// A sign-in to begin.
#[derive(Clone, Debug, Default)]
pub struct NewLogin {
    /// How the user signs in.
    pub method: LoginMethod,
    /// The user's sign-in name, to spare typing it.
    pub login_hint: Option<String>,
    /// In place of the connection's.
    pub redirect_uri: Option<String>,
    /// Seconds, 5 to 900; 600 unless given, with a device code as long as that lives.
    pub expires_in: Option<u64>,
}

/// How the browser's return ended, for the page that says so.
#[derive(Clone, Debug)]
pub enum LoginEnd {
    /// The account that came of it.
    Completed(Account),
    /// Why not, in words for the user.
    Failed(String),
}

impl Engine {
    /// Begins a sign-in: `authorize_url` is to be opened in a browser, or the device's `user_code`
    /// to be typed at its page. Beside the former Microsoft is asked whether the browser can come
    /// back; of the latter, by and by, whether the user has finished.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for a lifetime, hint or redirect URI that is not taken;
    /// Microsoft's refusals, when the sign-in service's addresses cannot be read.
    pub async fn begin_login(
        &self,
        caller: &Caller,
        connection: &ConnectionId,
        new: NewLogin,
    ) -> Result<Login> {
        let lives = new.expires_in.unwrap_or(LIFETIME);
        if !LIFETIMES.contains(&lives) {
            return Err(Problem::invalid(format!(
                "A sign-in lives {} to {} seconds, not {lives}: correct `expiresIn`.",
                LIFETIMES.start(),
                LIFETIMES.end()
            )));
        }
        let login_hint = hint(new.login_hint)?;
        let given = new.redirect_uri.filter(|uri| !uri.trim().is_empty());
        let given = given.as_deref().map(validate::redirect_uri).transpose()?;
        let connection = self
            .store()
            .connection(connection)
            .await?
            .ok_or_else(|| Problem::not_found("connection", connection.as_str()))?;
        if new.method == LoginMethod::DeviceCode {
            return self
                .begin_with_code(caller, &connection, new.expires_in)
                .await;
        }
        let claims = self
            .challenge_for(&connection.id, login_hint.as_deref())
            .await?;
        let redirect_uri = given
            .or_else(|| connection.redirect_uri.clone())
            .unwrap_or_else(|| format!("{}/auth/callback", self.settings().public_url));
        let dice = &*self.shared.dice;
        let proof = pkce(dice);
        let ask = AuthorizeAsk {
            redirect_uri: redirect_uri.clone(),
            state: Secret::new(dice.token(32)),
            nonce: Secret::new(dice.token(32)),
            code_challenge: proof.challenge,
            scopes: connection.scopes.clone(),
            login_hint,
            prompt: None,
            claims,
        };
        let authorize_url = self.door().authorize_url(&connection, &ask).await?;
        let now = self.now();
        let login = Login {
            id: LoginId::new(dice.timed_guid(now).to_string()),
            connection: connection.id.clone(),
            key: caller.owner(),
            status: LoginStatus::Pending,
            authorize_url: authorize_url.into(),
            redirect_uri,
            state: ask.state,
            nonce: ask.nonce,
            verifier: proof.verifier,
            device: None,
            account: None,
            error: None,
            created_at: now,
            expires_at: later(now, Duration::from_secs(lives)),
        };
        self.keep_login(&login, &connection).await?;
        self.spawn(redirect::fail_if_unknown(
            self.clone(),
            connection,
            login.id.clone(),
            login.redirect_uri.clone(),
        ));
        Ok(login)
    }

    /// Writes a sign-in that was begun with the connection as it is given. A change of its addresses
    /// ends those that are written already; one that came before is noticed here.
    async fn keep_login(&self, login: &Login, connection: &Connection) -> Result<()> {
        self.store().insert_login(login).await?;
        let stands = self.store().connection(&connection.id).await?;
        if stands.is_some_and(|stands| stands.goes_where(connection)) {
            return Ok(());
        }
        self.end_login(&login.id, LoginStatus::Failed, CHANGED)
            .await?;
        Err(Problem::new(Code::Conflict, CHANGED))
    }

    /// Wakes those who wait for sign-ins: some have ended.
    pub(crate) fn login_ended(&self) {
        self.shared.logins.wake();
    }

    /// How a sign-in stands, after it ended or `wait` passed. Only for the key that began it and
    /// for `admin`; else it does not exist.
    pub async fn login(&self, caller: &Caller, id: &LoginId, wait: Duration) -> Result<Login> {
        let mut ended = self.shared.logins.watch();
        // Callers wait on the machine's time, as their own timeouts do; the sign-in ends on the
        // engine's clock.
        let over = tokio::time::sleep(wait);
        tokio::pin!(over);
        loop {
            // Marked as seen before reading: what ends from here on wakes the wait below.
            ended.borrow_and_update();
            let login = self.login_now(caller, id).await?;
            if login.status != LoginStatus::Pending || over.is_elapsed() || self.is_stopping() {
                return Ok(login);
            }
            let left = login.expires_at.duration_since(self.now());
            let expires = self.clock().sleep(left.try_into().unwrap_or_default());
            tokio::select! {
                _ = ended.changed() => {}
                () = expires => {}
                () = &mut over => return self.login_now(caller, id).await,
                () = self.stopping() => return Ok(login),
            }
        }
    }

    /// The browser came back with these query pairs (`code`, `state`, or `error`…). Finds the
    /// sign-in by its state; a return that nobody asked for, came twice or too late fails and
    /// changes nothing.
    pub async fn login_returned(&self, query: &[(String, String)]) -> LoginEnd {
        let returned = Returned::read(query);
        let Some(state) = &returned.state else {
            return LoginEnd::Failed(
                "This page ends a sign-in, and the address has nothing of one. Begin the sign-in \
                 where you came from."
                    .to_owned(),
            );
        };
        match self.store().login_by_state(state).await {
            Ok(Some(login)) => self.finish_login(login.id, returned).await.into_end(),
            Ok(None) => LoginEnd::Failed(
                "Nobody waits for this sign-in (any more). Begin a new one where you came from."
                    .to_owned(),
            ),
            Err(error) => {
                tracing::error!(%error, "finding a sign-in by its state");
                LoginEnd::Failed(Problem::from(error).detail)
            }
        }
    }

    /// The address that a browser ended at, typed in where no callback can be reached.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for an address that is not of this sign-in; `conflict` when it
    /// has ended. That Microsoft or the user said no is no error: the login then says so.
    pub async fn login_redirect(&self, caller: &Caller, id: &LoginId, url: &str) -> Result<Login> {
        let login = self.login_now(caller, id).await?;
        if login.device.is_some() {
            return Err(Problem::invalid(
                "This sign-in is with a code on another device: no address belongs to it. It ends by \
                 itself when the user has finished there.",
            ));
        }
        let returned = Returned::from_address(url).ok_or_else(|| {
            Problem::invalid(
                "That is no address: give the whole one that the browser ended at, with its \
                 `code` and `state`.",
            )
        })?;
        if returned.state.as_ref() != Some(&login.state) {
            return Err(Problem::invalid(
                "That address does not belong to this sign-in: its `state` is missing or another \
                 one's. Give the whole address that the browser ended at.",
            ));
        }
        if returned.code.is_none() && returned.refused.is_none() {
            return Err(Problem::invalid(
                "That address has neither a `code` nor an `error`: it was cut off. Give the whole \
                 address that the browser ended at.",
            ));
        }
        if login.status != LoginStatus::Pending {
            return Err(Problem::new(
                Code::Conflict,
                format!(
                    "This sign-in has ended already ({}): begin a new one.",
                    login.status.name()
                ),
            ));
        }
        match self.finish_login(login.id, returned).await {
            Finish::Undecided(problem) => Err(problem),
            Finish::Completed(_) | Finish::Failed(_) => self.login_now(caller, id).await,
        }
    }

    /// A sign-in as it is now, ended if its time is over.
    async fn login_now(&self, caller: &Caller, id: &LoginId) -> Result<Login> {
        let gone = || Problem::not_found("login", id.as_str());
        let login = self.store().login(id).await?.ok_or_else(gone)?;
        let target = Target::Own {
            what: "login",
            id: id.as_str(),
            owner: login.key.as_ref(),
        };
        self.authorize(caller, Action::GetLogin, target).await?;
        if login.status != LoginStatus::Pending || self.now() < login.expires_at {
            return Ok(login);
        }
        if self.shared.logins.is_finishing(id) {
            // The browser came back in time; the code is being redeemed.
            return Ok(login);
        }
        self.end_login(id, LoginStatus::Expired, EXPIRED).await?;
        self.store().login(id).await?.ok_or_else(gone)
    }

    /// Ends a pending sign-in without an account and wakes those who wait for it.
    async fn end_login(&self, id: &LoginId, status: LoginStatus, why: &str) -> Result<bool> {
        let ended = self.store().fail_login(id, status, why).await?;
        self.shared.logins.wake();
        if ended {
            match self.store().login(id).await {
                Ok(Some(login)) => self.note_login_end(&login, Err(status)).await,
                Ok(None) => {}
                // It has ended all the same.
                Err(error) => {
                    tracing::warn!(login = %id, %error, "the audit log has nothing of the end of a sign-in");
                }
            }
        }
        Ok(ended)
    }
}

fn hint(given: Option<String>) -> Result<Option<String>> {
    let Some(hint) = given
        .map(|hint| hint.trim().to_owned())
        .filter(|hint| !hint.is_empty())
    else {
        return Ok(None);
    };
    if hint.len() > LONGEST_HINT || hint.chars().any(char::is_control) {
        return Err(Problem::invalid(
            "`loginHint` is a sign-in name, like ann@contoso.com.",
        ));
    }
    Ok(Some(hint))
}
