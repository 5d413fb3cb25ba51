//! The token endpoint (RFC 6749, section 3.2; entra-docs, `v2-oauth2-auth-code-flow.md`).

use super::client_authentication::{Proof, prove};
use super::fetch::{Fetched, Step, Trying, step};
use super::refusals::{self, Explanation};
use crate::door::{Door, DoorError, Outgoing, SignInError, Subject, retry_after, web_address};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use postroom_model::account::AccountState;
use postroom_model::clock::later;
use postroom_model::connection::{Connection, Credential, CredentialInfo};
use postroom_model::grant::AccessToken;
use postroom_model::{Secret, Timestamp};
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use url::form_urlencoded;

/// What came with a token.
pub(super) struct Tokens {
    pub(super) access_token: AccessToken,
    pub(super) refresh_token: Option<Secret>,
    pub(super) id_token: Option<Secret>,
    pub(super) scopes: Vec<String>,
    pub(super) received_at: Timestamp,
}

/// The success body.
#[derive(Deserialize)]
struct Body {
    access_token: Secret,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    id_token: Option<Secret>,
    #[serde(default)]
    scope: Option<String>,
}

/// The error body. `error_codes` holds AADSTS numbers.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
    #[serde(default)]
    suberror: Option<String>,
    #[serde(default)]
    claims: Option<serde_json::Value>,
    #[serde(default)]
    correlation_id: Option<String>,
}

impl ErrorBody {
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The AADSTS number, from the list or the description's beginning.
    pub(super) fn code(&self) -> Option<u32> {
        self.error_codes
            .first()
            .copied()
            .or_else(|| aadsts(&self.error_description))
    }
}

/// The number after `AADSTS` in a text.
pub(super) fn aadsts(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Numbers of seconds come as numbers or, from version 1 endpoints, as strings; some proxies make
/// them fractions.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    // What is no number says nothing: the token beside it is good all the same.
    let part = |seconds: f64| {
        let whole = Duration::try_from_secs_f64(seconds).ok();
        whole.map(|duration| duration.as_secs())
    };
    Ok(
        match Option::<serde_json::Value>::deserialize(deserializer)? {
            Some(serde_json::Value::Number(number)) => {
                number.as_u64().or_else(|| number.as_f64().and_then(part))
            }
            Some(serde_json::Value::String(text)) => {
                let text = text.trim();
                text.parse()
                    .ok()
                    .or_else(|| text.parse().ok().and_then(part))
            }
            _ => None,
        },
    )
}

/// How long a token is taken to live where that is not said, or said to be nothing: RFC 6749 leaves
/// `expires_in` open, and Microsoft's shortest configurable lifetime is 10 minutes.
const UNSAID_LIFETIME: Duration = Duration::from_secs(600);
/// No longer than this, whatever is said: Microsoft's longest are 28 hours (entra-docs,
/// `configurable-token-lifetimes.md`), and a grant lives by being used.
const LONGEST_LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// Asks for tokens with each of the connection's credentials until one is accepted. Without any
/// credential the app is a public client and sends none.
pub(super) async fn ask(
    door: &Door,
    connection: &Connection,
    subject: &Subject,
    form: &[(&str, &str)],
    trying: Trying,
) -> Result<Tokens, DoorError> {
    let mut credentials = credentials(door, connection).await?;
    if credentials.is_empty() {
        return ask_with(door, connection, subject, form, None, trying).await;
    }
    // One that cannot be read is not shown where there is another one.
    let mut refused = Vec::new();
    if credentials.iter().any(|it| !it.secret.is_empty()) {
        credentials.retain(|it| {
            if it.secret.is_empty() {
                refused.push(it.info.clone());
            }
            !it.secret.is_empty()
        });
    }
    let newest = credentials.first().map(|newest| newest.info.id.clone());
    let rotation = &door.house.rotation;
    rotation.sort(&connection.id, &mut credentials, door.house.clock.now());
    let mut refusals = Vec::new();
    for credential in &credentials {
        let id = &credential.info.id;
        match ask_with(door, connection, subject, form, Some(credential), trying).await {
            // The client is authenticated before the grant is looked at (RFC 6749, section 3.2.1),
            // so a code or refresh token is still whole after this refusal.
            Err(error) if is_about_credential(&error) => {
                refusals.push((id, error));
                refused.push(credential.info.clone());
            }
            Ok(tokens) => {
                let now = door.house.clock.now();
                rotation.taken(&connection.id, id, !refusals.is_empty(), now);
                note_taken(door, connection, &credential.info, &refused).await;
                return Ok(tokens);
            }
            Err(error) => return Err(error),
        }
    }
    rotation.forget(&connection.id);
    // One that could not be shown may be well again by itself; else the newest's refusal is what
    // there is to say.
    let telling = refusals
        .iter()
        .position(|(_, error)| matches!(error, DoorError::Credential { .. }))
        .or_else(|| {
            refusals
                .iter()
                .position(|(id, _)| Some(*id) == newest.as_ref())
        })
        .unwrap_or_default();
    let (_, error) = refusals.swap_remove(telling);
    Err(error)
}

