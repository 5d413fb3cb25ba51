//! What Graph answered.

use super::error::DoorError;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::HeaderMap;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// An answer (2xx or 3xx) held in memory.
#[derive(Clone)]
pub struct GraphResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// Microsoft's `request-id`.
    pub request_id: Option<String>,
    /// For errors about the body.
    pub(crate) connection: Arc<str>,
    /// Whether an answer that cannot be read leaves doubt about what was done.
    pub(crate) effect: bool,
}

impl GraphResponse {
    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`DoorError::Malformed`] when it is cut off, an HTML page, or not what the reference says.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, DoorError> {
        serde_json::from_slice(&self.body).map_err(|error| DoorError::Malformed {
            connection: self.connection.to_string(),
            what: super::answer::what_is_wrong(self.status, &self.headers, &self.body, &error),
            doubtful: self.effect,
        })
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for GraphResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphResponse")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// An answer (2xx or 3xx) whose body comes piece by piece. It holds its place in the mailbox's
/// budget until the body is dropped.
pub struct GraphStream {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// Microsoft's `request-id`.
    pub request_id: Option<String>,
    /// The body, decompressed. An item that is an error is the last.
    pub body: BoxStream<'static, Result<Bytes, DoorError>>,
}

impl fmt::Debug for GraphStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphStream")
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
