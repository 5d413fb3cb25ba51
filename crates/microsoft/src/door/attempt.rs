//! One request and the headers of its answer.

use super::answer::Answer;
use super::record::{self, Recording, Subject};
use super::upload::Upload;
use super::{Door, House};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use postroom_model::CallId;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What is sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it is a call of the sign-in service, whose bodies hold secrets.
    pub(crate) tokens: bool,
}

/// Why no answer came.
pub(crate) struct Failure {
    pub(crate) what: String,
    /// Whether Microsoft may have got the request.
    pub(crate) reached: bool,
}

/// Ours, sent with every request and echoed by Graph (Graph, *Best practices*).
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

impl Door {
    /// Sends it once and waits for the headers. Every call of this makes one entry in the call log.
    pub(crate) async fn attempt(
        &self,
        subject: &Subject,
        outgoing: &Outgoing,
        attempt: u32,
        fresh: bool,
    ) -> Result<Answer, Failure> {
        self.exchange(subject, outgoing, attempt, fresh, None).await
    }

    /// The same with a body that comes piece by piece, in place of `outgoing`'s.
    pub(super) async fn exchange(
        &self,
        subject: &Subject,
        outgoing: &Outgoing,
        attempt: u32,
        fresh: bool,
        upload: Option<&Upload>,
    ) -> Result<Answer, Failure> {
        let house = &self.house;
        let client = house
            .net
            .client(&outgoing.url, fresh)
            .map_err(|error| Failure {
                what: error.to_string(),
                reached: false,
            })?;
        let client_request_id = house.dice.guid().to_string();
        let mut request = build(outgoing, &client_request_id);
        if let Some(upload) = upload {
            load(&mut request, upload);
        }
        let mut recording = begin(
            house,
            subject,
            outgoing,
            attempt,
            client_request_id,
            &request,
        );
        if let Some(upload) = upload {
            recording.counts(upload.counter());
        }
        let failed = |mut recording: Recording, what: String, reached: bool| {
            recording.failed(what.clone());
            recording.finish();
            Failure { what, reached }
        };
        let limit = house.settings.answer_timeout + sending_time(outgoing.body.len());
        let sent = within(limit, upload, client.execute(request));
        let response = match sent.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let reached = !error.is_connect() && !error.is_builder();
                return Err(failed(recording, describe(&error, &outgoing.url), reached));
            }
            Err(Elapsed) => {
                let what = format!(
                    "{} did not answer within {} seconds",
                    outgoing.url.host_str().unwrap_or("Microsoft"),
                    limit.as_secs_f32()
                );
                return Err(failed(recording, what, true));
            }
        };
        recording.answered(response.status().as_u16(), response.headers());
        Ok(Answer::new(
            response,
            recording,
            house.settings.idle_timeout,
        ))
    }
}

/// No answer came in time.
struct Elapsed;

/// Waits so long for the answer. While a body is being sent the time begins anew with each piece:
/// how long a body takes is for its length and the line to say.
async fn within<T>(
    limit: Duration,
    upload: Option<&Upload>,
    sent: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    let mut sent = std::pin::pin!(sent);
    let mut stood = None;
    loop {
        if let Ok(answer) = tokio::time::timeout(limit, &mut sent).await {
            return Ok(answer);
        }
        let stands = upload.map(|upload| (upload.taken(), upload.has_ended()));
        if stands == stood {
            return Err(Elapsed);
        }
        stood = stands;
    }
}

fn load(request: &mut reqwest::Request, upload: &Upload) {
    *request.body_mut() = Some(upload.body());
    let headers = request.headers_mut();
    match upload.length {
        Some(length) => headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.remove(CONTENT_LENGTH),
    };
}

fn begin(
    house: &House,
    subject: &Subject,
    outgoing: &Outgoing,
    attempt: u32,
    client_request_id: String,
    request: &reqwest::Request,
) -> Recording {
    let at = house.clock.now();
    let id = CallId::new(house.dice.timed_guid(at).to_string());
    Recording::begin(
        Arc::clone(&house.log),
        record::entry(subject, outgoing, attempt, id, at, client_request_id),
        outgoing,
        request.headers(),
        house.settings.log_detail,
    )
}

/// What a body may take on a slow line (32 KiB a second) besides the time for the answer.
fn sending_time(bytes: usize) -> Duration {
    Duration::from_secs(bytes as u64 / (32 * 1024))
}

fn build(outgoing: &Outgoing, client_request_id: &str) -> reqwest::Request {
    let mut request = reqwest::Request::new(outgoing.method.clone(), outgoing.url.clone());
    let headers = request.headers_mut();
    *headers = outgoing.headers.clone();
    headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(client_request_id) {
        headers.insert(CLIENT_REQUEST_ID, id);
    }
    let sends_body = !matches!(outgoing.method, Method::GET | Method::HEAD | Method::DELETE);
    if !outgoing.body.is_empty() {
        *request.body_mut() = Some(outgoing.body.clone().into());
    } else if sends_body {
        // 411 otherwise, for actions like `send` that have no body.
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
}

/// What the network said, innermost cause last, without the address's query.
pub(crate) fn describe(error: &reqwest::Error, url: &Url) -> String {
    let host = url.host_str().unwrap_or("Microsoft");
    let mut what = if error.is_connect() {
        format!("{host} cannot be reached")
    } else if error.is_timeout() {
        format!("{host} did not answer in time")
    } else {
        format!("the call of {host} failed")
    };
    let mut cause = error.source();
    let mut last = String::new();
    while let Some(error) = cause {
        last = error.to_string();
        cause = error.source();
    }
    if !last.is_empty() {
        what.push_str(": ");
        what.push_str(&last);
    }
    what
}
