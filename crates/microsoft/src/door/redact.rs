//! Takes the secrets out of what the call log keeps.

use super::record::KEPT_BYTES;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

/// What stands in a secret's place.
const HIDDEN: &str = "[hidden]";

/// Headers whose values are never kept. A `Location` or challenge can carry a token or claims.
const HIDDEN_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "location",
];

/// Names of fields in forms, queries and JSON whose values are never kept, in small letters.
const HIDDEN_FIELDS: &[&str] = &[
    "access_token",
    "accesstoken",
    "assertion",
    "authtoken",
    "client_assertion",
    "client_secret",
    "clientsecret",
    "clientstate",
    "code",
    "code_verifier",
    "device_code",
    "id_token",
    "key",
    "nonce",
    "passwd",
    "password",
    "refresh_token",
    "refreshtoken",
    "secrettext",
    "state",
    "tempauth",
    "token",
    "uploadurl",
    "@microsoft.graph.downloadurl",
];

/// `code` in JSON is Graph's error code, `state`, `key`, `token` and `nonce` are ordinary words
/// there: hidden in forms and queries only.
const PLAIN_IN_JSON: &[&str] = &["code", "state", "key", "token", "nonce"];

/// What of a sign-in answer may be kept.
const SIGN_IN_FIELDS: &[&str] = &[
    "correlation_id",
    "error",
    "error_codes",
    "error_description",
    "expires_in",
    "ext_expires_in",
    "refresh_in",
    "scope",
    "suberror",
    "timestamp",
    "token_type",
    "trace_id",
];

/// Headers as names and values.
pub(crate) fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let shown = if HIDDEN_HEADERS.contains(&name.as_str()) || value.is_sensitive() {
                HIDDEN.to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), shown)
        })
        .collect()
}

/// Host, path and query of an address. Upload and download addresses that carry their own
/// permission have it in the query.
pub(crate) fn address(url: &Url) -> String {
    let mut shown = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        shown.push_str(&format!(":{port}"));
    }
    shown.push_str(url.path());
    if let Some(query) = url.query() {
        shown.push('?');
        shown.push_str(&pairs(query));
    }
    shown
}

/// The beginning of a body as text. `bytes` is at least its first 64 KiB, `total` its length.
pub(crate) fn body(headers: &HeaderMap, bytes: &[u8], total: u64) -> String {
    if total == 0 || bytes.is_empty() {
        return String::new();
    }
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let cut = bytes.get(..KEPT_BYTES).unwrap_or(bytes);
    let mut shown = if media.contains("json") {
        json(&String::from_utf8_lossy(cut))
    } else if media == "application/x-www-form-urlencoded" {
        pairs(&String::from_utf8_lossy(cut))
    } else if media.starts_with("text/") || media.contains("xml") {
        String::from_utf8_lossy(cut).into_owned()
    } else {
        let media = if media.is_empty() { "no type" } else { &media };
        return format!("[{total} bytes, {media}]");
    };
    if total > cut.len() as u64 {
        shown.push_str(&format!("\n[{total} bytes in all]"));
    }
    shown
}

/// An answer of the sign-in service: only what cannot be a secret.
pub(crate) fn sign_in_answer(bytes: &[u8]) -> String {
    match serde_json::from_slice::<Map<String, Value>>(bytes) {
        Ok(fields) => {
            let shown: Map<String, Value> = fields
                .into_iter()
                .map(|(name, value)| {
                    let value = if SIGN_IN_FIELDS.contains(&name.as_str()) {
                        value
                    } else {
                        Value::from(HIDDEN)
                    };
                    (name, value)
                })
                .collect();
            Value::Object(shown).to_string()
        }
        Err(_) => format!("[{} bytes, not kept]", bytes.len()),
    }
}

/// How names of fields end whose values are never kept: passwords that are set, reset or made for a
/// while, secrets. A call that is passed through can carry any of Graph's.
const HIDDEN_ENDS: &[&str] = &["password", "passwordbase64", "secret", "accesspass"];

fn hides(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HIDDEN_FIELDS.contains(&name.as_str()) || HIDDEN_ENDS.iter().any(|end| name.ends_with(end))
}

/// A form or query; what is not secret stays as it was written.
fn pairs(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, pair) in text.split('&').enumerate() {
        if at > 0 {
            shown.push('&');
        }
        let name = pair.split('=').next().unwrap_or_default();
        let decoded = form_urlencoded::parse(name.as_bytes())
            .next()
            .map(|(name, _)| name.into_owned())
            .unwrap_or_default();
        if hides(&decoded) {
            shown.push_str(name);
            shown.push('=');
            shown.push_str(HIDDEN);
        } else {
            shown.push_str(pair);
        }
    }
    shown
}

