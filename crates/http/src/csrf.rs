//! Whether a change that a browser's cookie speaks for was asked for by a page of ours.

use http::request::Parts;
use http::{HeaderName, Method, header};
use postroom_engine::persons::CsrfToken;
use postroom_engine::{Code, Problem};
use url::Url;

/// The header that pages of ours send with each change.
pub(crate) const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a change without the token of its session, and one that another site's page began.
pub(crate) fn check(parts: &Parts, token: &CsrfToken, here: Here<'_>) -> Result<(), Problem> {
    if is_safe(&parts.method) {
        return Ok(());
    }
    from_here(parts, here)?;
    let shown = parts
        .headers
        .get(CSRF_TOKEN)
        .and_then(|value| value.to_str().ok());
    with_token(shown, token)
}

/// Refuses what does not show the token.
pub(crate) fn with_token(shown: Option<&str>, token: &CsrfToken) -> Result<(), Problem> {
    if shown.is_some_and(|shown| token.is(shown)) {
        return Ok(());
    }
    Err(Problem::new(
        Code::CsrfFailed,
        "A change that is made with a session needs the header X-CSRF-Token, as GET \
         /api/v1/session gives it: read it there again.",
    ))
}

/// Where this server is.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    /// The address that the settings name.
    pub(crate) public_url: &'a str,
    /// Whether it speaks HTTPS itself.
    pub(crate) is_https: bool,
}

/// Refuses a change that another site's page began. Whoever is no browser says nothing of that and
/// is let by: this is for what a browser sends by itself, a cookie or a password that it keeps.
pub(crate) fn check_origin(parts: &Parts, here: Here<'_>) -> Result<(), Problem> {
    if is_safe(&parts.method) {
        return Ok(());
    }
    from_here(parts, here)
}

/// Refuses what another site's page began. Browsers say so in `Origin` (RFC 6454) and in
/// `Sec-Fetch-Site` (Fetch Metadata); one that says neither is held by the cookie's `SameSite` and
/// by the token.
pub(crate) fn from_here(parts: &Parts, here: Here<'_>) -> Result<(), Problem> {
    let Here {
        public_url,
        is_https,
    } = here;
    let text = |name: &HeaderName| {
        parts
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    let site_fits = text(&FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_fits = text(&header::ORIGIN).is_none_or(|origin| {
        // No page can choose the `Host` (HTTP/2: `:authority`) of what it sends: one that names this
        // server by another name than the settings do was opened by that name.
        let host = parts.uri.authority().map(http::uri::Authority::as_str);
        let scheme = if is_https { "https" } else { "http" };
        same_origin(origin, public_url)
            || host
                .or_else(|| text(&header::HOST))
                .is_some_and(|host| same_origin(origin, &format!("{scheme}://{host}")))
    });
    if site_fits && origin_fits {
        return Ok(());
    }
    Err(Problem::new(
        Code::CsrfFailed,
        format!(
            "This was asked for by a page of another site than {public_url}. If that is not how \
             you reach Postroom, correct its setting public_url."
        ),
    ))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin().is_tuple() && one.origin() == other.origin(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};
    use postroom_model::Secret;

    const HERE: &str = "https://mail.example.com";

    fn checked(method: &str, lines: &[(&'static str, &str)]) -> Result<(), Code> {
        let (mut parts, ()) = Request::builder()
            .method(method)
            .body(())
            .expect("a request")
            .into_parts();
        for (name, value) in lines {
            parts.headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        let here = Here {
            public_url: HERE,
            is_https: false,
        };
        check(&parts, &CsrfToken::of(&Secret::new("prs_1")), here).map_err(|problem| problem.code)
    }

    #[test]
    fn a_change_needs_the_token_of_its_session() {
        let token = CsrfToken::of(&Secret::new("prs_1"));
        let other = CsrfToken::of(&Secret::new("prs_2"));
        let good = ("x-csrf-token", token.reveal());
        assert!(checked("POST", &[good]).is_ok());
        assert!(checked("GET", &[]).is_ok());
        for method in ["POST", "PATCH", "PUT", "DELETE"] {
            assert_eq!(checked(method, &[]), Err(Code::CsrfFailed));
            let wrong = ("x-csrf-token", other.reveal());
            assert_eq!(checked(method, &[wrong]), Err(Code::CsrfFailed));
        }
    }

    #[test]
    fn another_sites_page_changes_nothing_even_with_the_token() {
        let token = CsrfToken::of(&Secret::new("prs_1"));
        let good = ("x-csrf-token", token.reveal());
        for (name, value, fits) in [
            ("origin", HERE, true),
            ("origin", "https://mail.example.com:443", true),
            ("origin", "http://mail.example.com", false),
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
        ] {
            let found = checked("POST", &[good, (name, value)]);
            assert_eq!(found.is_ok(), fits, "{name}: {value}");
        }
        for (origin, host, fits) in [
            ("http://localhost:8025", "localhost:8025", true),
            ("http://localhost:8025", "localhost", false),
            ("https://evil.example", "mail.example.com", false),
            // With TLS in front of it, the settings have to name the address.
            ("https://mail2.example.com", "mail2.example.com", false),
            ("null", "mail.example.com", false),
            ("null", "", false),
        ] {
            let found = checked("POST", &[good, ("origin", origin), ("host", host)]);
            assert_eq!(found.is_ok(), fits, "{origin} at {host}");
        }
    }
}
