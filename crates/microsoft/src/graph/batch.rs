//! `POST /$batch` (Graph, *Combine multiple HTTP requests using JSON batching*).

use crate::door::{Door, DoorError, GraphPath, GraphRequest, Identity, Priority, Repeat};
use postroom_model::MailboxId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// How many parts one batch may have.
pub const MOST_PARTS: usize = 20;

/// One call of a batch.
#[derive(Clone, Debug, Serialize)]
pub struct BatchPart {
    /// Unique within the batch.
    pub id: String,
    /// The HTTP method.
    pub method: String,
    /// Path and query below the version.
    pub url: String,
    /// Headers; a body needs `Content-Type`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}

impl BatchPart {
    /// A `GET`. The header for immutable ids is set: a batch's own headers do not reach its parts.
    pub fn get(id: impl Into<String>, path: &GraphPath) -> Self {
        Self {
            id: id.into(),
            method: "GET".to_owned(),
            url: path.as_str().to_owned(),
            headers: BTreeMap::from([("Prefer".to_owned(), crate::door::IMMUTABLE_IDS.to_owned())]),
            body: None,
        }
    }
}

/// One part's answer.
#[derive(Debug, Deserialize)]
pub struct BatchAnswer {
    /// The part's id.
    pub id: String,
    /// Its status: a part can fail, or be throttled, alone.
    pub status: u16,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body: JSON, or base64 text.
    #[serde(default)]
    pub body: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Asked<'a> {
    requests: &'a [BatchPart],
}

#[derive(Deserialize)]
struct Answered {
    responses: Vec<BatchAnswer>,
}

/// Sends up to [`MOST_PARTS`] reading calls at once. Outlook works on four at a time and counts
/// each; answers come in any order. The whole batch counts as safe to repeat, so no part may have
/// an effect.
///
/// # Errors
///
/// As [`Door::send`], for the batch as a whole; [`DoorError::Address`] for too many parts.
pub async fn read(
    door: &Door,
    who: &Identity,
    mailbox: Option<&MailboxId>,
    parts: &[BatchPart],
    priority: Priority,
) -> Result<Vec<BatchAnswer>, DoorError> {
    if parts.len() > MOST_PARTS {
        return Err(DoorError::Address(format!(
            "a batch has at most {MOST_PARTS} parts, not {}",
            parts.len()
        )));
    }
    let mut request = GraphRequest::post(GraphPath::new("$batch"))
        .json(&Asked { requests: parts })
        .repeat(Repeat::Safe)
        .priority(priority);
    request.mailbox = mailbox.cloned();
    request.calls = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let answered: Answered = door.send(who, request).await?.json()?;
    Ok(answered.responses)
}