/// JSON text, whole or cut off anywhere: values of secret names are replaced, `contentBytes` is
/// shortened to its length. Works on the text, since what is cut off cannot be parsed.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (before, from) = rest.split_at(start);
        shown.push_str(before);
        let length = string_length(from);
        let (string, after) = from.split_at(length);
        shown.push_str(string);
        rest = after;
        // A name is followed by a colon; anything else was a value.
        let blanks = after.len() - after.trim_start().len();
        let Some(value) = after.trim_start().strip_prefix(':') else {
            continue;
        };
        let name = string.trim_matches('"');
        let is_content = name.eq_ignore_ascii_case("contentBytes");
        if !is_content && (PLAIN_IN_JSON.contains(&name) || !may_hide(name)) {
            continue;
        }
        let value_blanks = value.len() - value.trim_start().len();
        let value = value.trim_start();
        let skipped = blanks + 1 + value_blanks;
        shown.push_str(after.get(..skipped).unwrap_or_default());
        let length = value_length(value);
        if is_content && value.starts_with('"') {
            shown.push_str(&format!("\"[{} characters]\"", length.saturating_sub(2)));
        } else if value.starts_with("null") {
            shown.push_str("null");
        } else {
            shown.push('"');
            shown.push_str(HIDDEN);
            shown.push('"');
        }
        rest = value.get(length..).unwrap_or_default();
    }
    shown.push_str(rest);
    shown
}

/// A name with an escape in it is decoded before it is judged: `\u0070assword` is a password too.
fn may_hide(name: &str) -> bool {
    if name.contains('\\') {
        serde_json::from_str::<String>(&format!("\"{name}\"")).is_ok_and(|name| hides(&name))
    } else {
        hides(name)
    }
}

/// The length of the string that `text` begins with, quotes included; all of it when it is cut off.
fn string_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of the value that `text` begins with. Objects and arrays are skipped whole.
fn value_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_length(text.get(at..).unwrap_or_default());
                if depth == 0 {
                    return at.min(text.len());
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 1 { at + 1 } else { at },
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_in_json_are_hidden_wherever_they_are() {
        let shown = json(
            r#"{"access_token": "s1", "a":{"Password":"s2\"s2","list":[{"client_secret":["s3"]}]}, "x":"password", "uploadUrl":"s4","refresh_token":"s5"#,
        );
        for secret in ["s1", "s2", "s3", "s4", "s5"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains(r#""x":"password""#));
        assert!(json(r#"{"\u0070assword":"s"}"#).contains(HIDDEN));
    }

    #[test]
    fn graph_codes_stay_and_contents_are_shortened() {
        let text = r#"{"error":{"code":"ErrorItemNotFound"},"contentBytes":"QUJD","n":1}"#;
        assert_eq!(
            json(text),
            r#"{"error":{"code":"ErrorItemNotFound"},"contentBytes":"[4 characters]","n":1}"#
        );
    }

    #[test]
    fn forms_keep_names_and_lose_secrets() {
        assert_eq!(
            pairs("grant_type=refresh_token&refresh_token=abc&client%5Fsecret=x&code=y"),
            "grant_type=refresh_token&refresh_token=[hidden]&client%5Fsecret=[hidden]&code=[hidden]"
        );
    }

    #[test]
    fn a_sign_in_answer_shows_only_what_is_known_to_be_plain() {
        let shown = sign_in_answer(br#"{"expires_in":3600,"access_token":"a","new_thing":"b"}"#);
        assert_eq!(
            shown,
            r#"{"expires_in":3600,"access_token":"[hidden]","new_thing":"[hidden]"}"#
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            json(&text);
            pairs(&text);
        }

        #[test]
        fn json_without_secrets_stays_as_it_is(text in "[a-z0-9 ,:\\[\\]{}\\\\\"]*") {
            prop_assume!(!text.contains("key") && !HIDDEN_FIELDS.iter().any(|f| text.contains(f)));
            prop_assert_eq!(json(&text), text);
        }

        #[test]
        fn a_secret_cut_off_anywhere_is_hidden(cut in 18_usize..60) {
            let text = r#"{"access_token" : "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS", "b": 1}"#;
            let shown = json(text.get(..cut).unwrap_or(text));
            prop_assert!(!shown.contains("SS"));
        }
    }
}
