//! A user signs in with a code on another device (RFC 8628; entra-docs, `v2-oauth2-device-code.md`).

use super::authorization_code::{SignedIn, signed_in};
use super::client_authentication::prove;
use super::fetch::{Trying, fetch};
use super::{claims, refusals, scopes, token_endpoint};
use crate::door::{Door, DoorError, Outgoing, SignInError, Subject, web_address};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use postroom_model::Secret;
use postroom_model::connection::{Connection, Credential};
use serde::Deserialize;
use std::time::Duration;

/// The pause between two polls where none is named (RFC 8628, section 3.2).
const INTERVAL: u64 = 5;
/// The longest that a device asks between two polls here: whoever says more is not believed.
const LONGEST_INTERVAL: u64 = 120;
/// How long a code lives where that is not said; Microsoft's default.
const LIFETIME: u64 = 900;

/// What a sign-in with a code begins with.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What the answer is asked for with. Nobody but the device sees it.
    pub device_code: Secret,
    /// What the user types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Both in a sentence, in Microsoft's words.
    pub message: Option<String>,
    /// How long the code lives.
    pub expires_in: Duration,
    /// How long to wait between two polls.
    pub interval: Duration,
}

/// What a poll brought.
#[derive(Clone, Debug)]
pub enum DevicePoll {
    /// The user has not finished.
    Pending,
    /// The user has not finished, and the device asks too often: 5 seconds more between two polls
    /// from now on (RFC 8628, section 3.5).
    SlowDown,
    /// The user has signed in.
    SignedIn(Box<SignedIn>),
}

#[derive(Deserialize)]
struct Body {
    device_code: Secret,
    user_code: String,
    /// The draft's name for it was `verification_url`.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, deserialize_with = "token_endpoint::seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "token_endpoint::seconds")]
    interval: Option<u64>,
}

impl Door {
    /// Asks for a code that a user can type on another device.
    ///
    /// # Errors
    ///
    /// [`DoorError::SignIn`] when Microsoft refuses, [`DoorError::Address`] where the sign-in
    /// service has no such endpoint, and as [`Door::discover`].
    pub async fn begin_device_code(
        &self,
        connection: &Connection,
        scopes: &[String],
    ) -> Result<DeviceCode, DoorError> {
        let by_hand = connection.endpoints.device_authorization.clone();
        let endpoint = match by_hand {
            Some(by_hand) => by_hand,
            None => self
                .discover(connection)
                .await?
                .device_authorization
                .ok_or_else(|| {
                    DoorError::Address(format!(
                        "connection {}: its sign-in service names no endpoint for device codes; sign in with a browser, or set endpoints.deviceAuthorization",
                        connection.name
                    ))
                })?,
        };
        // Microsoft takes the request without the app's credential (entra-docs). Others want it
        // here, too (RFC 8628, section 3.1), and say so.
        let first = self.ask_for_code(connection, &endpoint, scopes, None).await;
        match first {
            Err(error) if token_endpoint::is_about_credential(&error) => {
                let mut last = error;
                for credential in token_endpoint::credentials(self, connection).await? {
                    match self
                        .ask_for_code(connection, &endpoint, scopes, Some(&credential))
                        .await
                    {
                        Err(error) if token_endpoint::is_about_credential(&error) => last = error,
                        other => return other,
                    }
                }
                Err(last)
            }
            other => other,
        }
    }

    async fn ask_for_code(
        &self,
        connection: &Connection,
        endpoint: &str,
        scopes: &[String],
        credential: Option<&Credential>,
    ) -> Result<DeviceCode, DoorError> {
        let scope = scopes::user(connection, scopes);
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let url = web_address(endpoint)?;
        let subject = Subject::connection(connection, "sign-in");
        let proof = match credential {
            Some(credential) => Some(prove(self, connection, &subject, credential, &url).await?),
            None => None,
        };
        let outgoing = Outgoing {
            method: Method::POST,
            url,
            headers,
            body: token_endpoint::written(connection, &[("scope", &scope)], proof.as_ref()).into(),
            tokens: true,
        };
        let fetched = fetch(self, &subject, outgoing, Trying::Freely).await?;
        if !(200..300).contains(&fetched.status) {
            let now = self.house.clock.now();
            return Err(token_endpoint::refused(connection, &fetched, now));
        }
        read(&fetched.body).map_err(|what| DoorError::Malformed {
            connection: connection.name.clone(),
            what: format!("at {endpoint} there is {what}; check the connection's addresses"),
            doubtful: false,
        })
    }

