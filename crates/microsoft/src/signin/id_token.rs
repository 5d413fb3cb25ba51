//! The ID token (OpenID Connect Core, section 2; entra-docs, `id-token-claims-reference.md`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::cloud::same_authority;
use postroom_model::{Secret, Timestamp};
use serde::Deserialize;
use url::Url;

/// How far the clocks of Microsoft and this machine may differ, in seconds.
const SKEW_SECONDS: i64 = 300;

/// What we read of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: Audience,
    pub(super) exp: i64,
    pub(super) nonce: Option<String>,
    pub(super) oid: Option<String>,
    pub(super) sub: Option<String>,
    pub(super) tid: Option<String>,
    pub(super) preferred_username: Option<String>,
    pub(super) upn: Option<String>,
    pub(super) name: Option<String>,
}

/// One audience, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Audience {
    fn is(&self, client: &str) -> bool {
        match self {
            Self::One(one) => one.eq_ignore_ascii_case(client),
            // OpenID Connect Core, 3.1.3.7: other audiences that are not trusted must be refused.
            Self::Several(several) => {
                several.len() == 1 && several.iter().all(|one| one.eq_ignore_ascii_case(client))
            }
        }
    }
}

/// What the token has to fit.
pub(super) struct Expected<'a> {
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a Secret,
    /// The tenant's id where it is known; a domain name is not one.
    pub(super) tenant: Option<&'a str>,
    /// The discovery document's issuer, which can have the placeholder `{tenantid}`.
    pub(super) issuer: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// Reads a token that came straight from the token endpoint over TLS, so that its signature need
/// not be checked (OpenID Connect Core, section 3.1.3.7, point 6), and holds it against what was
/// asked for.
pub(super) fn read(token: &Secret, expected: &Expected<'_>) -> Result<Claims, String> {
    let payload = token
        .reveal()
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .ok_or("the ID token is not a signed JWT")?;
    let claims: Claims =
        serde_json::from_slice(&payload).map_err(|_| "the ID token's claims cannot be read")?;
    if !claims.aud.is(expected.client_id) {
        return Err("the ID token is for another app".to_owned());
    }
    if claims.exp.saturating_add(SKEW_SECONDS) < expected.now.as_second() {
        return Err("the ID token is over already: check this machine's clock".to_owned());
    }
    if Secret::new(claims.nonce.clone().unwrap_or_default()) != *expected.nonce {
        return Err("the ID token belongs to another sign-in (its nonce differs)".to_owned());
    }
    let tenant = claims.tid.as_deref().unwrap_or_default();
    if let Some(wanted) = expected.tenant
        && !tenant.eq_ignore_ascii_case(wanted)
    {
        return Err(format!(
            "the user signed in at the tenant {tenant:?}, and the connection is for {wanted:?}"
        ));
    }
    if let Some(issuer) = expected.issuer {
        let issuer = issuer.replace("{tenantid}", tenant);
        if !is_same_issuer(&claims.iss, &issuer) {
            return Err(format!(
                "the ID token is from {:?}, and the connection's issuer is {issuer:?}",
                claims.iss
            ));
        }
    }
    Ok(claims)
}

/// Whether two issuers are one: letter by letter, or the same path at another name of the same
/// cloud's sign-in service.
fn is_same_issuer(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Ok(one), Ok(other)) = (Url::parse(one), Url::parse(other)) else {
        return false;
    };
    let parts = |url: &Url| (url.scheme().to_owned(), url.path().to_owned(), url.port());
    parts(&one) == parts(&other)
        && one.query().is_none()
        && one.username().is_empty()
        && one
            .host_str()
            .zip(other.host_str())
            .is_some_and(|(one, other)| same_authority(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_may_name_an_alias_of_its_cloud() {
        let issuer = "https://login.microsoftonline.com/t/v2.0";
        for (other, same) in [
            (issuer, true),
            ("https://login.windows.net/t/v2.0", true),
            ("https://sts.windows.net/t/v2.0", true),
            ("https://login.windows.net/u/v2.0", false),
            ("https://login.windows.net:444/t/v2.0", false),
            ("https://login.microsoftonline.us/t/v2.0", false),
            ("https://login.evil.example/t/v2.0", false),
            ("t", false),
        ] {
            assert_eq!(is_same_issuer(other, issuer), same, "{other}");
        }
    }

    fn token(claims: &serde_json::Value) -> Secret {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        Secret::new(format!("e30.{payload}.sig"))
    }

    fn check(claims: &serde_json::Value) -> Result<Claims, String> {
        read(
            &token(claims),
            &Expected {
                client_id: "app",
                nonce: &Secret::new("n"),
                tenant: Some("T"),
                issuer: Some("https://x/{tenantid}/v2.0"),
                now: Timestamp::UNIX_EPOCH,
            },
        )
    }

    #[test]
    fn every_claim_is_held_against_what_was_asked() {
        let good = serde_json::json!({
            "iss": "https://x/t/v2.0", "aud": "app", "exp": 100, "nonce": "n", "tid": "t", "oid": "o"
        });
        assert_eq!(check(&good).map(|c| c.oid), Ok(Some("o".to_owned())));
        for (claim, value) in [
            ("aud", serde_json::json!("other")),
            ("aud", serde_json::json!(["app", "other"])),
            ("exp", serde_json::json!(-301)),
            ("nonce", serde_json::json!("m")),
            ("nonce", serde_json::Value::Null),
            ("tid", serde_json::json!("u")),
            ("iss", serde_json::json!("https://y/t/v2.0")),
        ] {
            let mut bad = good.clone();
            bad[claim] = value;
            assert!(check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rubbish_is_no_token() {
        let expected = Expected {
            client_id: "app",
            nonce: &Secret::new("n"),
            tenant: None,
            issuer: None,
            now: Timestamp::UNIX_EPOCH,
        };
        for rubbish in ["", "a", "a.b", "..", "e30.!!.x"] {
            assert!(read(&Secret::new(rubbish), &expected).is_err());
        }
    }
}