/// The credentials, those that cannot be read among them.
pub(super) async fn credentials(
    door: &Door,
    connection: &Connection,
) -> Result<Vec<Credential>, DoorError> {
    let read = door.house.vault.credentials(connection).await;
    read.map_err(|error| DoorError::Vault(error.into()))
}

/// Tells the vault which credential was taken, and which were not before it, where that is news: by
/// that it is known which one's end matters. The token is good whatever the vault says.
async fn note_taken(
    door: &Door,
    connection: &Connection,
    taken: &CredentialInfo,
    refused: &[CredentialInfo],
) {
    if taken.taken_at.is_some() && refused.iter().all(|it| it.taken_at.is_none()) {
        return;
    }
    let refused: Vec<_> = refused.iter().map(|it| it.id.clone()).collect();
    let vault = &door.house.vault;
    let told = vault
        .credential_taken(&connection.id, &taken.id, &refused)
        .await;
    if let Err(error) = told {
        tracing::warn!(connection = %connection.name, %error, "which credential was taken was not stored");
    }
}

/// Whether Microsoft did not take a credential, or it could not be shown: another one may do.
pub(super) fn is_about_credential(error: &DoorError) -> bool {
    matches!(error, DoorError::Credential { .. })
        || error.ends_grant() == Some(AccountState::CredentialExpired)
}

pub(super) async fn ask_with(
    door: &Door,
    connection: &Connection,
    subject: &Subject,
    form: &[(&str, &str)],
    credential: Option<&Credential>,
    trying: Trying,
) -> Result<Tokens, DoorError> {
    let endpoint = match &connection.endpoints.token {
        Some(by_hand) => by_hand.clone(),
        None => door.discover(connection).await?.token,
    };
    let url = web_address(&endpoint)?;
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let mut attempt = 1;
    let (asked_at, fetched) = loop {
        // Made for each time it is sent: an assertion is good once (RFC 7523, section 3, point 7).
        let proof = match credential {
            Some(credential) => Some(prove(door, connection, subject, credential, &url).await?),
            None => None,
        };
        let outgoing = Outgoing {
            method: Method::POST,
            url: url.clone(),
            headers: headers.clone(),
            body: written(connection, form, proof.as_ref()).into(),
            tokens: true,
        };
        // From before the request on, so that the token is over at Microsoft no sooner than here.
        let asked_at = door.house.clock.now();
        match step(door, subject, &outgoing, attempt, trying).await {
            Step::Done(fetched) => break (asked_at, fetched?),
            Step::Again(wait) => door.house.clock.sleep(wait).await,
        }
        attempt += 1;
    };
    if !(200..300).contains(&fetched.status) {
        return Err(refused(connection, &fetched, door.house.clock.now()));
    }
    let body = read(&fetched.body).ok_or_else(|| DoorError::Malformed {
        connection: connection.name.clone(),
        what: format!(
            "at {endpoint} there is no token in the answer; check the connection's addresses"
        ),
        doubtful: false,
    })?;
    Ok(tokens(body, asked_at))
}