    /// Asks once whether the user has finished.
    ///
    /// # Errors
    ///
    /// [`DoorError::SignIn`] when the user or Microsoft said no or the code is over. What
    /// [`DoorError::again`] says `Later` to decides nothing: ask again.
    pub async fn poll_device_code(
        &self,
        connection: &Connection,
        device_code: &Secret,
    ) -> Result<DevicePoll, DoorError> {
        let discovery = self.discover(connection).await?;
        // A device code works once, like any code: the keys that its ID token is checked with are
        // there before it is shown.
        self.signing_keys(connection, &discovery, None).await?;
        let claims = claims::request(None);
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code.reveal()),
            ("claims", claims.as_str()),
        ];
        let subject = Subject::connection(connection, "sign-in");
        match token_endpoint::ask(self, connection, &subject, &form, Trying::Once).await {
            Ok(tokens) => {
                let signed_in = signed_in(self, connection, &discovery, tokens, None).await?;
                Ok(DevicePoll::SignedIn(Box::new(signed_in)))
            }
            Err(DoorError::SignIn(error)) => match error.error.as_str() {
                "authorization_pending" => Ok(DevicePoll::Pending),
                "slow_down" => Ok(DevicePoll::SlowDown),
                _ => Err(DoorError::SignIn(Box::new(explained(*error)))),
            },
            Err(error) => Err(error),
        }
    }
}

/// That the user said no is one thing, whatever the number beside it.
fn explained(error: SignInError) -> SignInError {
    if error.error != "authorization_declined" {
        return error;
    }
    let said = refusals::explain_error(&error.error, None);
    SignInError {
        cause: said.cause.to_owned(),
        remedy: said.remedy.to_owned(),
        ..error
    }
}

fn read(body: &[u8]) -> Result<DeviceCode, &'static str> {
    let body: Body = serde_json::from_slice(body).map_err(|_| "no device code in the answer")?;
    if body.device_code.is_empty() || body.user_code.trim().is_empty() {
        return Err("no device code in the answer");
    }
    let is_page = url::Url::parse(&body.verification_uri)
        .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if !is_page {
        return Err("no page to type the code at in the answer");
    }
    let seconds = |given: Option<u64>, usual: u64| given.filter(|some| *some > 0).unwrap_or(usual);
    Ok(DeviceCode {
        device_code: body.device_code,
        user_code: body.user_code.trim().to_owned(),
        verification_uri: body.verification_uri,
        message: body.message.filter(|message| !message.trim().is_empty()),
        expires_in: Duration::from_secs(seconds(body.expires_in, LIFETIME)),
        interval: Duration::from_secs(seconds(body.interval, INTERVAL).min(LONGEST_INTERVAL)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_usual() {
        let code = read(
            br#"{"device_code":"d","user_code":" AB12 ","verification_uri":"https://microsoft.com/devicelogin"}"#,
        )
        .expect("read");
        assert_eq!(code.user_code, "AB12");
        assert_eq!(code.interval, Duration::from_secs(5));
        assert_eq!(code.expires_in, Duration::from_secs(900));
        assert_eq!(code.message, None);
        let code = read(
            br#"{"device_code":"d","user_code":"A","verification_url":"https://a.example/","interval":"7","expires_in":"60","message":"Go."}"#,
        )
        .expect("read");
        assert_eq!(
            (code.interval.as_secs(), code.expires_in.as_secs()),
            (7, 60)
        );
    }

    #[test]
    fn what_is_no_device_code_is_refused() {
        for bad in [
            "",
            "[]",
            "<html>",
            r#"{"device_code":"","user_code":"A","verification_uri":"https://a.example/"}"#,
            r#"{"device_code":"d","user_code":"A","verification_uri":"javascript:alert(1)"}"#,
            r#"{"device_code":"d","verification_uri":"https://a.example/"}"#,
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
