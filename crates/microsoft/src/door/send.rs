//! A call from beginning to end: place, token, attempt, and again where that is right.

use super::address::{normal_root, same_origin, web_address};
use super::answer::{Answer, is_page};
use super::attempt::Outgoing;
use super::backoff::retry_after;
use super::budget::Place;
use super::error::DoorError;
use super::identity::Identity;
use super::record::{Recording, Subject, request_id};
use super::refusal::GraphRefusal;
use super::request::{GraphRequest, PREFER, Repeat, RequestBody, Target};
use super::response::GraphResponse;
use super::{Door, answer, tokens};
use crate::signin::claims;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue,
    LOCATION, TRANSFER_ENCODING, USER_AGENT,
};
use postroom_model::MailboxId;
use postroom_model::clock::later;
use postroom_model::grant::AccessToken;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// The preference for ids that stay when an item moves (Graph, *Obtain immutable identifiers for
/// Outlook resources*). It is on every call: one id with it and one without are two.
pub(crate) const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";

/// The version that paths lie below.
const VERSION: &str = "/v1.0";

/// How much of a refusal's body is read, in bytes.
pub(super) const REFUSAL_BYTES: usize = 256 * 1024;

/// An answer that is no refusal, with the place that it holds.
pub(super) struct Accepted {
    pub(super) answer: Answer,
    pub(super) place: Place,
}

impl Door {
    /// Makes a call and holds its answer in memory.
    ///
    /// # Errors
    ///
    /// [`DoorError::Refused`] for 4xx and 5xx, after as many repetitions as
    /// [`repeat`](GraphRequest::repeat) and the settings allow; [`DoorError::Throttled`] when
    /// nothing was sent because Microsoft's gate is closed for longer than a call waits;
    /// [`DoorError::TooLarge`], [`DoorError::Network`], [`DoorError::Address`] as they say; and as
    /// [`Door::access_token`].
    pub async fn send(
        &self,
        who: &Identity,
        request: GraphRequest,
    ) -> Result<GraphResponse, DoorError> {
        let call = Call::new(self, who, &request)?;
        let limit = request
            .max_answer_bytes
            .unwrap_or(self.house.settings.max_answer_bytes);
        let mut attempt = 1;
        loop {
            let Accepted { answer, place } = call.accepted(&mut attempt).await?;
            let (status, headers) = (answer.status, answer.headers.clone());
            match answer.read(limit).await {
                Ok(body) => {
                    return Ok(GraphResponse {
                        status,
                        request_id: request_id(&headers),
                        headers,
                        body,
                        connection: call.subject.connection_name.clone(),
                        effect: call.has_effect(),
                    });
                }
                Err(failure) => {
                    drop(place);
                    let error = call.body_failed(failure);
                    call.wait_after_network(&mut attempt, error, true).await?;
                }
            }
        }
    }
}

