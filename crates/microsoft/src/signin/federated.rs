//! Another issuer's assertion as the application's credential (workload identity federation;
//! RFC 7523, section 2.2; entra-docs, `v2-oauth2-client-creds-grant-flow.md`, third case).
//!
//! The assertion is read anew for each use, from a file or an address. It opens the application at
//! whatever its audience is, for whoever has it; so it is looked at before it goes anywhere: only a
//! signed JWT leaves, one that is made for Microsoft goes to Microsoft only, and to an address set
//! by hand goes only what is made for that address. Whoever may change a connection cannot have the
//! server's files or other programs' tokens sent to a host of his own.

use super::fetch::{Trying, fetch};
use crate::door::{Door, DoorError, Outgoing, Subject, is_instance_metadata, web_address};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use postroom_model::cloud::is_known_authority;
use postroom_model::connection::{Credential, FederatedSource};
use postroom_model::{Secret, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use url::Url;

/// The longest assertion, in bytes.
const LONGEST: usize = 64 * 1024;
/// How far the clocks of issuer and machine may differ, in seconds.
const SKEW_SECONDS: i64 = 300;
/// How long a file may take: one on a network that is gone would take for ever.
const FILE_PATIENCE: Duration = Duration::from_secs(10);

/// An address that an assertion may be read from: `https`, or `http` to this machine itself or its
/// metadata service (169.254.169.254).
///
/// # Errors
///
/// [`DoorError::Address`] for any other.
pub fn federated_address(text: &str) -> Result<Url, DoorError> {
    if let Ok(url) = Url::parse(text)
        && url.scheme() == "http"
        && is_instance_metadata(&url)
        && url.username().is_empty()
        && url.password().is_none()
    {
        return Ok(url);
    }
    web_address(text)
}

/// Reads the assertion. What comes instead of one is never repeated in a message.
pub(super) async fn read(
    door: &Door,
    subject: &Subject,
    credential: &Credential,
) -> Result<Secret, String> {
    match &credential.info.federated {
        Some(FederatedSource::File { file }) => {
            match tokio::time::timeout(FILE_PATIENCE, from_file(file)).await {
                Ok(read) => read,
                Err(_) => Err(format!("the file {file} cannot be read: it takes too long")),
            }
        }
        Some(FederatedSource::Url { url, .. }) => {
            from_address(door, subject, url, &credential.secret).await
        }
        None => Err("where it comes from is not known; remove it and add it anew".to_owned()),
    }
}

async fn from_file(path: &str) -> Result<Secret, String> {
    let unread = |error: std::io::Error| format!("the file {path} cannot be read: {error}");
    // A pipe or device would be waited for.
    if !tokio::fs::metadata(path).await.map_err(unread)?.is_file() {
        return Err(format!("{path} is no file"));
    }
    let file = tokio::fs::File::open(path).await.map_err(unread)?;
    let mut text = String::new();
    file.take(LONGEST as u64 + 1)
        .read_to_string(&mut text)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => format!("the file {path} holds no assertion"),
            _ => unread(error),
        })?;
    let text = Secret::new(text);
    if text.reveal().len() > LONGEST {
        return Err(format!("the file {path} is longer than any assertion"));
    }
    Ok(Secret::new(text.reveal().trim()))
}

async fn from_address(
    door: &Door,
    subject: &Subject,
    url: &str,
    headers: &Secret,
) -> Result<Secret, String> {
    let url = federated_address(url).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let outgoing = Outgoing {
        method: Method::GET,
        url,
        headers: header_map(headers)?,
        body: Bytes::new(),
        // Nothing of the answer is kept in the call log.
        tokens: true,
    };
    let fetched = fetch(door, subject, outgoing, Trying::Freely)
        .await
        .map_err(|error| match error {
            DoorError::Network { what, .. } => what,
            other => other.to_string(),
        })?;
    if fetched.status != 200 {
        return Err(format!(
            "{host} answered {} instead of an assertion",
            fetched.status
        ));
    }
    if fetched.body.len() > LONGEST {
        return Err(format!("{host} answered with more than any assertion"));
    }
    assertion_in(&fetched.body).ok_or_else(|| format!("{host} answered without an assertion"))
}

