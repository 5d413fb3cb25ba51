//! `Idempotency-Key`: the same call again gives the same answer.

use crate::app::App;
use crate::problem::{Answer, Refusal, internal};
use crate::trail::Trail;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use postroom_engine::access::Caller;
use postroom_engine::idempotency::Idempotent;
use postroom_engine::outbox::NewOutgoing;
use postroom_engine::{Engine, Problem};
use postroom_model::mailbox::Mailbox;
use postroom_model::outbox::OutboxItem;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use tracing::Instrument as _;

/// The header that callers send.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that marks an answer given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Whether a call may have been made before.
pub(crate) struct Once {
    key: Option<Key>,
    trail: Option<Trail>,
}

/// An `Idempotency-Key`, with a hash of what the call says.
struct Key {
    text: String,
    hash: Sha256,
}

impl Once {
    /// Begins with method, path and query; the body is to be added.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(Key {
                text: value
                    .to_str()
                    .map_err(|_| Problem::invalid("The Idempotency-Key is not plain ASCII."))?
                    .trim()
                    .to_owned(),
                hash: Sha256::new(),
            }),
            _ => {
                return Err(Problem::invalid(
                    "Several Idempotency-Keys were sent: send one.",
                ));
            }
        };
        let mut once = Self {
            key,
            trail: parts.extensions.get::<Trail>().cloned(),
        };
        once.add(parts.method.as_str().as_bytes());
        once.add(parts.uri.path().as_bytes());
        once.add(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(once)
    }

    /// Adds a piece of what the call says. Its length goes first, so that two pieces are never
    /// taken for one.
    pub(crate) fn add(&mut self, piece: &[u8]) {
        if let Some(key) = &mut self.key {
            key.hash.update((piece.len() as u64).to_be_bytes());
            key.hash.update(piece);
        }
    }

    /// Does `work`, unless it was done before, and answers with `status` and what it made. Work
    /// that was begun goes on when the caller hangs up.
    pub(crate) async fn run<T, F>(
        self,
        app: &App,
        caller: &Caller,
        status: StatusCode,
        work: F,
    ) -> Answer
    where
        T: Serialize + Send + 'static,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
    {
        let engine = app.engine.clone();
        let trail = self.trail.clone();
        let work = async move {
            let made = work.await;
            if let Some(trail) = &trail {
                match &made {
                    Ok(made) => {
                        let shown = serde_json::to_value(made).unwrap_or_default();
                        trail.done(&shown).await;
                    }
                    Err(problem) => trail.failed(problem).await,
                }
            }
            made
        };
        let Some(key) = self.key else {
            let made = detached(work).await?;
            return Ok(json(status, text(&made)?));
        };
        let claimed = engine
            .claim_idempotent(caller, &key.text, key.hash())
            .await?;
        let mut claim = match claimed {
            Idempotent::Answered { status, body } => {
                if let Some(trail) = &self.trail {
                    trail.replayed();
                }
                return Ok(replay(status, body));
            }
            Idempotent::Do(claim) => claim,
        };
        let body = detached(async move {
            match work.await.and_then(|made| text(&made)) {
                Ok(body) => {
                    claim.status = status.as_u16();
                    claim.body = body;
                    engine.answer_idempotent(&claim).await?;
                    Ok(claim.body)
                }
                Err(problem) => {
                    if let Err(error) = engine.release_idempotent(&claim).await {
                        tracing::warn!(%error, "a refused call keeps its Idempotency-Key");
                    }
                    Err(problem)
                }
            }
        })
        .await?;
        Ok(json(status, body))
    }

    /// Accepts a message; the answer is kept in the same commit as the message.
    pub(crate) async fn accept(
        self,
        engine: Engine,
        caller: Caller,
        mailbox: Mailbox,
        new: NewOutgoing,
        answer: fn(&OutboxItem) -> (u16, String),
    ) -> Answer {
        let claim = match self.key {
            None => None,
            Some(key) => match engine
                .claim_idempotent(&caller, &key.text, key.hash())
                .await?
            {
                Idempotent::Answered { status, body } => return Ok(replay(status, body)),
                Idempotent::Do(claim) => Some(claim),
            },
        };
        let item = detached(async move {
            let kept = claim.clone().map(|claim| (claim, answer));
            let accepted = engine.accept(&caller, &mailbox, new, kept).await;
            if let (Err(_), Some(claim)) = (&accepted, &claim)
                && let Err(error) = engine.release_idempotent(claim).await
            {
                tracing::warn!(%error, "a refused call keeps its Idempotency-Key");
            }
            accepted
        })
        .await?;
        let (status, body) = answer(&item);
        Ok(json(
            StatusCode::from_u16(status).unwrap_or(StatusCode::ACCEPTED),
            body,
        ))
    }
}

impl Key {
    fn hash(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hash.clone().finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// Runs to its end even if whoever waits for it goes away.
async fn detached<T, F>(work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) => Err(internal().because(error)),
    }
}

fn text<T: Serialize>(made: &T) -> Result<String, Problem> {
    serde_json::to_string(made).map_err(|error| internal().because(error))
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = json(status, body);
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn json(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What answers with a secret keeps no answer, and is not to be kept by anything in between.
pub(crate) fn secret_answer<T: Serialize>(
    status: StatusCode,
    made: &T,
) -> Result<Response, Refusal> {
    Ok(json(status, text(made)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(uri: &str, pieces: &[&str]) -> String {
        let (parts, ()) = http::Request::post(uri)
            .header(IDEMPOTENCY_KEY, "k")
            .body(())
            .expect("a request")
            .into_parts();
        let mut once = Once::of(&parts).expect("a key");
        for piece in pieces {
            once.add(piece.as_bytes());
        }
        once.key.expect("a key").hash()
    }

    #[test]
    fn a_hash_tells_calls_apart() {
        let one = hash("/a?b", &["cd"]);
        assert_eq!(one.len(), 64);
        assert_eq!(one, hash("/a?b", &["cd"]));
        for other in [
            hash("/a", &["cd"]),
            hash("/ab", &["cd"]),
            hash("/a?b", &["c", "d"]),
            hash("/a?b", &["dc"]),
        ] {
            assert_ne!(one, other);
        }
    }
}
