//! `$batch` ("Combine multiple HTTP requests using JSON batching").

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{JSON, RequestIds, refused};
use super::limits::MAILBOX_CONCURRENCY;
use super::request::{Incoming, carry_out};
use crate::Sandbox;
use crate::call::{Answer, Body, Caller, GraphError};

/// Requests in one batch.
const MAX_PARTS: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    id: Value,
    method: String,
    url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    headers: HashMap<String, Value>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default, deserialize_with = "null_as_default")]
    depends_on: Vec<Value>,
}

/// Libraries write null for what they have not.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Serialize)]
struct Done {
    id: String,
    status: u16,
    headers: HashMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

fn malformed(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "BadRequest", message)
}

fn id_text(id: &Value) -> String {
    match id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The batch, checked: ids without doubles (compared without case), known dependencies, relative
/// addresses, no batch in a batch.
fn read(body: &[u8]) -> Result<Vec<Part>, GraphError> {
    let batch: Batch = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("Invalid batch payload format. {error}")))?;
    if batch.requests.is_empty() {
        return Err(malformed(
            "Number of requests in the batch payload must be at least 1.",
        ));
    }
    if batch.requests.len() > MAX_PARTS {
        return Err(malformed(format!(
            "Number of requests exceeds maximum limit of {MAX_PARTS}."
        )));
    }
    let mut seen = HashSet::new();
    for part in &batch.requests {
        let id = id_text(&part.id).to_lowercase();
        let known = part
            .depends_on
            .iter()
            .all(|on| seen.contains(&id_text(on).to_lowercase()));
        if !known {
            return Err(malformed(
                "Invalid dependsOn: a request may only depend on requests before it.",
            ));
        }
        if id.is_empty() || !seen.insert(id) {
            return Err(malformed("Request Id must be unique and not empty."));
        }
        let url = part.url.to_lowercase();
        if url.contains("://") || url.trim_start_matches('/').starts_with("$batch") {
            return Err(malformed(format!("Invalid request URL '{}'.", part.url)));
        }
        if part.body.as_ref().is_some_and(|body| !body.is_null())
            && !part
                .headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("content-type"))
        {
            return Err(malformed(
                "Request body requires a Content-Type header in the batch request.",
            ));
        }
    }
    Ok(batch.requests)
}

fn incoming(part: &Part, caller: &Caller, base_url: &str) -> Result<Incoming, GraphError> {
    let method = Method::from_bytes(part.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| malformed("Invalid method."))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &part.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&id_text(value)),
        ) {
            headers.append(name, value);
        }
    }
    let json_or_text = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json") || kind.starts_with("text/"));
    let body = match &part.body {
        None | Some(Value::Null) => Bytes::new(),
        // A MIME message is sent as base64 anyway; other bytes are base64 only in the batch.
        Some(Value::String(text)) if json_or_text => Bytes::from(text.clone()),
        Some(Value::String(text)) => Bytes::from(
            STANDARD
                .decode(text)
                .map_err(|_| malformed("The body is not valid base64."))?,
        ),
        Some(value) => Bytes::from(value.to_string()),
    };
    Ok(Incoming {
        caller: caller.clone(),
        method,
        path_and_query: part.url.clone(),
        headers,
        body,
        base_url: base_url.to_owned(),
        in_batch: true,
    })
}