/// A call that may take several attempts.
pub(super) struct Call<'a> {
    door: &'a Door,
    who: &'a Identity,
    request: &'a GraphRequest,
    pub(super) subject: Subject,
    url: Url,
    headers: HeaderMap,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        door: &'a Door,
        who: &'a Identity,
        request: &'a GraphRequest,
    ) -> Result<Self, DoorError> {
        Ok(Self {
            door,
            who,
            request,
            subject: Subject::identity(who, request.mailbox.as_ref()),
            url: address(
                &who.connection.graph_url,
                &who.connection.name,
                &request.target,
            )?,
            headers: headers(request),
        })
    }

    /// Whether an answer that was lost leaves doubt.
    pub(super) fn has_effect(&self) -> bool {
        self.request.repeat == Repeat::IfNotReached
    }

    fn needs_token(&self) -> bool {
        !matches!(self.request.target, Target::PreAuthenticated(_))
    }

    pub(super) fn body_failed(&self, failure: answer::BodyFailure) -> DoorError {
        body_error(&self.subject.connection_name, self.has_effect(), failure)
    }

    /// Attempts until an answer is no refusal or nothing more may be tried. `attempt` counts on
    /// when a caller comes back after a body that broke off.
    pub(super) async fn accepted(&self, attempt: &mut u32) -> Result<Accepted, DoorError> {
        let mut fresh = false;
        let mut renewals = tokens::Renewals::default();
        loop {
            // The token first, so that a refresh holds no place of the mailbox; and once more where
            // it was over by the time that there was a place.
            let mut token = self.token().await?;
            let place = self.enter().await?;
            let now = self.door.house.clock.now();
            if token.as_ref().is_some_and(|token| token.expires_at <= now) {
                token = self.token().await?;
            }
            let outgoing = self.outgoing(token.as_ref())?;
            let answer = match self
                .door
                .attempt(&self.subject, &outgoing, *attempt, fresh)
                .await
            {
                Ok(answer) => answer,
                Err(failure) => {
                    drop(place);
                    let error = DoorError::Network {
                        connection: self.subject.connection_name.to_string(),
                        what: failure.what,
                        doubtful: failure.reached && self.has_effect(),
                    };
                    self.wait_after_network(attempt, error, failure.reached)
                        .await?;
                    continue;
                }
            };
            if answer.status < 400 {
                return Ok(Accepted { answer, place });
            }
            let challenge = answer.headers.clone();
            let refusal = self.refusal(answer).await;
            if let Some(token) = token.filter(|_| refusal.status == 401) {
                // What Graph asks for goes into the request for the next token.
                let claims = claims::challenge(&challenge);
                if renewals.may_help(claims.as_deref()) {
                    let account = &self.who.account.id;
                    self.door.house.tokens.drop_refused(account, &token, claims);
                    continue;
                }
            }
            fresh = refusal.status == 503;
            self.wait_after_refusal(attempt, refusal, vec![place])
                .await?;
        }
    }

    pub(super) async fn token(&self) -> Result<Option<AccessToken>, DoorError> {
        if self.needs_token() {
            tokens::access_token(self.door, self.who).await.map(Some)
        } else {
            Ok(None)
        }
    }

    async fn enter(&self) -> Result<Place, DoorError> {
        let mailbox = self.request.mailbox.as_ref();
        self.enter_for(self.who, mailbox, self.request.calls).await
    }

    pub(super) async fn enter_for(
        &self,
        who: &Identity,
        mailbox: Option<&MailboxId>,
        calls: u32,
    ) -> Result<Place, DoorError> {
        self.door
            .house
            .budgets
            .enter(
                &who.connection.client_id,
                mailbox,
                self.request.priority,
                calls,
            )
            .await
            .map_err(|until| DoorError::Throttled {
                connection: self.subject.connection_name.to_string(),
                until,
            })
    }

    pub(super) fn outgoing(&self, token: Option<&AccessToken>) -> Result<Outgoing, DoorError> {
        let mut headers = self.headers.clone();
        if let Some(token) = token {
            let text = bearer(token);
            let mut value = HeaderValue::from_str(&text).map_err(|_| DoorError::Malformed {
                connection: self.subject.connection_name.to_string(),
                what: "the access token has characters that no header takes".to_owned(),
                doubtful: false,
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Outgoing {
            method: self.request.method.clone(),
            url: self.url.clone(),
            headers,
            body: match &self.request.body {
                RequestBody::None => bytes::Bytes::new(),
                RequestBody::Json(bytes) | RequestBody::Raw { bytes, .. } => bytes.clone(),
            },
            tokens: false,
        })
    }

    /// After a network failure: waits for the next attempt, or is the error.
    pub(super) async fn wait_after_network(
        &self,
        attempt: &mut u32,
        error: DoorError,
        reached: bool,
    ) -> Result<(), DoorError> {
        let may = !reached || !self.has_effect();
        let is_network = matches!(error, DoorError::Network { .. });
        let more = *attempt < self.door.house.settings.max_attempts;
        match self.door.pause(*attempt, None) {
            Some(pause) if may && is_network && more => {
                self.door.house.clock.sleep(pause).await;
                *attempt += 1;
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// After a refusal: waits for the next attempt, or is the error.
    pub(super) async fn wait_after_refusal(
        &self,
        attempt: &mut u32,
        mut refusal: GraphRefusal,
        places: Vec<Place>,
    ) -> Result<(), DoorError> {
        let clock = &self.door.house.clock;
        let untouched = refusal.status == 429
            || (refusal.status == 503 && refusal.retry_after.is_some())
            || (refusal.status == 409 && refusal.has_code("Directory_ConcurrencyViolation"));
        let passing = untouched || matches!(refusal.status, 500 | 502 | 503 | 504 | 509);
        // Microsoft's servers can have done it before they failed.
        refusal.doubtful = self.has_effect()
            && !untouched
            && (refusal.status == 408 || (500..600).contains(&refusal.status));
        let mut pause = self.door.pause(*attempt, refusal.retry_after);
        if self.close_for(&refusal, pause, &places) {
            // The gate is waited for by whoever enters, with everybody else.
            pause = pause.map(|_| Duration::ZERO);
        }
        drop(places);
        let may = passing && !refusal.doubtful;
        let more = *attempt < self.door.house.settings.max_attempts;
        match pause {
            Some(pause) if may && more => {
                if !pause.is_zero() {
                    clock.sleep(pause).await;
                }
                *attempt += 1;
                Ok(())
            }
            _ => Err(DoorError::Refused(Box::new(refusal))),
        }
    }

    /// Closes the gates that Microsoft asks to stay away from, for a call that is not made again.
    pub(super) fn close_gates(&self, refusal: &GraphRefusal, places: &[Place]) {
        let pause = self.door.pause(1, refusal.retry_after);
        self.close_for(refusal, pause, places);
    }

    fn close_for(&self, refusal: &GraphRefusal, pause: Option<Duration>, places: &[Place]) -> bool {
        // Without `Retry-After` a 429 still says: stop.
        let asked = match refusal.status {
            429 => refusal.retry_after.or(pause),
            503 => refusal.retry_after,
            _ => None,
        };
        let Some(asked) = asked else { return false };
        let until = later(self.door.house.clock.now(), asked);
        places.iter().for_each(|place| place.close_until(until));
        true
    }

    /// A refusal by its status and headers.
    pub(super) fn refusal_of(&self, status: u16, headers: &HeaderMap) -> GraphRefusal {
        GraphRefusal {
            connection: self.subject.connection_name.to_string(),
            status,
            code: String::new(),
            message: String::new(),
            request_id: request_id(headers),
            retry_after: retry_after(headers, self.door.house.clock.now()),
            location: text(headers, LOCATION.as_str()),
            inner_codes: Vec::new(),
            doubtful: false,
        }
    }

    /// Reads what was refused and why (Graph, *Error responses*).
    async fn refusal(&self, answer: Answer) -> GraphRefusal {
        let (status, headers) = (answer.status, answer.headers.clone());
        let mut refusal = self.refusal_of(status, &headers);
        match answer.read_open(REFUSAL_BYTES).await {
            Ok((body, recording)) => {
                explain(&mut refusal, &headers, &body);
                note(recording, &refusal);
            }
            Err(failure) => refusal.message = failure.to_string(),
        }
        refusal
    }
}

/// What a body that could not be read means.
pub(super) fn body_error(
    connection: &str,
    doubtful: bool,
    failure: answer::BodyFailure,
) -> DoorError {
    let connection = connection.to_owned();
    match failure {
        answer::BodyFailure::TooLarge(limit) => DoorError::TooLarge {
            connection,
            limit,
            doubtful,
        },
        answer::BodyFailure::Broken(what) => DoorError::Network {
            connection,
            what,
            doubtful,
        },
    }
}

fn bearer(token: &AccessToken) -> String {
    format!("Bearer {}", token.token.reveal())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

pub(super) fn note(mut recording: Recording, refusal: &GraphRefusal) {
    recording.failed(match refusal.code.is_empty() {
        true => refusal.message.clone(),
        false => format!("{}: {}", refusal.code, refusal.message),
    });
    recording.finish();
}

/// `{"error": {"code", "message", "innerError": {"code", …}}}`; `innererror` occurs too.
#[derive(Deserialize)]
struct Body {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Box<Inner>>,
}

pub(super) fn explain(refusal: &mut GraphRefusal, headers: &HeaderMap, body: &[u8]) {
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { error }) => {
            refusal.code = error.code.unwrap_or_default();
            refusal.message = error.message.unwrap_or_default();
            let mut inner = error.inner;
            while let Some(error) = inner {
                refusal
                    .inner_codes
                    .extend(error.code.filter(|code| !code.is_empty()));
                inner = error.inner;
            }
        }
        Err(_) => {
            let media = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
            refusal.message = if body.is_empty() {
                String::new()
            } else if is_page(&media, body) {
                "an HTML page came instead of Graph's error; a proxy or a wrong Graph address may be in the way".to_owned()
            } else {
                "what came with it is not an error of Graph's form".to_owned()
            };
        }
    }
}

/// Where a call goes. A token goes to the connection's Graph only.
fn address(graph_url: &str, connection: &str, target: &Target) -> Result<Url, DoorError> {
    let refuse = |why: String| DoorError::Address(format!("connection {connection}: {why}"));
    let root = normal_root(graph_url);
    match target {
        Target::Path(path) => {
            let path = path.as_str();
            let leads_up = path
                .split(['?', '#'])
                .next()
                .unwrap_or_default()
                .split(['/', '\\'])
                .any(is_dots);
            if leads_up || path.contains(['\\', '#']) || path.contains(char::is_control) {
                return Err(refuse(
                    "the path has characters or segments that lead elsewhere".to_owned(),
                ));
            }
            let url = web_address(&format!("{root}{VERSION}{path}"))?;
            let home = web_address(root)?;
            if same_origin(&url, &home) {
                Ok(url)
            } else {
                Err(refuse("the path leads to another host".to_owned()))
            }
        }
        Target::Link(link) => {
            let (url, home) = (web_address(link)?, web_address(root)?);
            let below = url.path().starts_with(home.path().trim_end_matches('/'));
            if same_origin(&url, &home) && below {
                Ok(url)
            } else {
                Err(refuse(format!(
                    "a link to {} is not followed: the connection's Graph is at {}, and a token goes nowhere else",
                    url.host_str().unwrap_or("another place"),
                    home.origin().ascii_serialization()
                )))
            }
        }
        Target::PreAuthenticated(link) => web_address(link),
    }
}

fn is_dots(segment: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(segment).collect::<Vec<u8>>();
    decoded == b"." || decoded == b".."
}

/// The caller's headers without those that are the door's, and with the door's.
fn headers(request: &GraphRequest) -> HeaderMap {
    let mut headers = request.headers.clone();
    for own in [
        AUTHORIZATION,
        CONNECTION,
        CONTENT_LENGTH,
        COOKIE,
        HOST,
        TRANSFER_ENCODING,
        USER_AGENT,
        PREFER,
    ] {
        headers.remove(own);
    }
    if !matches!(request.target, Target::PreAuthenticated(_)) {
        headers.insert(PREFER, preferences(&request.headers));
    }
    let content_type = match &request.body {
        RequestBody::None => None,
        RequestBody::Json(_) => Some(HeaderValue::from_static("application/json")),
        RequestBody::Raw { content_type, .. } => HeaderValue::from_str(content_type).ok(),
    };
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    headers
}

/// All preferences in one header (RFC 7240, section 2); ours about ids always wins.
fn preferences(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get_all(PREFER).iter();
    let all = immutable_ids_with(given.filter_map(|value| value.to_str().ok()));
    HeaderValue::from_str(&all).unwrap_or(HeaderValue::from_static(IMMUTABLE_IDS))
}

/// The value of `Prefer` with the preference for immutable ids, which is on every call, and all of
/// these that are not about ids. A batch's own header does not reach its parts: each needs it.
pub fn immutable_ids_with<'a>(given: impl IntoIterator<Item = &'a str>) -> String {
    let mut all = IMMUTABLE_IDS.to_owned();
    let preferences = given.into_iter().flat_map(|value| value.split(','));
    for preference in preferences.map(str::trim) {
        let about_ids = preference
            .get(..6)
            .is_some_and(|name| name.eq_ignore_ascii_case("idtype"));
        if !preference.is_empty() && !about_ids {
            all.push_str(", ");
            all.push_str(preference);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::path::GraphPath;

    const ROOT: &str = "https://graph.microsoft.com/";

    fn goes(target: Target) -> Result<String, DoorError> {
        address(ROOT, "contoso", &target).map(String::from)
    }

    #[test]
    fn a_path_stays_below_the_version() {
        let path = GraphPath::user("a@b").lit("messages");
        assert_eq!(
            goes(Target::Path(path)).ok().as_deref(),
            Some("https://graph.microsoft.com/v1.0/users/a%40b/messages")
        );
        for bad in [
            "/../beta/users",
            "/users/%2e%2E/x",
            "/users/.%2e/x",
            "/a\\..\\b",
            "/users/\t../x",
            "/users#x",
        ] {
            assert!(
                goes(Target::Path(GraphPath::encoded(bad))).is_err(),
                "{bad}"
            );
        }
        let dots = GraphPath::encoded("@evil.example/x");
        assert!(goes(Target::Path(dots)).is_ok_and(|url| url.starts_with(ROOT)));
    }

    #[test]
    fn a_link_to_another_host_is_refused() {
        for bad in [
            "https://evil.example/v1.0/users",
            "https://graph.microsoft.com.evil.example/v1.0/users",
            "https://graph.microsoft.com@evil.example/v1.0/users",
            "http://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:444/v1.0/users",
            "//evil.example/",
        ] {
            assert!(goes(Target::Link(bad.to_owned())).is_err(), "{bad}");
        }
        let good = "https://graph.microsoft.com/v1.0/users?$skiptoken=x";
        assert!(goes(Target::Link(good.to_owned())).is_ok());
    }

    #[test]
    fn preferences_are_merged_and_ids_stay_immutable() {
        let request = GraphRequest::get(GraphPath::new("users"))
            .prefer("odata.maxpagesize=5")
            .prefer("idtype=\"x\", outlook.body-content-type=\"text\"");
        assert_eq!(
            headers(&request)[PREFER],
            "IdType=\"ImmutableId\", odata.maxpagesize=5, outlook.body-content-type=\"text\""
        );
    }
}
