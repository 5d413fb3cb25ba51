//! What is asked of Graph.

use super::path::GraphPath;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use postroom_model::MailboxId;
use serde::Serialize;

/// A call to Graph.
#[derive(Clone, Debug)]
pub struct GraphRequest {
    /// The HTTP method.
    pub method: Method,
    /// Where to.
    pub target: Target,
    /// Headers besides those of the door. `Authorization`, `Host`, `User-Agent`,
    /// `client-request-id` and lengths are the door's; `Prefer` is merged with the door's.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
    /// Whose budget it uses and about which mailbox the call log has it.
    pub mailbox: Option<MailboxId>,
    /// Whether it may be repeated.
    pub repeat: Repeat,
    /// The longest answer in bytes; `None`: the door's setting (buffered) or no limit (streamed).
    pub max_answer_bytes: Option<usize>,
    /// Who goes first when a mailbox's places are short.
    pub priority: Priority,
    /// As how many calls Microsoft counts it: one, or a batch's parts.
    pub calls: u32,
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Below `/v1.0` of the connection's Graph.
    Path(GraphPath),
    /// An absolute address that Graph gave (`@odata.nextLink`, `@odata.deltaLink`, `Location`).
    /// Refused unless it lies at the connection's Graph: a token never goes elsewhere.
    Link(String),
    /// An address that carries its own permission, like an upload session's `uploadUrl`: no token
    /// is sent there (Graph, *Attach large files to Outlook messages*).
    PreAuthenticated(String),
}

/// A request's body.
#[derive(Clone, Debug, Default)]
pub enum RequestBody {
    /// None.
    #[default]
    None,
    /// JSON text.
    Json(Bytes),
    /// Anything else.
    Raw {
        /// The media type.
        content_type: String,
        /// The bytes.
        bytes: Bytes,
    },
}

/// Whether a call may be sent again after an answer that leaves doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Doing it twice is doing it once: repeated after network errors, 429 and 5xx.
    Safe,
    /// It has an effect that must not happen twice: repeated only where nothing can have been done
    /// (no connection, 429, 503 with `Retry-After`); any other failure is an error that says
    /// whether it is in doubt.
    IfNotReached,
}

/// Who goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits.
    #[default]
    Interactive,
    /// Nobody waits: lets those that somebody waits for go first.
    Background,
}

impl GraphRequest {
    /// A request; GET, HEAD, PUT and DELETE count as safe to repeat (RFC 9110, section 9.2.2),
    /// and so does PATCH, which Graph defines as setting what is named; POST does not.
    pub fn new(method: Method, target: Target) -> Self {
        let repeat = if method == Method::POST {
            Repeat::IfNotReached
        } else {
            Repeat::Safe
        };
        Self {
            method,
            target,
            headers: HeaderMap::new(),
            body: RequestBody::None,
            mailbox: None,
            repeat,
            max_answer_bytes: None,
            priority: Priority::Interactive,
            calls: 1,
        }
    }

    /// `GET` of a path.
    pub fn get(path: GraphPath) -> Self {
        Self::new(Method::GET, Target::Path(path))
    }

    /// `GET` of a link that Graph gave.
    pub fn follow(link: impl Into<String>) -> Self {
        Self::new(Method::GET, Target::Link(link.into()))
    }

    /// `POST` to a path.
    pub fn post(path: GraphPath) -> Self {
        Self::new(Method::POST, Target::Path(path))
    }

    /// `PATCH` of a path.
    pub fn patch(path: GraphPath) -> Self {
        Self::new(Method::PATCH, Target::Path(path))
    }

    /// `DELETE` of a path.
    pub fn delete(path: GraphPath) -> Self {
        Self::new(Method::DELETE, Target::Path(path))
    }

    /// About this mailbox, and from its budget.
    #[must_use]
    pub fn mailbox(mut self, mailbox: &MailboxId) -> Self {
        self.mailbox = Some(mailbox.clone());
        self
    }

    /// With a JSON body. A value that cannot be written as JSON (no type of ours) becomes `null`,
    /// which Microsoft refuses.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let text = serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec());
        self.body = RequestBody::Json(text.into());
        self
    }

    /// With any other body.
    #[must_use]
    pub fn raw(mut self, content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.body = RequestBody::Raw {
            content_type: content_type.into(),
            bytes: bytes.into(),
        };
        self
    }

    /// With a header whose value is known when writing the program.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    /// With a preference (`odata.maxpagesize=200`); one with characters that no header takes is
    /// left out.
    #[must_use]
    pub fn prefer(mut self, preference: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(preference) {
            self.headers.append(PREFER, value);
        }
        self
    }

    /// May be repeated, or may not.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Goes first, or lets others go first.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// With another bound on the answer.
    #[must_use]
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = Some(bytes);
        self
    }
}

/// `Prefer` (RFC 7240).
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