/// The success body. By way of a map, for a member that comes twice: the last one counts.
fn read(body: &[u8]) -> Option<Body> {
    let members: serde_json::Value = serde_json::from_slice(body).ok()?;
    let body: Body = serde_json::from_value(members).ok()?;
    (!body.access_token.is_empty()).then_some(body)
}

/// The request's body. What proves the application goes in the form.
pub(super) fn written(
    connection: &Connection,
    form: &[(&str, &str)],
    proof: Option<&Proof>,
) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("client_id", &connection.client_id);
    body.extend_pairs(form);
    if let Some(proof) = proof {
        body.extend_pairs(proof.fields());
    }
    body.finish()
}

fn tokens(body: Body, asked_at: Timestamp) -> Tokens {
    let said = body.expires_in.filter(|seconds| *seconds > 0);
    let lifetime = said.map_or(UNSAID_LIFETIME, Duration::from_secs);
    let lifetime = lifetime.min(LONGEST_LIFETIME);
    let ahead = (lifetime / 5).min(Duration::from_secs(300));
    let fresh = match body.refresh_in.map(Duration::from_secs) {
        Some(fresh) if fresh < lifetime => fresh,
        _ => lifetime - ahead,
    };
    Tokens {
        access_token: AccessToken {
            token: body.access_token,
            expires_at: later(asked_at, lifetime),
            refresh_at: later(asked_at, fresh),
        },
        refresh_token: body.refresh_token.filter(|token| !token.is_empty()),
        id_token: body.id_token,
        scopes: body
            .scope
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        received_at: asked_at,
    }
}

/// Makes an error of an answer that is not a success.
pub(super) fn refused(connection: &Connection, fetched: &Fetched, now: Timestamp) -> DoorError {
    let passing = fetched.status == 429 || fetched.status >= 500;
    let retry_after = retry_after(&fetched.headers, now);
    let Some(body) = ErrorBody::of(&fetched.body) else {
        if !passing {
            return DoorError::Malformed {
                connection: connection.name.clone(),
                what: format!(
                    "the sign-in address answered {} without saying why; check the connection's authority address and endpoints",
                    fetched.status
                ),
                doubtful: false,
            };
        }
        return DoorError::SignIn(Box::new(SignInError {
            connection: connection.name.clone(),
            code: None,
            error: format!("status {}", fetched.status),
            description: String::new(),
            cause: "Microsoft's sign-in service is busy or has a fault".to_owned(),
            remedy: "nothing: it is tried again by itself".to_owned(),
            ends_grant: None,
            transient: true,
            retry_after,
            claims: None,
            correlation_id: None,
        }));
    };
    let code = body.code();
    let Explanation {
        cause,
        remedy,
        ends_grant,
        transient,
    } = explanation(&body, code);
    let transient = transient || passing;
    DoorError::SignIn(Box::new(SignInError {
        connection: connection.name.clone(),
        code,
        description: first_line(&body.error_description),
        error: body.error,
        cause: cause.to_owned(),
        remedy: remedy.to_owned(),
        // A server that has a fault says nothing about the grant, whatever it writes.
        ends_grant: ends_grant.filter(|_| !transient),
        transient,
        retry_after,
        claims: body.claims.map(|claims| match claims {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        }),
        correlation_id: body.correlation_id,
    }))
}

/// The number explains; whether the grant is over is for OAuth's `error` to say where it is one
/// that ends grants (entra-docs warns not to build logic on numbers alone).
fn explanation(body: &ErrorBody, code: Option<u32>) -> Explanation {
    let by_error = refusals::explain_error(&body.error, body.suberror.as_deref());
    match code.and_then(refusals::explain) {
        Some(by_code) => Explanation {
            ends_grant: by_code.ends_grant.or(by_error.ends_grant),
            transient: by_code.transient || by_error.transient,
            ..by_code
        },
        None => by_error,
    }
}

