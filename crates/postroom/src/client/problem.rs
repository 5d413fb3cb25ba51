//! A refusal of the API (RFC 9457), told to a person.

use http::StatusCode;
use serde_json::Value;
use std::fmt;

/// What the API refused, and why.
#[derive(Debug)]
pub(crate) struct ApiProblem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Postroom's code.
    pub(crate) code: String,
    /// The id of what is there already, for `conflict`.
    pub(crate) existing: Option<String>,
    detail: String,
    microsoft: Option<String>,
}

impl ApiProblem {
    /// Reads one; what is none becomes one by its status.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let microsoft = json.get("microsoft").filter(|said| said.is_object());
        Self {
            status: status.as_u16(),
            code: text(&json["code"]).unwrap_or_default(),
            existing: text(&json["existing"]),
            detail: text(&json["detail"])
                .or_else(|| text(&json["title"]))
                .unwrap_or_else(|| format!("the server answered {status}")),
            microsoft: microsoft.map(|said| {
                let part = |name: &str| text(&said[name]).unwrap_or_default();
                let id = part("requestId");
                let id = if id.is_empty() {
                    id
                } else {
                    format!(" (request id {id})")
                };
                format!("{}: {}{id}", part("code"), part("message"))
            }),
        }
    }
}

impl fmt::Display for ApiProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::output::tame(&self.detail))?;
        if !self.code.is_empty() {
            write!(f, " [{}]", self.code)?;
        }
        if let Some(said) = &self.microsoft {
            write!(f, "\n  Microsoft: {}", crate::output::tame(said))?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiProblem {}
