//! Holds every request to Graph and every answer against Microsoft's document: for tests, with
//! [`crate::Options::conformance`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::call::{Answer, Body};
use crate::conformance::{check_answer, check_request, operation};

/// Exchanges kept before they are checked: checking takes long, and a client that waits for it
/// would see another service than the one that is pretended.
const MOST_WAITING: usize = 2_000;
/// Different violations kept.
const MOST_VIOLATIONS: usize = 200;

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    on: bool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    waiting: Vec<Exchange>,
    operations: BTreeSet<String>,
    /// What the document does not allow, with how often it happened.
    violations: BTreeMap<String, u64>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    method: Method,
    path: String,
    /// Its JSON; `None` for no body and for one of another kind.
    json: Option<Bytes>,
}

#[derive(Debug)]
struct Exchange {
    asked: Asked,
    status: u16,
    json: Option<Bytes>,
}

impl Watch {
    pub(crate) fn new(on: bool) -> Self {
        Self {
            on,
            ..Self::default()
        }
    }

    /// Takes a request down; `None` when nobody watches.
    pub(crate) fn asked(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Option<Asked> {
        let is_json = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
        self.on.then(|| Asked {
            method: method.clone(),
            path: format!("/{}", path.trim_start_matches('/')),
            json: (is_json && !body.is_empty()).then(|| body.clone()),
        })
    }

    /// Takes its answer down.
    pub(crate) fn answered(&self, asked: Asked, answer: &Answer) {
        let json = match &answer.body {
            Body::Json(bytes) => Some(bytes.clone()),
            Body::Empty | Body::Raw(..) => None,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.waiting.push(Exchange {
            asked,
            status: answer.status.as_u16(),
            json,
        });
        if seen.waiting.len() >= MOST_WAITING {
            seen.check();
        }
    }

    /// What the document does not allow, each once.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.check();
        seen.violations
            .iter()
            .map(|(violation, times)| format!("{violation} ({times} times)"))
            .collect()
    }

    /// The operations that were seen, as the document writes them.
    pub(crate) fn operations(&self) -> BTreeSet<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.check();
        seen.operations.clone()
    }
}

impl Seen {
    fn check(&mut self) {
        for exchange in std::mem::take(&mut self.waiting) {
            let asked = &exchange.asked;
            let method = asked.method.as_str();
            self.operations.extend(operation(method, &asked.path));
            if let Some(json) = &asked.json {
                let checked = serde_json::from_slice::<Value>(json)
                    .map_err(|error| format!("{method} {}: no JSON: {error}", asked.path))
                    .and_then(|body| check_request(method, &asked.path, &body));
                self.note(checked);
            }
            let body = exchange.json.as_deref().map(serde_json::from_slice);
            let checked = body
                .transpose()
                .map_err(|error| format!("{method} {}: no JSON: {error}", asked.path))
                .and_then(|body: Option<Value>| {
                    check_answer(method, &asked.path, exchange.status, body.as_ref())
                });
            self.note(checked);
        }
    }

    fn note(&mut self, checked: Result<(), String>) {
        let Err(violation) = checked else {
            return;
        };
        if let Some(times) = self.violations.get_mut(&violation) {
            *times += 1;
        } else if self.violations.len() < MOST_VIOLATIONS {
            self.violations.insert(violation, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::json;

    fn pass(watch: &Watch, sent: &Value, answer: &Value) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sent = Bytes::from(sent.to_string());
        let path = "users/a/messages/b";
        if let Some(asked) = watch.asked(&Method::PATCH, path, &headers, &sent) {
            watch.answered(asked, &Answer::json(200, answer));
        }
    }

    #[test]
    fn notes_what_the_document_does_not_allow() {
        let watch = Watch::new(true);
        let message = json!({"id": "b", "subject": "a"});
        pass(&watch, &json!({"isRead": true}), &message);
        assert_eq!(watch.violations(), Vec::<String>::new());
        pass(&watch, &json!({"isRaed": true}), &message);
        pass(&watch, &json!({"isRaed": true}), &message);
        assert_eq!(watch.violations().len(), 1, "{:?}", watch.violations());
        pass(&watch, &json!({"isRead": true}), &json!({"subject": 1}));
        assert_eq!(watch.violations().len(), 2, "{:?}", watch.violations());
        assert_eq!(watch.operations().len(), 1);

        let off = Watch::new(false);
        pass(&off, &json!({"isRaed": true}), &message);
        assert!(off.violations().is_empty() && off.operations().is_empty());
    }
}
