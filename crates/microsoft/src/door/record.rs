//! One entry of the call log for every attempt.

use super::attempt::Outgoing;
use super::identity::Identity;
use super::redact;
use http::HeaderMap;
use postroom_model::call::{CallDetail, CallPart, CallRecord};
use postroom_model::connection::Connection;
use postroom_model::ports::CallLog;
use postroom_model::{AccountId, CallId, ConnectionId, MailboxId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How much of a body an entry keeps, in bytes.
pub(crate) const KEPT_BYTES: usize = 64 * 1024;

/// What a call is about, for its entry.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) connection: ConnectionId,
    pub(crate) connection_name: Arc<str>,
    pub(crate) account: Option<AccountId>,
    pub(crate) mailbox: Option<MailboxId>,
    pub(crate) caller: Arc<str>,
}

impl Subject {
    pub(crate) fn identity(who: &Identity, mailbox: Option<&MailboxId>) -> Self {
        Self {
            connection: who.connection.id.clone(),
            connection_name: who.connection.name.as_str().into(),
            account: Some(who.account.id.clone()),
            mailbox: mailbox.cloned(),
            caller: Arc::clone(&who.caller),
        }
    }

    pub(crate) fn connection(connection: &Connection, caller: &str) -> Self {
        Self {
            connection: connection.id.clone(),
            connection_name: connection.name.as_str().into(),
            account: None,
            mailbox: None,
            caller: caller.into(),
        }
    }
}

/// An entry in the making. Written when the attempt is over, and also when it is dropped before.
pub(crate) struct Recording {
    log: Arc<dyn CallLog>,
    entry: Option<CallRecord>,
    started: Instant,
    /// Whether it is a call of the sign-in service, whose answers hold tokens.
    tokens: bool,
    answer: Option<AnswerPart>,
    /// How much of a body that comes piece by piece was taken.
    taken: Option<Arc<AtomicU64>>,
}

struct AnswerPart {
    headers: HeaderMap,
    beginning: Vec<u8>,
}

impl Recording {
    pub(crate) fn begin(
        log: Arc<dyn CallLog>,
        mut entry: CallRecord,
        outgoing: &Outgoing,
        sent_headers: &HeaderMap,
        detail: bool,
    ) -> Self {
        if detail {
            let body = redact::body(sent_headers, &outgoing.body, outgoing.body.len() as u64);
            entry.detail = Some(CallDetail {
                request: CallPart {
                    headers: redact::headers(sent_headers),
                    body,
                },
                response: CallPart::default(),
            });
        }
        Self {
            log,
            entry: Some(entry),
            started: Instant::now(),
            tokens: outgoing.tokens,
            answer: None,
            taken: None,
        }
    }

    /// The body comes piece by piece and is counted there.
    pub(super) fn counts(&mut self, taken: Arc<AtomicU64>) {
        self.taken = Some(taken);
    }

    pub(crate) fn answered(&mut self, status: u16, headers: &HeaderMap) {
        let Some(entry) = &mut self.entry else { return };
        entry.status = Some(status);
        entry.request_id = request_id(headers);
        if entry.detail.is_some() {
            self.answer = Some(AnswerPart {
                headers: headers.clone(),
                beginning: Vec::new(),
            });
        }
    }

    pub(crate) fn received(&mut self, bytes: &[u8]) {
        let Some(entry) = &mut self.entry else { return };
        entry.response_bytes += bytes.len() as u64;
        if let Some(answer) = &mut self.answer {
            let room = KEPT_BYTES.saturating_sub(answer.beginning.len());
            let part = bytes.get(..room.min(bytes.len())).unwrap_or_default();
            answer.beginning.extend_from_slice(part);
        }
    }

    /// Notes Microsoft's refusal or the network's failure; the entry is written on drop.
    pub(crate) fn failed(&mut self, error: impl Into<String>) {
        if let Some(entry) = &mut self.entry {
            entry.error = Some(error.into());
        }
    }

    /// The attempt is over.
    pub(crate) fn finish(mut self) {
        self.write();
    }

    fn write(&mut self) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        if let Some(taken) = &self.taken {
            entry.request_bytes = taken.load(Ordering::Relaxed);
        }
        entry.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let (Some(detail), Some(answer)) = (&mut entry.detail, self.answer.take()) {
            detail.response = CallPart {
                headers: redact::headers(&answer.headers),
                body: if self.tokens {
                    redact::sign_in_answer(&answer.beginning)
                } else {
                    redact::body(&answer.headers, &answer.beginning, entry.response_bytes)
                },
            };
        }
        self.log.record(entry);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(entry) = &mut self.entry
            && entry.error.is_none()
        {
            entry.error = Some("given up by the caller before the answer was complete".to_owned());
        }
        self.write();
    }
}

/// A new entry.
pub(crate) fn entry(
    subject: &Subject,
    outgoing: &Outgoing,
    attempt: u32,
    id: CallId,
    at: postroom_model::Timestamp,
    client_request_id: String,
) -> CallRecord {
    CallRecord {
        id,
        at,
        connection: subject.connection.clone(),
        account: subject.account.clone(),
        mailbox: subject.mailbox.clone(),
        caller: subject.caller.to_string(),
        method: outgoing.method.to_string(),
        path: redact::address(&outgoing.url),
        status: None,
        duration_ms: 0,
        request_bytes: outgoing.body.len() as u64,
        response_bytes: 0,
        attempt,
        request_id: None,
        client_request_id,
        error: None,
        detail: None,
    }
}

/// Graph's `request-id`, or the sign-in service's `x-ms-request-id`.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["request-id", "x-ms-request-id"]
        .iter()
        .find_map(|name| headers.get(*name))
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
