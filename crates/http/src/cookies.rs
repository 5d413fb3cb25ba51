//! The cookies of people's browsers (RFC 6265bis): what a session is shown by, and what ties a
//! sign-in to the browser that began it.

use http::{HeaderMap, HeaderValue, header};
use postroom_model::Secret;
use std::time::Duration;

/// What is kept in a cookie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    /// A session.
    Session,
    /// A sign-in at Microsoft that is under way.
    SignIn,
}

impl Kept {
    /// The name. With `__Host-` a browser takes the cookie over HTTPS only, for every path, and
    /// from no other host of the same domain; over plain HTTP (loopback) it would not take it.
    fn name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Self::Session, true) => "__Host-postroom",
            (Self::Session, false) => "postroom",
            (Self::SignIn, true) => "__Host-postroom-signin",
            (Self::SignIn, false) => "postroom-signin",
        }
    }
}

/// What a browser shows; `None` for nothing, and for two of one name: one of them is somebody
/// else's.
pub(crate) fn shown(headers: &HeaderMap, kept: Kept, is_https: bool) -> Option<Secret> {
    let wanted = kept.name(is_https);
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == wanted)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Some(Secret::new(value)),
        _ => None,
    }
}

/// The line that keeps something. `SameSite=Lax`, not `Strict`: whoever comes back from
/// Microsoft's page comes from another site, and would not be known there.
pub(crate) fn keep(kept: Kept, secret: &Secret, lasts: Duration, is_https: bool) -> HeaderValue {
    line(kept, secret.reveal(), lasts.as_secs(), is_https)
}

/// The line that takes it away.
pub(crate) fn forget(kept: Kept, is_https: bool) -> HeaderValue {
    line(kept, "", 0, is_https)
}

fn line(kept: Kept, value: &str, seconds: u64, is_https: bool) -> HeaderValue {
    let secure = if is_https { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
        kept.name(is_https)
    );
    // Secrets of ours are base64url.
    let mut line = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    line.set_sensitive(true);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str], is_https: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                header::COOKIE,
                HeaderValue::from_str(line).expect("a header"),
            );
        }
        shown(&headers, Kept::Session, is_https).map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn one_cookie_is_shown_and_two_are_none() {
        assert_eq!(of(&["a=b; postroom=x"], false).as_deref(), Some("x"));
        assert_eq!(of(&["__Host-postroom=x"], true).as_deref(), Some("x"));
        for lines in [
            &[][..],
            &["postroom="],
            &["postroom=x; postroom=y"],
            &["postroom=x", "postroom=x"],
            &["postroomx=1"],
        ] {
            assert_eq!(of(lines, false), None, "{lines:?}");
        }
        assert_eq!(of(&["postroom=x"], true), None);
    }

    #[test]
    fn over_https_a_cookie_is_for_this_host_alone() {
        let secret = Secret::new("s");
        let line = |is_https| {
            let line = keep(Kept::Session, &secret, Duration::from_secs(9), is_https);
            line.to_str().expect("text").to_owned()
        };
        assert_eq!(
            line(true),
            "__Host-postroom=s; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            line(false),
            "postroom=s; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"
        );
    }
}
