//! JSON bodies.

use super::once::Once;
use crate::app::App;
use crate::problem::Refusal;
use crate::trail::Trail;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use postroom_engine::{Code, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A JSON body. `T` denies unknown fields. No body is an empty object.
pub(crate) struct Sent<T> {
    /// What was sent.
    pub(crate) value: T,
    /// Whether it may have been sent before.
    pub(crate) once: Once,
}

impl<T: DeserializeOwned + Send> FromRequest<App> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, app.options.max_body_bytes).await?;
        if !bytes.is_empty() {
            require_json(&parts.headers)?;
        }
        let value = parse(&bytes)?;
        if let Some(trail) = parts.extensions.get::<Trail>() {
            // What fits has the fields that are known, and no others: no secret is among names.
            trail.sent(&bytes);
        }
        let mut once = Once::of(&parts)?;
        once.add(&bytes);
        Ok(Self { value, once })
    }
}

/// The body of a call that takes none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoBody {}

/// Reads a JSON text; errors name the place and the field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.trim_ascii().is_empty() {
        b"{}"
    } else {
        bytes
    };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() || field == "." {
            Problem::invalid(format!("The JSON body cannot be understood: {inner}."))
        } else {
            Problem::invalid(format!("The field `{field}` does not fit: {inner}."))
        }
    })?;
    json.end()
        .map_err(|error| Problem::invalid(format!("Something follows the JSON body: {error}.")))?;
    Ok(value)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let charset = parts
        .find_map(|part| part.strip_prefix("charset="))
        .map(|charset| charset.trim_matches('"'));
    let is_json =
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    if is_json && charset.is_none_or(|charset| charset == "utf-8" || charset == "utf8") {
        return Ok(());
    }
    Err(Problem::new(
        Code::UnsupportedMediaType,
        format!(
            "The body is said to be {text:?}, but this call takes JSON in UTF-8: send \
             `Content-Type: application/json`."
        ),
    ))
}

/// How long the next piece of a body may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a body whole, up to a limit.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, Problem> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let mut read = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(PATIENCE, body.frame())
            .await
            .map_err(|_| Problem::invalid("The body did not arrive in time."))?;
        match frame {
            None => return Ok(read.freeze()),
            Some(Err(error)) => {
                return Err(Problem::invalid("The body broke off.").because(error));
            }
            Some(Ok(frame)) => {
                let Ok(piece) = frame.into_data() else {
                    continue;
                };
                if read.len() + piece.len() > limit {
                    return Err(too_large(limit));
                }
                read.extend_from_slice(&piece);
            }
        }
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Code::TooLarge,
        format!(
            "The body is larger than {limit} bytes, the most that is taken here. Send large files \
             as multipart/form-data."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        number: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        name: Option<String>,
        #[allow(dead_code)]
        list: Option<Vec<Inner>>,
    }

    fn refused(text: &str) -> String {
        parse::<Sample>(text.as_bytes())
            .expect_err("refused")
            .detail
    }

    #[test]
    fn errors_name_place_and_field() {
        let detail = refused("{\n  \"name\": oops}");
        assert!(detail.contains("line 2 column"), "{detail}");
        let detail = refused(r#"{"name": 1}"#);
        assert!(
            detail.contains("`name`") && detail.contains("line 1"),
            "{detail}"
        );
        let detail = refused(r#"{"list": [{"number": 1}, {"number": "x"}]}"#);
        assert!(detail.contains("`list[1].number`"), "{detail}");
        let detail = refused(r#"{"nam": "x"}"#);
        assert!(
            detail.contains("nam") && detail.contains("unknown field"),
            "{detail}"
        );
        assert!(refused("{} {}").contains("follows"));
        assert!(refused("[]").contains("line 1") || refused("[1]").contains("line 1"));
    }

    #[test]
    fn no_body_is_an_empty_object() {
        assert!(parse::<Sample>(b" ").is_ok());
        assert!(parse::<NoBody>(b"").is_ok());
        assert!(parse::<NoBody>(br#"{"x": 1}"#).is_err());
    }

    fn typed(value: &'static str) -> Result<(), Code> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
        require_json(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        for fits in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/merge-patch+json",
        ] {
            assert_eq!(typed(fits), Ok(()), "{fits}");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
        ] {
            assert_eq!(typed(other), Err(Code::UnsupportedMediaType), "{other}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_the_limit() {
        let problem = read(&HeaderMap::new(), Body::from("12345"), 4)
            .await
            .expect_err("too large");
        assert_eq!(problem.code, Code::TooLarge);
        assert!(problem.detail.contains("4 bytes"));
        let whole = read(&HeaderMap::new(), Body::from("1234"), 4).await;
        assert_eq!(whole.ok().as_deref(), Some(&b"1234"[..]));
    }
}
