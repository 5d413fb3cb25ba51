//! An answer's body, and what can be wrong with it.

use super::attempt::describe;
use super::record::Recording;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::fmt;
use std::time::Duration;
use url::Url;

/// An answer whose body has still to be read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    response: reqwest::Response,
    recording: Recording,
    idle: Duration,
    url: Url,
    received: usize,
}

/// Why a body could not be read.
pub(crate) enum BodyFailure {
    /// It is longer than this many bytes.
    TooLarge(usize),
    /// It broke off.
    Broken(String),
}

impl fmt::Display for BodyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the answer is longer than {limit} bytes"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

impl Answer {
    pub(crate) fn new(
        mut response: reqwest::Response,
        recording: Recording,
        idle: Duration,
    ) -> Self {
        Self {
            status: response.status().as_u16(),
            url: response.url().clone(),
            headers: std::mem::take(response.headers_mut()),
            response,
            recording,
            idle,
            received: 0,
        }
    }

    /// The whole body, of at most `limit` bytes. The call's entry is written.
    pub(crate) async fn read(self, limit: usize) -> Result<Bytes, BodyFailure> {
        let (body, recording) = self.read_open(limit).await?;
        recording.finish();
        Ok(body)
    }

    /// The whole body; the entry is still open, so that Microsoft's refusal can be noted in it.
    pub(crate) async fn read_open(
        mut self,
        limit: usize,
    ) -> Result<(Bytes, Recording), BodyFailure> {
        let Some(first) = self.next(limit).await? else {
            return Ok((Bytes::new(), self.recording));
        };
        let Some(second) = self.next(limit).await? else {
            return Ok((first, self.recording));
        };
        let mut body = BytesMut::with_capacity((first.len() + second.len()) * 2);
        body.extend_from_slice(&first);
        body.extend_from_slice(&second);
        while let Some(bytes) = self.next(limit).await? {
            body.extend_from_slice(&bytes);
        }
        Ok((body.freeze(), self.recording))
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Option<Bytes>, BodyFailure> {
        let failure = match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.recording.received(&bytes);
                self.received = self.received.saturating_add(bytes.len());
                if self.received <= limit {
                    return Ok(Some(bytes));
                }
                BodyFailure::TooLarge(limit)
            }
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => BodyFailure::Broken(format!(
                "the answer broke off after {} bytes: {}",
                self.received,
                describe(&error, &self.url)
            )),
            Err(_) => BodyFailure::Broken(format!(
                "the answer stopped after {} bytes for {} seconds",
                self.received,
                self.idle.as_secs_f32()
            )),
        };
        self.recording.failed(failure.to_string());
        Err(failure)
    }

    /// The stream's end: the call's entry is written.
    pub(crate) fn finish(self) {
        self.recording.finish();
    }
}

/// Why a body is not the JSON that was expected, in words.
pub(super) fn what_is_wrong(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    error: &serde_json::Error,
) -> String {
    let length = body.len();
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if length == 0 {
        format!("status {status} came without a body")
    } else if is_page(media, body) {
        format!(
            "status {status} came with an HTML page instead of JSON; a proxy or a wrong Graph address may be in the way"
        )
    } else if error.is_eof() {
        format!("the JSON is cut off after {length} bytes")
    } else if error.is_syntax() {
        format!("{length} bytes of type {media:?} are no JSON")
    } else {
        let what = error.to_string();
        // Other texts quote the value, which may be a secret.
        let what = if what.starts_with("missing field") {
            what
        } else {
            format!("line {}, column {}", error.line(), error.column())
        };
        format!("the JSON is not what Microsoft's reference says ({what})")
    }
}

/// Whether a body is an HTML page.
pub(super) fn is_page(media: &str, body: &[u8]) -> bool {
    media.trim_start().starts_with("text/html")
        || body
            .trim_ascii_start()
            .first()
            .is_some_and(|byte| *byte == b'<')
}
