//! Answers that are files. What they contain came by mail from anybody: a browser that is led here
//! must save them and run nothing.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::{Stream, TryStreamExt as _};
use http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// What a file without a usable type is.
pub(crate) const OCTET_STREAM: &str = "application/octet-stream";

/// Bytes as a file to be saved under a name.
pub(crate) fn file<S, E>(name: &str, media_type: &str, size: u64, pieces: S) -> Response
where
    S: Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let pieces = pieces.inspect_err(|error| {
        // The status is out already: the connection breaks off short of Content-Length.
        tracing::error!(%error, "a file broke off while it was read");
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    let media_type = clean_type(media_type);
    if let Ok(value) = HeaderValue::from_str(&media_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if let Ok(value) = HeaderValue::from_str(&disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// A file that is at hand whole.
pub(crate) fn small_file(name: &str, media_type: &str, bytes: bytes::Bytes) -> Response {
    let size = bytes.len() as u64;
    let once = futures::stream::once(async { Ok::<_, std::convert::Infallible>(bytes) });
    file(name, media_type, size, once)
}

/// A media type that is one, else [`OCTET_STREAM`].
pub(crate) fn clean_type(text: &str) -> String {
    let text = text.trim();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let is_type = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype));
    if !is_type {
        return OCTET_STREAM.to_owned();
    }
    let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if printable { text } else { essence }.to_owned()
}

/// A file's name without folders, control characters and what turns text around.
pub(crate) fn clean_name(name: &str) -> String {
    // Both kinds of slash: a name made on Windows is saved on anything.
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let clean: String = last.chars().filter(|c| !hidden(*c)).take(200).collect();
    let clean = clean.trim();
    if clean.is_empty() || clean.chars().all(|c| c == '.') {
        "attachment".to_owned()
    } else {
        clean.to_owned()
    }
}

/// `attr-char` of RFC 8187, section 3.2.1, stays; everything else is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `Content-Disposition` (RFC 6266) with the name in ASCII for whoever knows no other, and whole
/// where that is not enough (RFC 8187).
pub(crate) fn disposition(name: &str) -> String {
    let name = clean_name(name);
    let plain: String = name
        .chars()
        .map(|c| match c {
            // A percent sign would be decoded by some readers (RFC 6266, appendix D).
            '"' | '\\' | '%' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    let mut header = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        let _ = write!(
            header,
            "; filename*=UTF-8''{}",
            utf8_percent_encode(&name, ENCODED)
        );
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_headers() {
        assert_eq!(disposition("a b.pdf"), "attachment; filename=\"a b.pdf\"");
        assert_eq!(
            disposition("Übersicht \"1\".pdf"),
            "attachment; filename=\"_bersicht _1_.pdf\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.pdf"
        );
    }

    #[test]
    fn hostile_names_are_cleaned() {
        for (hostile, clean) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\x.exe", "x.exe"),
            ("a\r\nSet-Cookie: b", "aSet-Cookie: b"),
            ("exe\u{202e}fdp.scr", "exefdp.scr"),
            ("..", "attachment"),
            ("", "attachment"),
            ("/", "attachment"),
        ] {
            assert_eq!(clean_name(hostile), clean, "{hostile:?}");
            assert!(HeaderValue::from_str(&disposition(hostile)).is_ok());
        }
        assert_eq!(clean_name(&"x".repeat(1000)).len(), 200);
    }

    #[test]
    fn types_are_types() {
        assert_eq!(
            clean_type("text/plain; charset=utf-8"),
            "text/plain; charset=utf-8"
        );
        assert_eq!(clean_type("image/svg+xml"), "image/svg+xml");
        for hostile in ["", "text", "text/", "te xt/plain", "text/pl\r\nain"] {
            assert_eq!(clean_type(hostile), OCTET_STREAM, "{hostile:?}");
        }
        assert_eq!(clean_type("text/plain; name=\"\u{e9}\""), "text/plain");
    }
}
