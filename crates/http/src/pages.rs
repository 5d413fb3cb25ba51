//! Plain pages for people: no scripts, nothing from elsewhere, readable in a small window, light or
//! dark as the system is.

pub(crate) mod reference;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// The one style. It stands in the page, for a page has nothing beside it.
const STYLE: &str = include_str!("pages/style.css");

/// Only the page's own style and nothing else; nobody may frame it (FileMaker's web viewer is no
/// frame).
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// A small page as an answer. `body` is HTML.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    html(status, document(title, "narrow", body))
}

/// The same for a page with a form that is sent back to this server. What it was reached by goes
/// along within this server: a browser that may not say where a form comes from says that it comes
/// from nowhere, and is not believed.
pub(crate) fn form_page(status: StatusCode, title: &str, body: &str) -> Response {
    let mut response = page(status, title, body);
    let policy = POLICY.replace("form-action 'none'", "form-action 'self'");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        );
    }
    response
}

/// A page's text. `body` is HTML.
pub(crate) fn document(title: &str, class: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{}</title><style>{STYLE}</style></head>\
         <body><main class=\"{class}\">{body}</main></body></html>\n",
        escape(title)
    )
}

/// A page's text as an answer.
pub(crate) fn html(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // The address of the page that ends a sign-in has the code in it.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escape("<a href='\"&\"'>"),
            "&lt;a href=&#39;&quot;&amp;&quot;&#39;&gt;"
        );
    }

    #[test]
    fn pages_run_nothing_and_tell_nobody() {
        let response = page(StatusCode::OK, "T", "<p>B</p>");
        let headers = response.headers();
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert!(!POLICY.contains("script"));
    }
}
