//! One request to the sign-in service, repeated where that is safe.

use super::refusals;
use super::token_endpoint::ErrorBody;
use crate::door::{Answer, Door, DoorError, Outgoing, Subject};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::time::Duration;

/// An answer of the sign-in service, whatever its status.
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Whether it may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trying {
    /// As often as the settings allow: asking twice does no harm.
    Freely,
    /// Only where nobody was reached: a code works once.
    IfNotReached,
    /// Not at all: whoever asks comes back by himself.
    Once,
}

/// The longest answer of the sign-in service that is read, in bytes.
const LIMIT: usize = 1024 * 1024;

/// Sends it, and again after network errors, 429, 5xx and Microsoft's passing faults.
pub(crate) async fn fetch(
    door: &Door,
    subject: &Subject,
    outgoing: Outgoing,
    trying: Trying,
) -> Result<Fetched, DoorError> {
    let mut attempt = 1;
    loop {
        match step(door, subject, &outgoing, attempt, trying).await {
            Step::Done(fetched) => return fetched,
            Step::Again(wait) => door.house.clock.sleep(wait).await,
        }
        attempt += 1;
    }
}

/// What comes of one sending.
pub(super) enum Step {
    /// That is it.
    Done(Result<Fetched, DoorError>),
    /// It may be sent again after this time.
    Again(Duration),
}

/// Sends it once.
pub(super) async fn step(
    door: &Door,
    subject: &Subject,
    outgoing: &Outgoing,
    attempt: u32,
    trying: Trying,
) -> Step {
    let more = attempt < door.house.settings.max_attempts;
    match once(door, subject, outgoing, attempt).await {
        Ok(fetched) => {
            let expects_json = outgoing.method == Method::POST;
            let again = more && trying == Trying::Freely && is_passing(&fetched, expects_json);
            let named = crate::door::retry_after(&fetched.headers, door.house.clock.now());
            match door.pause(attempt, named) {
                Some(wait) if again => Step::Again(wait),
                _ => Step::Done(Ok(fetched)),
            }
        }
        Err((error, reached)) => {
            let again = more
                && match trying {
                    Trying::Freely => true,
                    Trying::IfNotReached => !reached,
                    Trying::Once => false,
                };
            match door.pause(attempt, None) {
                Some(wait) if again => Step::Again(wait),
                _ => Step::Done(Err(error)),
            }
        }
    }
}

async fn once(
    door: &Door,
    subject: &Subject,
    outgoing: &Outgoing,
    attempt: u32,
) -> Result<Fetched, (DoorError, bool)> {
    let network = |what: String, reached: bool| {
        let error = DoorError::Network {
            connection: subject.connection_name.to_string(),
            what,
            doubtful: false,
        };
        (error, reached)
    };
    let answer: Answer = door
        .attempt(subject, outgoing, attempt, false)
        .await
        .map_err(|failure| network(failure.what, failure.reached))?;
    let (status, headers) = (answer.status, answer.headers.clone());
    let body = answer
        .read(LIMIT)
        .await
        .map_err(|failure| network(failure.to_string(), true))?;
    Ok(Fetched {
        status,
        headers,
        body,
    })
}

/// Whether it may be another one the next time. Where JSON is expected, a success that is none is
/// the page of something in between.
fn is_passing(fetched: &Fetched, expects_json: bool) -> bool {
    match fetched.status {
        200..=299 => {
            expects_json && serde_json::from_slice::<serde::de::IgnoredAny>(&fetched.body).is_err()
        }
        429 | 500..=599 => true,
        400..=499 => ErrorBody::of(&fetched.body)
            .and_then(|body| body.code())
            .and_then(refusals::explain)
            .is_some_and(|explanation| explanation.transient),
        _ => false,
    }
}