fn done(id: &Value, answer: Answer) -> Done {
    let mut headers: HashMap<String, String> = answer
        .headers
        .iter()
        .filter_map(|(name, value)| {
            // Graph writes them as people do: `Retry-After`.
            Some((title_case(name.as_str()), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let (content_type, body) = match answer.body {
        Body::Empty => (None, None),
        Body::Json(bytes) => (Some(JSON.to_owned()), raw(&bytes)),
        Body::Raw(content_type, bytes) => {
            let text = Value::from(STANDARD.encode(&bytes)).to_string();
            (Some(content_type), raw(text.as_bytes()))
        }
    };
    headers.insert("Cache-Control".to_owned(), "no-cache".to_owned());
    if let Some(content_type) = content_type {
        headers.insert("Content-Type".to_owned(), content_type);
    }
    Done {
        id: id_text(id),
        status: answer.status.as_u16(),
        headers,
        body,
    }
}

fn raw(bytes: &[u8]) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(bytes.to_vec()).ok()?).ok()
}

fn title_case(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join("-")
}

/// Answers a batch. Outlook runs four parts at a time, so a batch alone never goes over the
/// mailbox's limit; together with other requests it can.
pub(super) async fn run(
    sandbox: &Arc<Sandbox>,
    caller: &Caller,
    ids: &RequestIds,
    base_url: &str,
    body: &[u8],
) -> Result<Answer, GraphError> {
    let parts = read(body)?;
    let mut waiting: Vec<usize> = (0..parts.len()).collect();
    let mut ended: HashMap<String, bool> = HashMap::new();
    let mut responses: Vec<Done> = Vec::with_capacity(parts.len());
    let mut running = FuturesUnordered::new();
    loop {
        let mut index = 0;
        while index < waiting.len() && running.len() < MAILBOX_CONCURRENCY {
            let Some(part) = parts.get(waiting[index]) else {
                break;
            };
            let before: Option<Vec<bool>> = part
                .depends_on
                .iter()
                .map(|on| ended.get(&id_text(on).to_lowercase()).copied())
                .collect();
            match before {
                None => index += 1,
                Some(before) if before.contains(&false) => {
                    waiting.remove(index);
                    let error = GraphError::new(
                        424,
                        "FailedDependency",
                        "A request this one depends on has failed.",
                    );
                    ended.insert(id_text(&part.id).to_lowercase(), false);
                    responses.push(done(&part.id, refused(&error, ids, sandbox.clock.now())));
                    // Those before may wait for this one.
                    index = 0;
                }
                Some(_) => {
                    waiting.remove(index);
                    running.push(async move {
                        let result = match incoming(part, caller, base_url) {
                            Ok(incoming) => carry_out(sandbox, incoming).await,
                            Err(error) => Err(error),
                        };
                        (part, result)
                    });
                }
            }
        }
        let Some((part, result)) = running.next().await else {
            break;
        };
        let answer = result.unwrap_or_else(|error| refused(&error, ids, sandbox.clock.now()));
        ended.insert(
            id_text(&part.id).to_lowercase(),
            answer.status.as_u16() < 400,
        );
        responses.push(done(&part.id, answer));
    }
    #[derive(Serialize)]
    struct Responses {
        responses: Vec<Done>,
    }
    let body = serde_json::to_vec(&Responses { responses })
        .map_err(|_| GraphError::new(500, "InternalServerError", "The batch was not written."))?;
    Ok(Answer::json_bytes(200, Bytes::from(body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal_of(batch: Value) -> Option<String> {
        read(batch.to_string().as_bytes())
            .err()
            .map(|error| error.message)
    }

    #[test]
    fn refuses_what_graph_refuses() {
        let part = |id: usize| json!({"id": id.to_string(), "method": "GET", "url": "/me"});
        let nulls =
            json!({"id": "1", "method": "GET", "url": "/me", "headers": null, "dependsOn": null});
        assert!(refusal_of(json!({ "requests": [nulls] })).is_none());
        let many: Vec<Value> = (0..21).map(part).collect();
        assert!(refusal_of(json!({ "requests": many })).is_some());
        assert!(refusal_of(json!({ "requests": [part(1), part(1)] })).is_some());
        assert!(refusal_of(json!({ "requests": [part(1), part(2)] })).is_none());
        assert!(
            refusal_of(json!({"requests": [{"id": "1", "method": "GET", "url": "/$batch"}]}))
                .is_some()
        );
    }
}
