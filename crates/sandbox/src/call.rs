//! One call to the pretend Graph and its answer, free of HTTP's machinery: the HTTP front and
//! each part of a `$batch` go through the same types.

use bytes::Bytes;
use serde_json::{Value, json};

/// Who calls, as the access token says.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application (`appid`).
    pub client_id: String,
    /// The signed-in user's object id for a delegated token, `None` for an application's token.
    pub user_id: Option<String>,
    /// `scp` of a delegated token or `roles` of an application's.
    pub permissions: Vec<String>,
}

/// A request to Graph after authentication, permission and limits.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The HTTP method.
    pub method: http::Method,
    /// Decoded path segments below the version, `/me` already replaced by `users/{id}`:
    /// `["users", "{id}", "messages"]`.
    pub segments: Vec<String>,
    /// Decoded query pairs in order, names as sent.
    pub query: Vec<(String, String)>,
    /// Request headers.
    pub headers: http::HeaderMap,
    /// The body, already bounded.
    pub body: Bytes,
    /// Where Graph is seen by the caller, without a trailing slash and with the version:
    /// `http://127.0.0.1:1234/v1.0`. Links in answers begin with it.
    pub base_url: String,
}

impl Call {
    /// A query option by name (`$select` and `select` are the same), first one wins.
    pub fn option(&self, name: &str) -> Option<&str> {
        let bare = name.trim_start_matches('$');
        self.query
            .iter()
            .find(|(key, _)| key.trim_start_matches('$').eq_ignore_ascii_case(bare))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a `Prefer` header holds this preference, compared without case and quotes.
    pub fn prefers(&self, name: &str, value: &str) -> bool {
        self.preference(name)
            .is_some_and(|given| given.eq_ignore_ascii_case(value))
    }

    /// The value of a preference in the `Prefer` headers.
    pub fn preference(&self, name: &str) -> Option<String> {
        self.headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|part| part.trim().split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
    }
}

/// The answer to a [`Call`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: http::StatusCode,
    /// Headers beside those every answer carries.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Body,
}

/// What an answer carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing, as for 202 and 204.
    Empty,
    /// JSON already written out: the fast way for pages of messages.
    Json(Bytes),
    /// Anything else, with its content type.
    Raw(String, Bytes),
}

impl Answer {
    /// JSON with a status.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::json_bytes(status, Bytes::from(value.to_string()))
    }

    /// JSON already written out.
    pub fn json_bytes(status: u16, body: Bytes) -> Self {
        Self {
            status: http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::OK),
            headers: http::HeaderMap::new(),
            body: Body::Json(body),
        }
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status: http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::NO_CONTENT),
            headers: http::HeaderMap::new(),
            body: Body::Empty,
        }
    }

    /// Bytes of any type.
    pub fn raw(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status: http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::OK),
            headers: http::HeaderMap::new(),
            body: Body::Raw(content_type.to_owned(), body.into()),
        }
    }
}

/// A refusal in Graph's shape. `innerError` with date and request ids is added by the front.
#[derive(Clone, Debug)]
pub struct GraphError {
    /// The HTTP status.
    pub status: u16,
    /// `error.code`, such as `ErrorItemNotFound`.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// Extra headers, such as `Retry-After` or `Location`.
    pub headers: Vec<(&'static str, String)>,
}

impl GraphError {
    /// A refusal.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            headers: Vec::new(),
        }
    }

    /// The same with a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// `{"error": {code, message, innerError}}`, as Graph documents its error responses.
    pub fn body(&self, request_id: &str, client_request_id: &str, date: &str) -> Value {
        json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": date,
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        }})
    }
}
