//! The call log: every call to Microsoft, without its secrets.

use crate::ids::{AccountId, CallId, ConnectionId, MailboxId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One attempt of one call to Microsoft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// Ours.
    pub id: CallId,
    /// When it was sent.
    pub at: Timestamp,
    /// Through which connection.
    pub connection: ConnectionId,
    /// As whom; `None` while nobody is known yet (a code being redeemed).
    pub account: Option<AccountId>,
    /// About which mailbox, where about one.
    pub mailbox: Option<MailboxId>,
    /// Who caused it: a key's name, `mirror`, `outbox`, `command line`.
    pub caller: String,
    /// The HTTP method.
    pub method: String,
    /// Host and path, and the query (values hidden from keys without `admin`).
    pub path: String,
    /// The status, where an answer came.
    pub status: Option<u16>,
    /// From sending to the last byte.
    pub duration_ms: u64,
    /// The request body's length.
    pub request_bytes: u64,
    /// The response body's length.
    pub response_bytes: u64,
    /// 1 for the first try, 2 for the second …
    pub attempt: u32,
    /// Microsoft's `request-id`.
    pub request_id: Option<String>,
    /// Ours, sent along.
    pub client_request_id: String,
    /// What went wrong: Microsoft's code and message, or what the network said.
    pub error: Option<String>,
    /// Headers and the beginning of the bodies, secrets hidden; `None` where that is off.
    pub detail: Option<CallDetail>,
}

/// What was sent and what came back, shortened and with secrets hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallDetail {
    /// The request.
    pub request: CallPart,
    /// The response.
    pub response: CallPart,
}

/// One side of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallPart {
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body's first 64 KiB as text.
    pub body: String,
}