/// The headers as they are stored. Their values stay out of the call log.
fn header_map(stored: &Secret) -> Result<HeaderMap, String> {
    let unusable = || "its headers cannot be sent; remove it and add it anew".to_owned();
    let stored: BTreeMap<String, Secret> =
        serde_json::from_str(stored.reveal()).map_err(|_| unusable())?;
    let mut headers = HeaderMap::new();
    for (name, value) in stored {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| unusable())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The assertion in an answer: JSON with `access_token` (Azure's metadata service) or `value`
/// (GitHub's), or the text itself (Google's).
fn assertion_in(body: &[u8]) -> Option<Secret> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: Option<Secret>,
        value: Option<Secret>,
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    if !text.starts_with(['{', '"']) {
        return Some(Secret::new(text)).filter(|text| !text.is_empty());
    }
    if let Ok(quoted) = serde_json::from_str::<Secret>(text) {
        return Some(quoted);
    }
    let answer: Answer = serde_json::from_str(text).ok()?;
    answer.access_token.or(answer.value)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: Audience,
    exp: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whether an assertion may go to that token endpoint.
pub(super) fn may_go(assertion: &Secret, endpoint: &Url, now: Timestamp) -> Result<(), String> {
    let claims = claims(assertion.reveal())
        .ok_or("what was read is no signed assertion (JWT), and nothing else is sent")?;
    let over = |exp: f64| exp + SKEW_SECONDS as f64 <= now.as_second() as f64;
    if claims.exp.is_some_and(over) {
        return Err(
            "the assertion is over; whatever renews it has stopped, or this machine's clock is wrong"
                .to_owned(),
        );
    }
    if is_known_authority(&endpoint.origin().ascii_serialization()) {
        return Ok(());
    }
    let here = |audience: &String| {
        Url::parse(audience).is_ok_and(|audience| audience.origin() == endpoint.origin())
    };
    let fits = match &claims.aud {
        Audience::One(one) => here(one),
        Audience::Several(several) => !several.is_empty() && several.iter().all(here),
    };
    if fits {
        return Ok(());
    }
    let origin = endpoint.origin().ascii_serialization();
    Err(format!(
        "the assertion is made for somebody else than {origin}, where it would be sent, and there \
         it could be shown to whom it is made for; have it issued for the audience {origin} or \
         for the token endpoint's address"
    ))
}

/// The claims of what looks like a signed JWT (RFC 7519). Whether its signature is good is for the
/// receiver to find out.
fn claims(text: &str) -> Option<Claims> {
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
    let is_signed = !header.alg.eq_ignore_ascii_case("none") && !decode(signature)?.is_empty();
    let claims = serde_json::from_slice(&decode(claims)?).ok()?;
    is_signed.then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn jwt(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature = URL_SAFE_NO_PAD.encode("signature");
        format!(
            "{}.{}.{signature}",
            part(&json!({"alg": "RS256"})),
            part(claims)
        )
    }

    fn goes(assertion: &str, endpoint: &str) -> bool {
        let endpoint = Url::parse(endpoint).expect("an address");
        let now = Timestamp::from_second(1_000).expect("a time");
        may_go(&Secret::new(assertion), &endpoint, now).is_ok()
    }

    const MICROSOFT: &str = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
    const ELSEWHERE: &str = "http://127.0.0.1:8443/t/oauth2/v2.0/token";

    #[test]
    fn an_assertion_goes_where_it_is_made_for() {
        let exchange = json!("api://AzureADTokenExchange");
        for (audience, microsoft, elsewhere) in [
            (exchange.clone(), true, false),
            (json!([exchange]), true, false),
            (json!(ELSEWHERE), true, true),
            (json!("http://127.0.0.1:8443"), true, true),
            (json!(["http://127.0.0.1:8443/t/v2.0"]), true, true),
            (json!(["http://127.0.0.1:8443", exchange]), true, false),
            (json!("http://127.0.0.1:8444"), true, false),
            (json!("https://127.0.0.1:8443"), true, false),
            (json!([]), true, false),
            (json!("https://kubernetes.default.svc"), true, false),
        ] {
            let assertion = jwt(&json!({"aud": audience, "exp": 2_000}));
            assert_eq!(goes(&assertion, MICROSOFT), microsoft, "{audience}");
            assert_eq!(goes(&assertion, ELSEWHERE), elsewhere, "{audience}");
        }
    }

    #[test]
    fn nothing_but_a_signed_assertion_goes_anywhere() {
        let whole = jwt(&json!({"aud": "x", "exp": 2_000}));
        assert!(goes(&whole, MICROSOFT));
        let unsigned = whole.rsplit_once('.').expect("parts").0.to_owned() + ".";
        let none = whole.replace(
            &URL_SAFE_NO_PAD.encode(json!({"alg": "RS256"}).to_string()),
            &URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string()),
        );
        let over = jwt(&json!({"aud": "x", "exp": 700}));
        for other in [
            "",
            "root:x:0:0:root:/root:/bin/sh",
            "a.b.c",
            "..",
            &unsigned,
            &none,
            &over,
            &format!("{whole}.x"),
            &jwt(&json!({"exp": 2_000})),
            &jwt(&json!([])),
        ] {
            assert!(!goes(other, MICROSOFT), "{other}");
        }
    }

    #[test]
    fn answers_come_in_several_forms() {
        for body in [
            "eyJ.a.b\n",
            "\"eyJ.a.b\"",
            r#"{"access_token":"eyJ.a.b","expires_in":"3599"}"#,
            r#"{"count":1, "value":"eyJ.a.b"}"#,
        ] {
            let read = assertion_in(body.as_bytes());
            assert_eq!(read.as_ref().map(Secret::reveal), Some("eyJ.a.b"), "{body}");
        }
        for body in [&b""[..], b"{}", b"\xff", br#"{"value": 1}"#] {
            assert!(assertion_in(body).is_none());
        }
    }

    #[test]
    fn addresses_are_safe_ones_or_the_machines_own() {
        for good in [
            "https://issuer.example/token?audience=x",
            "http://127.0.0.1:40342/metadata/identity/oauth2/token",
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01",
        ] {
            assert!(federated_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://169.254.169.253/",
            "http://x@169.254.169.254/",
            "http://10.0.0.1/",
            "http://metadata.example/",
            "file:///etc/shadow",
            "token",
        ] {
            assert!(federated_address(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn files_are_bounded_and_devices_are_none() {
        let folder =
            std::env::temp_dir().join(format!("postroom-federated-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).expect("written");
            path.to_string_lossy().into_owned()
        };
        let good = from_file(&write("good", b" eyJ.a.b\n")).await;
        assert_eq!(good.expect("read").reveal(), "eyJ.a.b");
        let long = write("long", &vec![b'x'; LONGEST + 1]);
        assert!(
            from_file(&long)
                .await
                .is_err_and(|what| what.contains("longer"))
        );
        let binary = write("binary", b"\xff\xfe");
        assert!(
            from_file(&binary)
                .await
                .is_err_and(|what| what.contains("no assertion"))
        );
        let here = folder.to_string_lossy().into_owned();
        assert!(
            from_file(&here)
                .await
                .is_err_and(|what| what.contains("is no file"))
        );
        assert!(from_file("/nowhere/at/all").await.is_err());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
