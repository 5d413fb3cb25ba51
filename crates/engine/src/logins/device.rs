//! Sign-ins with a code on another device (RFC 8628). The engine asks Microsoft by itself how they
//! stand, also after a restart.

use super::{EXPIRED, LIFETIMES};
use crate::access::Caller;
use crate::{Engine, Result};
use postroom_microsoft::{Again, DevicePoll, DoorError};
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::login::{DeviceCode, Login, LoginStatus};
use postroom_model::{LoginId, Secret};
use std::time::Duration;

/// What every "slow down" adds to the pause between two polls (RFC 8628, section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// What comes after a poll.
enum Next {
    /// Another one, when the usual pause is over.
    Poll,
    /// Another one, and a longer pause from now on.
    Slower,
    /// Another one, no sooner than in that time.
    Later(Duration),
    /// It is over.
    Nothing,
}

impl Engine {
    /// Gets a code for a user to type, and begins to ask whether that was done.
    pub(super) async fn begin_with_code(
        &self,
        caller: &Caller,
        connection: &Connection,
        lives: Option<u64>,
    ) -> Result<Login> {
        let code = self
            .door()
            .begin_device_code(connection, &connection.scopes)
            .await?;
        let longest = Duration::from_secs(*LIFETIMES.end());
        let lives = lives.map_or(longest, Duration::from_secs);
        let (dice, now) = (&*self.shared.dice, self.now());
        let login = Login {
            id: LoginId::new(dice.timed_guid(now).to_string()),
            connection: connection.id.clone(),
            key: caller.owner(),
            status: LoginStatus::Pending,
            authorize_url: String::new(),
            redirect_uri: String::new(),
            // No browser comes back with them; nobody is told.
            state: Secret::new(dice.token(32)),
            nonce: Secret::new(dice.token(32)),
            verifier: Secret::new(dice.token(32)),
            device: Some(DeviceCode {
                device_code: code.device_code,
                user_code: code.user_code,
                verification_uri: code.verification_uri,
                message: code.message,
                interval: code.interval,
            }),
            account: None,
            error: None,
            created_at: now,
            expires_at: later(now, lives.min(code.expires_in)),
        };
        self.keep_login(&login, connection).await?;
        self.spawn(poll(self.clone(), login.id.clone(), code.interval));
        Ok(login)
    }

    async fn poll_now(&self, id: &LoginId) -> Result<Next> {
        // Held while Microsoft is asked: what it answers in time is in time.
        let Some(_turn) = self.shared.logins.begin(id) else {
            return Ok(Next::Poll);
        };
        let login = self.store().login(id).await?;
        let Some(login) = login.filter(|login| login.status == LoginStatus::Pending) else {
            return Ok(Next::Nothing);
        };
        let Some(device) = &login.device else {
            return Ok(Next::Nothing);
        };
        if login.expires_at <= self.now() {
            self.end_login(id, LoginStatus::Expired, EXPIRED).await?;
            return Ok(Next::Nothing);
        }
        let Some(connection) = self.store().connection(&login.connection).await? else {
            return Ok(Next::Nothing);
        };
        if !self.is_pending(id).await? {
            return Ok(Next::Nothing);
        }
        let polled = self
            .door()
            .poll_device_code(&connection, &device.device_code)
            .await;
        let error = match polled {
            Ok(DevicePoll::Pending) => return Ok(Next::Poll),
            Ok(DevicePoll::SlowDown) => return Ok(Next::Slower),
            Ok(DevicePoll::SignedIn(signed_in)) => {
                self.complete(&connection, &login, *signed_in).await?;
                return Ok(Next::Nothing);
            }
            Err(error) => error,
        };
        match error.again() {
            Again::Never => {
                let (status, why) = match &error {
                    DoorError::SignIn(refusal) if refusal.error == "expired_token" => {
                        (LoginStatus::Expired, EXPIRED.to_owned())
                    }
                    other => (LoginStatus::Failed, other.to_string()),
                };
                self.end_login(id, status, &why).await?;
                Ok(Next::Nothing)
            }
            // A network that is lost, a service that is busy: nothing is decided.
            Again::Later(pause) => {
                tracing::debug!(login = %id, %error, "asking how a device code stands");
                Ok(pause.map_or(Next::Poll, Next::Later))
            }
            Again::Look => Ok(Next::Poll),
        }
    }
}

/// Asks until it is over or the engine stops.
async fn poll(engine: Engine, id: LoginId, mut interval: Duration) {
    let mut pause = interval;
    loop {
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(pause) => {}
        }
        let next = engine.poll_now(&id).await.unwrap_or_else(|problem| {
            tracing::warn!(login = %id, error = %problem, "asking how a device code stands; it is tried again");
            Next::Poll
        });
        match next {
            Next::Nothing => return,
            Next::Poll => {}
            Next::Slower => interval += SLOWER,
            Next::Later(asked) => {
                pause = interval.max(asked);
                continue;
            }
        }
        pause = interval;
    }
}

/// Goes on with those that were under way when the engine stopped.
pub(crate) async fn resume(engine: Engine) {
    loop {
        match engine.store().device_logins().await {
            Ok(logins) => {
                for login in logins {
                    if let Some(device) = login.device {
                        engine.spawn(poll(engine.clone(), login.id, device.interval));
                    }
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "reading the sign-ins under way; it is tried again");
            }
        }
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(SLOWER) => {}
        }
    }
}
