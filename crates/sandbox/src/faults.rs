//! Faults on demand: what a network and a busy service do to a client.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which requests a fault meets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultMatch {
    /// The HTTP method; any when absent.
    pub method: Option<String>,
    /// A part of the path and query as sent, such as `/sendMail`; any when absent.
    pub path_contains: Option<String>,
}

/// A refusal of Entra's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntraFault {
    /// The AADSTS number.
    pub number: u32,
    /// OAuth's `error`; the usual one of the number when absent.
    pub error: Option<String>,
    /// `suberror`.
    pub suberror: Option<String>,
    /// A claims challenge, as JSON.
    pub claims: Option<String>,
    /// The HTTP status; 400, or 401 with `invalid_client`, when absent.
    pub status: Option<u16>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u64>,
}

/// What happens to the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum FaultAction {
    /// An error answer in Graph's shape.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds for `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
        /// `error.code`; one that fits the status when absent.
        #[serde(default)]
        code: Option<String>,
        /// Further headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// A refusal of Entra's: at the redirect URI from the authorization endpoint, in JSON from the
    /// token and device code endpoints.
    Entra(EntraFault),
    /// The right answer's JSON with members set and removed.
    Edit {
        /// Members to be written.
        #[serde(default)]
        set: BTreeMap<String, serde_json::Value>,
        /// Members to be taken out.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Any answer.
    Answer {
        /// The HTTP status.
        #[serde(default = "ok_status")]
        status: u16,
        /// Its content type.
        content_type: String,
        /// Its body.
        body: String,
    },
    /// The connection ends without an answer.
    Drop,
    /// The connection ends in the middle of the answer's body.
    Cut,
    /// The answer's body arrives in small pieces, this many milliseconds in all.
    Slow {
        /// The time the body takes.
        milliseconds: u64,
    },
    /// The request waits, then goes its usual way.
    Delay {
        /// The time to wait.
        milliseconds: u64,
    },
    /// No answer comes; the connection stays until the caller ends it.
    Hang,
    /// A page of HTML, as a proxy between would send.
    Html {
        /// The HTTP status.
        #[serde(default = "ok_status")]
        status: u16,
    },
    /// The right answer's first half, with a length that fits.
    TruncatedJson,
    /// Bytes that are no JSON under a JSON content type.
    GarbageJson,
}

fn ok_status() -> u16 {
    200
}

fn once() -> u32 {
    1
}

/// A fault and the requests it meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Which requests.
    #[serde(rename = "match", default)]
    pub matching: FaultMatch,
    /// How often it happens.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching requests go through before.
    #[serde(default)]
    pub skip: u32,
    /// The request is carried out and only then answered with the fault: the side effect has
    /// happened and the caller does not learn of it. Faults that need the right answer always
    /// carry the request out.
    #[serde(default)]
    pub perform: bool,
    /// What happens.
    pub action: FaultAction,
}

impl Fault {
    /// A fault that meets the next request whose path contains the text.
    pub fn on(path_contains: &str, action: FaultAction) -> Self {
        Self {
            matching: FaultMatch {
                method: None,
                path_contains: Some(path_contains.to_owned()),
            },
            times: 1,
            skip: 0,
            perform: false,
            action,
        }
    }

    /// Only requests of this method.
    pub fn method(mut self, method: &str) -> Self {
        self.matching.method = Some(method.to_owned());
        self
    }

    /// Happens this often.
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Lets this many requests through first.
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Carries the request out before answering with the fault.
    pub fn perform(mut self) -> Self {
        self.perform = true;
        self
    }

    fn meets(&self, method: &str, path: &str) -> bool {
        self.matching
            .method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .matching
                .path_contains
                .as_ref()
                .is_none_or(|part| path.to_lowercase().contains(&part.to_lowercase()))
    }
}

impl FaultAction {
    /// An error answer with `Retry-After` in seconds.
    pub fn status(status: u16, retry_after: Option<u64>) -> Self {
        Self::Status {
            status,
            retry_after,
            code: None,
            headers: BTreeMap::new(),
        }
    }

