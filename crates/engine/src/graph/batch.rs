//! `$batch` (Graph, *Combine multiple HTTP requests using JSON batching*): read, judged part by part,
//! and written anew, so that Microsoft gets what was judged and nothing else.

use super::allowed::{self, Judged, Own, Refusal};
use super::headers::is_asked;
use bytes::Bytes;
use postroom_microsoft::immutable_ids_with;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// How many parts one batch may have.
const MOST_PARTS: usize = 20;

/// Methods that Graph knows.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// A batch with no more fields than Microsoft describes: what is not understood here might be there.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Part {
    id: Value,
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depends_on: Option<Vec<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

/// A batch that may be sent.
#[derive(Debug)]
pub(super) struct JudgedBatch {
    /// The body, written anew.
    pub(super) body: Bytes,
    /// Each part.
    pub(super) parts: Vec<Judged>,
}

/// Why a batch is not sent.
#[derive(Debug)]
pub(super) enum BatchRefusal {
    /// It is none.
    Malformed(String),
    /// This part may not be made.
    Part(String, Refusal),
}

/// Reads and judges a batch. `root` is the connection's Graph, below which absolute addresses lie.
pub(super) fn judge(
    body: &[u8],
    root: &str,
    own: Option<&[Own<'_>]>,
) -> Result<JudgedBatch, BatchRefusal> {
    let mut batch: Batch = serde_json::from_slice(body).map_err(|error| {
        BatchRefusal::Malformed(format!("The batch cannot be understood: {error}."))
    })?;
    if batch.requests.len() > MOST_PARTS {
        return Err(BatchRefusal::Malformed(format!(
            "The batch has {} parts; Microsoft takes {MOST_PARTS}.",
            batch.requests.len()
        )));
    }
    check_order(&batch.requests)?;
    let mut parts = Vec::with_capacity(batch.requests.len());
    for part in &mut batch.requests {
        parts.push(judge_part(part, root, own)?);
    }
    let body = serde_json::to_vec(&batch).map_err(|error| {
        BatchRefusal::Malformed(format!("The batch cannot be written: {error}."))
    })?;
    Ok(JudgedBatch {
        body: body.into(),
        parts,
    })
}

fn id_of(part: &Part) -> Result<String, BatchRefusal> {
    match &part.id {
        Value::String(id) => Ok(id.clone()),
        Value::Number(id) => Ok(id.to_string()),
        _ => Err(BatchRefusal::Malformed(
            "A part of the batch has an id that is no text.".to_owned(),
        )),
    }
}

/// Whether the parts have ids of their own (Graph compares them without regard to case), and there is
/// an order in which each comes behind those that it depends on.
fn check_order(parts: &[Part]) -> Result<(), BatchRefusal> {
    let malformed = |id: &str, why: String| {
        Err(BatchRefusal::Malformed(format!(
            "Part {id:?} of the batch {why}."
        )))
    };
    let mut ids: Vec<String> = Vec::with_capacity(parts.len());
    for part in parts {
        let id = id_of(part)?;
        if ids.iter().any(|known| known.eq_ignore_ascii_case(&id)) {
            return malformed(&id, "has the id of another one".to_owned());
        }
        ids.push(id);
    }
    let mut waits: Vec<Vec<usize>> = Vec::with_capacity(parts.len());
    for (part, id) in parts.iter().zip(&ids) {
        let mut before = Vec::new();
        for named in part.depends_on.iter().flatten() {
            let Value::String(named) = named else {
                let why = "depends on something that is no text: `dependsOn` is a list of ids of \
                           other parts";
                return malformed(id, why.to_owned());
            };
            match ids
                .iter()
                .position(|known| known.eq_ignore_ascii_case(named))
            {
                Some(at) => before.push(at),
                None => {
                    return malformed(
                        id,
                        format!("depends on {named:?}, and there is no such part"),
                    );
                }
            }
        }
        waits.push(before);
    }
    // In each round those are done that wait for nobody who is not; who is left over waits in a circle.
    let mut done = vec![false; waits.len()];
    loop {
        let ready: Vec<usize> = (0..waits.len())
            .filter(|at| {
                let waits = waits.get(*at).into_iter().flatten();
                !is(&done, *at) && waits.into_iter().all(|before| is(&done, *before))
            })
            .collect();
        for at in &ready {
            if let Some(done) = done.get_mut(*at) {
                *done = true;
            }
        }
        if ready.is_empty() {
            break;
        }
    }
    match ids.iter().zip(&done).find(|(_, done)| !**done) {
        Some((id, _)) => malformed(
            id,
            "waits for itself: `dependsOn` goes in a circle".to_owned(),
        ),
        None => Ok(()),
    }
}

fn is(done: &[bool], at: usize) -> bool {
    done.get(at).copied().unwrap_or_default()
}

fn judge_part(
    part: &mut Part,
    root: &str,
    own: Option<&[Own<'_>]>,
) -> Result<Judged, BatchRefusal> {
    let id = id_of(part)?;
    let malformed = |why: &str| BatchRefusal::Malformed(format!("Part {id:?} of the batch {why}."));
    part.method.make_ascii_uppercase();
    if !METHODS.contains(&part.method.as_str()) {
        return Err(malformed("has a method that Graph does not know"));
    }
    let target = below(&part.url, root).ok_or_else(|| {
        malformed("has an address outside of the connection's Graph v1.0: write it relative, like /users/…")
    })?;
    let judged = allowed::judge(&part.method, &target, own)
        .map_err(|refusal| BatchRefusal::Part(id.clone(), refusal))?;
    if judged.is_batch {
        return Err(malformed(
            "is a batch itself, which Microsoft does not take",
        ));
    }
    part.url.clone_from(&judged.path);
    let mut headers = BTreeMap::new();
    let mut preferences = Vec::new();
    for (name, value) in part.headers.take().unwrap_or_default() {
        let Value::String(value) = value else {
            return Err(malformed("has a header that is no text"));
        };
        if name.eq_ignore_ascii_case("prefer") {
            preferences.push(value);
        } else if is_asked(&name) {
            headers.insert(name, Value::String(value));
        }
    }
    let prefer = immutable_ids_with(preferences.iter().map(String::as_str));
    headers.insert("Prefer".to_owned(), Value::String(prefer));
    part.headers = Some(headers);
    Ok(judged)
}

/// An address of a part as path and query below the version.
fn below(url: &str, root: &str) -> Option<String> {
    let has = |url: &str, start: &str| {
        url.get(..start.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(start))
    };
    let is_absolute = url
        .split(['/', '?', '#', '\\'])
        .next()
        .is_some_and(|start| start.contains(':'));
    if is_absolute {
        let base = format!("{}/v1.0/", root.trim_end_matches('/'));
        let rest = has(url, &base)
            .then(|| url.get(base.len() - 1..))
            .flatten()?;
        return Some(rest.to_owned());
    }
    if url.starts_with("//") || url.starts_with('\\') {
        return None;
    }
    Some(match url.starts_with('/') {
        true => url.to_owned(),
        false => format!("/{url}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROOT: &str = "https://graph.microsoft.com";
    const ANN: Own<'static> = Own {
        id: "ann-id",
        address: "ann@contoso.example",
    };

    /// A part that others can depend on.
    fn first() -> Value {
        json!({"id": "0", "method": "GET", "url": "/users/ann-id/messages"})
    }

    fn of(part: Value) -> Result<Value, BatchRefusal> {
        let batch = json!({"requests": [part, first()]}).to_string();
        judge(batch.as_bytes(), ROOT, Some(&[ANN]))
            .map(|judged| serde_json::from_slice(&judged.body).expect("JSON"))
    }

    #[test]
    fn a_batch_is_written_anew() {
        let sent = of(json!({
            "id": "1", "method": "post", "url": "users('Ann@contoso.example')/messages?x=1",
            "headers": {
                "content-type": "application/json", "Prefer": "outlook.timezone=\"UTC\", IdType=\"x\"",
                "X-HTTP-Method-Override": "DELETE", "Authorization": "Bearer x",
            },
            "body": {"subject": "a"}, "dependsOn": ["0"],
        }));
        assert_eq!(
            sent.expect("allowed")["requests"][0],
            json!({
                "id": "1", "method": "POST", "url": "/users/ann-id/messages?x=1",
                "dependsOn": ["0"],
                "headers": {
                    "Prefer": "IdType=\"ImmutableId\", outlook.timezone=\"UTC\"",
                    "content-type": "application/json",
                },
                "body": {"subject": "a"},
            })
        );
    }

    #[test]
    fn absolute_addresses_lie_at_the_connections_graph() {
        for good in [
            "https://graph.microsoft.com/v1.0/users/ann-id/messages",
            "HTTPS://Graph.Microsoft.com/v1.0/users/ann-id/messages",
            "/users/ann-id/messages",
            "users/ann-id/messages",
        ] {
            let sent = of(json!({"id": "1", "method": "GET", "url": good})).expect(good);
            assert_eq!(
                sent["requests"][0]["url"], "/users/ann-id/messages",
                "{good}"
            );
        }
        for bad in [
            "https://graph.microsoft.com/beta/users/ann-id/messages",
            "https://graph.microsoft.com.evil.example/v1.0/users/ann-id/messages",
            "https://evil.example/v1.0/users/ann-id/messages",
            "https://graph.microsoft.com@evil.example/v1.0/users/ann-id/messages",
            "//evil.example/v1.0/users/ann-id/messages",
            "\\\\evil.example\\users",
            "javascript:alert(1)",
            "https:/users/ann-id/messages",
        ] {
            assert!(
                of(json!({"id": "1", "method": "GET", "url": bad})).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_read_in_two_ways_is_refused() {
        for text in [
            r#"{"requests":[{"id":"1","method":"GET","url":"/users/ann-id/messages","URL":"/users/b/messages"}]}"#,
            r#"{"requests":[{"id":"1","method":"GET","url":"/users/ann-id/messages","url":"/users/b/messages"}]}"#,
            r#"{"requests":[],"Requests":[{"id":"1","method":"GET","url":"/users/b/messages"}]}"#,
            r#"{"requests":[],"requests":[]}"#,
            r#"{"requests":[{"id":"1","method":"GET","url":"/$batch"}]}"#,
            r#"{"requests":[{"id":"1","method":"POST","url":"/$batch"}]}"#,
            r#"{"requests":[{"id":"1","method":"POST","url":"/%24batch"}]}"#,
            r#"{"requests":[{"id":{},"method":"GET","url":"/users/ann-id/messages"}]}"#,
            r#"{"requests":[{"id":"1","method":"TRACE","url":"/users/ann-id/messages"}]}"#,
            r#"{"requests":[{"id":"1","method":"GET","url":"/users/ann-id/messages","headers":{"prefer":1}}]}"#,
            "[]",
            "",
            "{}",
            r#"{"requests":[]} x"#,
        ] {
            assert!(
                judge(text.as_bytes(), ROOT, Some(&[ANN])).is_err(),
                "{text}"
            );
        }
        let many: Vec<Value> = (0..21)
            .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/me"}))
            .collect();
        assert!(judge(json!({"requests": many}).to_string().as_bytes(), ROOT, None).is_err());
    }

    /// What Microsoft would refuse as a whole is refused here, with a reason.
    #[test]
    fn parts_depend_on_parts_that_are_there_and_not_in_a_circle() {
        let judged = |parts: &[(Value, Value)]| {
            let parts: Vec<Value> = parts
                .iter()
                .map(|(id, before)| {
                    json!({"id": id, "method": "GET", "url": "/me", "dependsOn": before})
                })
                .collect();
            judge(
                json!({"requests": parts}).to_string().as_bytes(),
                ROOT,
                None,
            )
        };
        for good in [
            &[(json!("1"), json!(null)), (json!("2"), json!(["1"]))][..],
            &[(json!("2"), json!(["1"])), (json!("1"), json!([]))],
            &[
                (json!("a"), json!([])),
                (json!("b"), json!(["A", "a"])),
                (json!("c"), json!(["a", "b"])),
            ],
        ] {
            assert!(judged(good).is_ok(), "{good:?}");
        }
        for (bad, why) in [
            (&[(json!("1"), json!(["7"]))][..], "no such part"),
            (&[(json!("1"), json!(["1"]))], "circle"),
            (
                &[(json!("1"), json!(["2"])), (json!("2"), json!(["1"]))],
                "circle",
            ),
            (
                &[
                    (json!("0"), json!([])),
                    (json!("1"), json!(["0", "3"])),
                    (json!("2"), json!(["1"])),
                    (json!("3"), json!(["2"])),
                ],
                "circle",
            ),
            (
                &[(json!("1"), json!([])), (json!("2"), json!([1]))],
                "no text",
            ),
            (
                &[(json!("1"), json!([])), (json!("2"), json!([["1"]]))],
                "no text",
            ),
            (
                &[(json!("1"), json!([])), (json!("2"), json!("1"))],
                "understood",
            ),
            (
                &[(json!("a"), json!([])), (json!("A"), json!([]))],
                "another one",
            ),
        ] {
            match judged(bad) {
                Err(BatchRefusal::Malformed(said)) => assert!(said.contains(why), "{said}"),
                other => panic!("{bad:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn each_part_is_judged() {
        let refused = of(json!({"id": "7", "method": "GET", "url": "/users/bob/messages"}));
        match refused {
            Err(BatchRefusal::Part(id, Refusal::OtherMailbox(bob))) => {
                assert_eq!((id.as_str(), bob.as_str()), ("7", "bob"));
            }
            other => panic!("{other:?}"),
        }
    }
}
