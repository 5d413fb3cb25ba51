//! Which headers go through, in either direction. Every other one stays here: what is not known to
//! be harmless could change what a call is (`X-HTTP-Method-Override`) or carry somebody's secret.

use http::{HeaderMap, HeaderName};

/// Of a caller's call, and of the parts of a batch.
const ASKED: &[&str] = &[
    "accept",
    "accept-language",
    "consistencylevel",
    "content-language",
    "content-range",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "odata-maxversion",
    "odata-version",
    "prefer",
    "range",
    "workbook-session-id",
    "x-ms-throttle-priority",
];

/// Of Microsoft's answer.
const ANSWERED: &[&str] = &[
    "accept-ranges",
    "client-request-id",
    "content-disposition",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "deprecation",
    "etag",
    "last-modified",
    "location",
    "odata-version",
    "preference-applied",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "sunset",
    "x-ms-resource-unit",
    "x-ms-throttle-information",
    "x-ms-throttle-limit-percentage",
    "x-ms-throttle-scope",
];

/// Whether a header of a call goes on to Microsoft.
pub(super) fn is_asked(name: &str) -> bool {
    ASKED.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The headers of a call that go on to Microsoft.
pub(super) fn asked(headers: &HeaderMap) -> HeaderMap {
    only(headers, |name| is_asked(name.as_str()))
}

/// The headers of an answer that go back to the caller.
pub(super) fn answered(headers: &HeaderMap) -> HeaderMap {
    only(headers, |name| ANSWERED.contains(&name.as_str()))
}

fn only(headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if keep(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_secrets_nor_tricks_go_through() {
        for name in [
            "authorization",
            "cookie",
            "host",
            "x-http-method",
            "x-http-method-override",
            "x-original-url",
            "x-forwarded-for",
            "transfer-encoding",
            "connection",
            "content-encoding",
        ] {
            assert!(!is_asked(name), "{name}");
        }
        for name in [
            "set-cookie",
            "connection",
            "transfer-encoding",
            "www-authenticate",
        ] {
            assert!(!ANSWERED.contains(&name), "{name}");
        }
        assert!(is_asked("ConsistencyLevel") && is_asked("If-Match"));
        let ordered = |list: &[&str]| list.is_sorted();
        assert!(ordered(ASKED) && ordered(ANSWERED));
    }
}