/// The first line without `AADSTSn:` and the trace ids that follow it.
fn first_line(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default();
    let line = line.split(" Trace ID:").next().unwrap_or_default();
    let text = match line.split_once(": ") {
        Some((code, text)) if code.starts_with("AADSTS") => text,
        _ => line,
    };
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signin::discovery::tests::connection;

    fn body(text: &str) -> Tokens {
        tokens(
            read(text.as_bytes()).expect("a token body"),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn lifetimes_are_numbers_or_texts_and_of_any_length() {
        let hour = body(r#"{"access_token":"t","expires_in":"3600"}"#).access_token;
        assert_eq!(hour.expires_at.as_second(), 3600);
        assert_eq!(hour.refresh_at.as_second(), 3300);
        let short = body(r#"{"access_token":"t","expires_in":5}"#).access_token;
        assert_eq!(short.expires_at.as_second(), 5);
        assert_eq!(short.refresh_at.as_second(), 4);
        let long = body(r#"{"access_token":"t","expires_in":86400,"refresh_in":"43200"}"#);
        assert_eq!(long.access_token.refresh_at.as_second(), 43_200);
    }

    #[test]
    fn lifetimes_that_say_nothing_or_too_much() {
        for (said, lives) in [
            (String::new(), 600),
            (r#","expires_in":null"#.to_owned(), 600),
            (r#","expires_in":0"#.to_owned(), 600),
            (r#","expires_in":-5"#.to_owned(), 600),
            (r#","expires_in":"soon""#.to_owned(), 600),
            (r#","expires_in":["3600"]"#.to_owned(), 600),
            (r#","expires_in":3599.9"#.to_owned(), 3599),
            (r#","expires_in":" 3599.9 ""#.to_owned(), 3599),
            (r#","expires_in":1e300"#.to_owned(), 600),
            (format!(r#","expires_in":{}"#, u64::MAX), 48 * 3600),
            (r#","expires_in":60,"expires_in":90"#.to_owned(), 90),
        ] {
            let token = body(&format!(r#"{{"access_token":"t"{said}}}"#)).access_token;
            assert_eq!(token.expires_at.as_second(), lives, "{said}");
            assert!(token.refresh_at < token.expires_at, "{said}");
        }
    }

    #[test]
    fn tokens_that_come_twice_or_empty() {
        let twice = body(r#"{"access_token":"t","refresh_token":"a","refresh_token":"b"}"#);
        assert_eq!(twice.refresh_token, Some(Secret::new("b")));
        assert_eq!(
            body(r#"{"access_token":"t","refresh_token":""}"#).refresh_token,
            None
        );
        for none in [
            r#"{"access_token":""}"#,
            "{}",
            "[]",
            "",
            "<html>",
            r#"{"access_token":7}"#,
        ] {
            assert!(read(none.as_bytes()).is_none(), "{none}");
        }
    }

    fn error(status: u16, text: &str) -> SignInError {
        let fetched = Fetched {
            status,
            headers: HeaderMap::new(),
            body: text.to_owned().into(),
        };
        match refused(&connection(), &fetched, Timestamp::UNIX_EPOCH) {
            DoorError::SignIn(error) => *error,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_refusal_is_explained_without_its_ids() {
        let error = error(
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired.\r\nTrace ID: 1\r\nCorrelation ID: 2","error_codes":[700082]}"#,
        );
        assert_eq!(error.code, Some(700_082));
        assert_eq!(error.description, "The refresh token has expired.");
        assert_eq!(error.ends_grant, Some(AccountState::NeedsSignIn));
    }

    #[test]
    fn a_server_fault_ends_no_grant_whatever_it_says() {
        assert_eq!(error(503, r#"{"error":"invalid_grant"}"#).ends_grant, None);
        assert!(error(503, "<html>").transient);
        let passing = r#"{"error":"invalid_grant","error_codes":[90033]}"#;
        assert_eq!(error(400, passing).ends_grant, None);
    }
}
