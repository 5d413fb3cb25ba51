//! Asking the authorize address itself whether it takes a redirect URI.

use super::authorization_code::{CodeAsk, authorize_address};
use super::fetch::{Trying, fetch};
use super::refusals::{self, Explanation};
use super::token_endpoint::aadsts;
use crate::door::{Door, DoorError, Outgoing, Subject};
use bytes::Bytes;
use http::{HeaderMap, Method};
use postroom_model::Secret;
use postroom_model::connection::Connection;
use url::Url;

/// What the authorize address said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizeProbe {
    /// It showed a sign-in page, or came back to the redirect URI: the URI is registered.
    Accepted,
    /// It refused.
    Refused {
        /// The AADSTS number; 50011 is a redirect URI that is not registered.
        code: u32,
        /// Why, in plain words.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// The answer does not say it.
    NotChecked {
        /// What came instead.
        why: String,
    },
}

impl Door {
    /// Asks the authorize address for a silent sign-in (`prompt=none`) without following where it
    /// leads. A redirect URI that is not known is refused on Microsoft's own page (AADSTS50011),
    /// which a machine may or may not be able to read; a known one gets its answer at the URI,
    /// usually `login_required`.
    ///
    /// # Errors
    ///
    /// As [`Door::discover`], and [`DoorError::Network`].
    pub async fn probe_authorize(
        &self,
        connection: &Connection,
        redirect_uri: &str,
    ) -> Result<AuthorizeProbe, DoorError> {
        let dice = &self.house.dice;
        let ask = CodeAsk {
            redirect_uri,
            scope: "openid",
            state: &Secret::new(dice.token(16)),
            nonce: &Secret::new(dice.token(16)),
            code_challenge: &dice.token(32),
        };
        let mut url = authorize_address(self, connection, &ask).await?;
        url.query_pairs_mut().append_pair("prompt", "none");
        let outgoing = Outgoing {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            tokens: true,
        };
        let subject = Subject::connection(connection, "check");
        let fetched = fetch(self, &subject, outgoing, Trying::Freely).await?;
        let location = fetched
            .headers
            .get(http::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| Url::parse(value).ok());
        if let Some(location) = location {
            return Ok(judge_redirect(&location, redirect_uri));
        }
        let text = String::from_utf8_lossy(&fetched.body);
        Ok(match aadsts(&text) {
            Some(code) => refusal(code),
            None => AuthorizeProbe::NotChecked {
                why: format!(
                    "the authorize address answered {} with a page that says neither yes nor no",
                    fetched.status
                ),
            },
        })
    }
}

fn judge_redirect(location: &Url, redirect_uri: &str) -> AuthorizeProbe {
    let came_back = Url::parse(redirect_uri).is_ok_and(|wanted| {
        wanted.origin() == location.origin() && wanted.path() == location.path()
    });
    let described = location
        .query_pairs()
        .find(|(name, _)| name == "error_description")
        .and_then(|(_, text)| aadsts(&text));
    match described {
        // It came back to the URI with an error: of the sign-in, not of the URI.
        Some(50058 | 65001 | 50076 | 50079) if came_back => AuthorizeProbe::Accepted,
        Some(code) => refusal(code),
        None if came_back => AuthorizeProbe::Accepted,
        None => AuthorizeProbe::NotChecked {
            why: format!(
                "the authorize address led on to {}",
                location.host_str().unwrap_or("another page")
            ),
        },
    }
}

fn refusal(code: u32) -> AuthorizeProbe {
    let Explanation { cause, remedy, .. } =
        refusals::explain(code).unwrap_or_else(|| refusals::explain_error("", None));
    AuthorizeProbe::Refused {
        code,
        cause: cause.to_owned(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coming_back_means_that_the_uri_is_known() {
        let uri = "http://localhost:8080/auth/callback";
        let back = Url::parse(&format!(
            "{uri}?error=login_required&error_description=AADSTS50058%3a+x"
        ))
        .expect("a URL");
        assert_eq!(judge_redirect(&back, uri), AuthorizeProbe::Accepted);
        let away = Url::parse("https://login.example/error").expect("a URL");
        assert!(matches!(
            judge_redirect(&away, uri),
            AuthorizeProbe::NotChecked { .. }
        ));
    }
}