    /// A refusal of Entra's with this AADSTS number.
    pub fn entra(number: u32) -> Self {
        Self::Entra(EntraFault {
            number,
            ..EntraFault::default()
        })
    }

    /// The right answer's JSON with this member set, or removed where it is null.
    pub fn edit(name: &str, value: serde_json::Value) -> Self {
        let mut set = BTreeMap::new();
        let mut remove = Vec::new();
        if value.is_null() {
            remove.push(name.to_owned());
        } else {
            set.insert(name.to_owned(), value);
        }
        Self::Edit { set, remove }
    }

    /// The code Graph would give with a status ("Microsoft Graph error responses").
    pub(crate) fn code_for(status: u16) -> &'static str {
        match status {
            400 => "BadRequest",
            401 => "InvalidAuthenticationToken",
            403 => "ErrorAccessDenied",
            404 => "ErrorItemNotFound",
            409 => "Conflict",
            410 => "SyncStateNotFound",
            412 => "ErrorIrresolvableConflict",
            429 => "TooManyRequests",
            503 => "ServiceNotAvailable",
            504 => "GatewayTimeout",
            507 => "ErrorQuotaExceeded",
            _ => "InternalServerError",
        }
    }
}

/// A fault that met a request.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) action: FaultAction,
    pub(crate) perform: bool,
}

/// The faults waiting for requests, in the order they were set.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: std::sync::Mutex<Vec<Fault>>,
}

impl Faults {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Sets a fault.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Takes all faults away.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The faults still waiting.
    pub fn waiting(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// The fault for a request, counted as used. Only `in_batch` faults can happen to a part of
    /// a batch: an error status or a delay.
    pub(crate) fn meet(&self, method: &str, path: &str, in_batch: bool) -> Option<Met> {
        let mut waiting = self.lock();
        let position = waiting.iter_mut().position(|fault| {
            let possible = !in_batch
                || matches!(
                    fault.action,
                    FaultAction::Status { .. } | FaultAction::Delay { .. }
                );
            if !possible || fault.times == 0 || !fault.meets(method, path) {
                return false;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            true
        })?;
        let fault = waiting.get_mut(position)?;
        fault.times -= 1;
        let met = Met {
            action: fault.action.clone(),
            perform: fault.perform,
        };
        if fault.times == 0 {
            waiting.remove(position);
        }
        Some(met)
    }
}

impl Met {
    /// How long to wait before anything else.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.action {
            FaultAction::Delay { milliseconds } => Some(Duration::from_millis(milliseconds)),
            _ => None,
        }
    }

    /// Whether the request is carried out.
    pub(crate) fn carries_out(&self) -> bool {
        self.perform
            || matches!(
                self.action,
                FaultAction::Cut
                    | FaultAction::Slow { .. }
                    | FaultAction::Delay { .. }
                    | FaultAction::Edit { .. }
                    | FaultAction::TruncatedJson
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_skips() {
        let faults = Faults::default();
        faults.add(
            Fault::on("/sendmail", FaultAction::status(503, Some(1)))
                .method("post")
                .skip(1)
                .times(2),
        );
        let meet = || faults.meet("POST", "/v1.0/me/sendMail", false).is_some();
        assert!(faults.meet("GET", "/v1.0/me/sendMail", false).is_none());
        assert_eq!([meet(), meet(), meet(), meet()], [false, true, true, false]);
        assert!(faults.waiting().is_empty());
    }

    #[test]
    fn reads_what_people_write() {
        let fault: Fault = serde_json::from_str(
            r#"{"match":{"method":"POST","pathContains":"/sendMail"},"perform":true,
                "action":{"kind":"status","status":504,"retryAfter":3}}"#,
        )
        .expect("readable");
        assert!(fault.perform);
        assert_eq!(fault.times, 1);
        assert_eq!(fault.action, FaultAction::status(504, Some(3)));
    }
}
