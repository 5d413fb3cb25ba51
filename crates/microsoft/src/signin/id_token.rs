//! The ID token (OpenID Connect Core, section 2; entra-docs, `id-token-claims-reference.md`).

use super::discovery::Discovery;
use super::jwks::Key;
use crate::door::{Door, DoorError, SignInError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation, decode_header};
use postroom_model::cloud::same_authority;
use postroom_model::connection::{CONSUMER_TENANT_ID, Connection};
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
    pub(super) nbf: Option<i64>,
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
    /// What the sign-in was begun with; `None` where that is not possible (a device code).
    pub(super) nonce: Option<&'a Secret>,
    /// The tenant's id where it is known; a domain name is not one.
    pub(super) tenant: Option<&'a str>,
    /// The discovery document's issuer, which can have the placeholder `{tenantid}`.
    pub(super) issuer: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// Who an ID token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdTokenUser {
    /// The user's object id (`oid`), the same for every app of the tenant; where there is none, the
    /// subject (`sub`).
    pub user_id: String,
    /// The tenant's id (`tid`).
    pub tenant_id: String,
    /// The sign-in name. It can change: never a key.
    pub preferred_username: Option<String>,
    /// For people.
    pub name: Option<String>,
}

impl Door {
    /// Checks an ID token and says who it is about: signature (RS256, by the keys of the
    /// connection's sign-in service), audience, nonce, times, tenant and issuer.
    ///
    /// Where the endpoints are set by hand and no `jwks` with them, there are no keys to check the
    /// signature with: then the token has to come straight from the token endpoint, over TLS
    /// (OpenID Connect Core, section 3.1.3.7, point 6).
    ///
    /// # Errors
    ///
    /// [`DoorError::SignIn`] when the token does not fit, and as [`Door::discover`].
    pub async fn verify_id_token(
        &self,
        connection: &Connection,
        id_token: &Secret,
        nonce: Option<&Secret>,
    ) -> Result<IdTokenUser, DoorError> {
        let discovery = self.discover(connection).await?;
        verified(self, connection, &discovery, id_token, nonce).await
    }
}

pub(super) async fn verified(
    door: &Door,
    connection: &Connection,
    discovery: &Discovery,
    id_token: &Secret,
    nonce: Option<&Secret>,
) -> Result<IdTokenUser, DoorError> {
    let unfit = |what: String| unfit(connection, what);
    let by_id = if connection.is_for_consumers() {
        Some(CONSUMER_TENANT_ID)
    } else {
        uuid::Uuid::try_parse(&connection.tenant_id)
            .is_ok()
            .then_some(connection.tenant_id.as_str())
    };
    let expected = Expected {
        client_id: &connection.client_id,
        nonce,
        tenant: by_id.or(discovery.tenant_id.as_deref()),
        issuer: discovery.issuer.as_deref(),
        now: door.house.clock.now(),
    };
    let claims = match &discovery.jwks {
        None => unsigned(id_token),
        Some(_) => {
            let kid = key_of(id_token).map_err(unfit)?;
            let keys = door
                .signing_keys(connection, discovery, kid.as_deref())
                .await?
                .unwrap_or_default();
            signed(id_token, kid.as_deref(), &keys)
        }
    }
    .and_then(|claims| check(claims, &expected))
    .map_err(unfit)?;
    let user_id = claims
        .oid
        .or(claims.sub)
        .filter(|id| !id.is_empty())
        .ok_or_else(|| unfit("the ID token does not say who it is about (oid)".to_owned()))?;
    Ok(IdTokenUser {
        user_id,
        tenant_id: claims.tid.unwrap_or_default(),
        preferred_username: claims.preferred_username.or(claims.upn),
        name: claims.name,
    })
}

/// The id of the key that it is signed with.
fn key_of(token: &Secret) -> Result<Option<String>, String> {
    let header =
        decode_header(token.reveal()).map_err(|_| "the ID token is not a signed JWT".to_owned())?;
    if header.alg != Algorithm::RS256 {
        return Err(format!(
            "the ID token is signed with {:?}, and Microsoft signs with RS256",
            header.alg
        ));
    }
    Ok(header.kid)
}

/// The claims of a token that one of these keys signed.
fn signed(token: &Secret, kid: Option<&str>, keys: &[Key]) -> Result<Claims, String> {
    let mut validation = Validation::new(Algorithm::RS256);
    // Times are held against our own clock, and the audience against more than equality, below.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let mut named = false;
    for key in keys {
        if kid.is_some() && key.id.as_deref() != kid {
            continue;
        }
        named = true;
        let Ok(data) = jsonwebtoken::decode::<Claims>(token.reveal(), &key.key, &validation) else {
            continue;
        };
        let claims = data.claims;
        let tenant = claims.tid.as_deref().unwrap_or_default();
        // A key can be for one issuer only, such as personal accounts (entra-docs,
        // `access-tokens.md`).
        let fits = key
            .issuer
            .as_deref()
            .is_none_or(|issuer| issuer.replace("{tenantid}", tenant) == claims.iss);
        return if fits {
            Ok(claims)
        } else {
            Err("the ID token is signed with another issuer's key".to_owned())
        };
    }
    Err(if named {
        "the ID token's signature is not valid"
    } else {
        "the ID token is signed with a key that the sign-in service does not publish"
    }
    .to_owned())
}

/// The claims of a token whose signature cannot be checked.
fn unsigned(token: &Secret) -> Result<Claims, String> {
    let payload = token
        .reveal()
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .ok_or("the ID token is not a signed JWT")?;
    serde_json::from_slice(&payload).map_err(|_| "the ID token's claims cannot be read".to_owned())
}

/// Holds claims against what was asked for (OpenID Connect Core, section 3.1.3.7).
fn check(claims: Claims, expected: &Expected<'_>) -> Result<Claims, String> {
    if !claims.aud.is(expected.client_id) {
        return Err("the ID token is for another app".to_owned());
    }
    let now = expected.now.as_second();
    if claims.exp.saturating_add(SKEW_SECONDS) < now {
        return Err(format!(
            "the ID token was over {} seconds ago by this machine's clock, which says {}: set the clock",
            now.saturating_sub(claims.exp),
            expected.now
        ));
    }
    if let Some(nbf) = claims.nbf
        && nbf.saturating_sub(SKEW_SECONDS) > now
    {
        return Err(format!(
            "the ID token is good in {} seconds only by this machine's clock, which says {}: set the clock",
            nbf.saturating_sub(now),
            expected.now
        ));
    }
    if let Some(nonce) = expected.nonce
        && Secret::new(claims.nonce.clone().unwrap_or_default()) != *nonce
    {
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

/// An ID token that does not fit what was asked for.
fn unfit(connection: &Connection, what: String) -> DoorError {
    DoorError::SignIn(Box::new(SignInError {
        connection: connection.name.clone(),
        code: None,
        error: "unfit_id_token".to_owned(),
        description: what.clone(),
        cause: what,
        remedy: "begin the sign-in anew with the connection's own tenant and app".to_owned(),
        ends_grant: None,
        transient: false,
        retry_after: None,
        claims: None,
        correlation_id: None,
    }))
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

    fn checked(claims: &serde_json::Value) -> Result<Claims, String> {
        check(
            unsigned(&token(claims))?,
            &Expected {
                client_id: "app",
                nonce: Some(&Secret::new("n")),
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
        assert_eq!(checked(&good).map(|c| c.oid), Ok(Some("o".to_owned())));
        for (claim, value) in [
            ("aud", serde_json::json!("other")),
            ("aud", serde_json::json!(["app", "other"])),
            ("exp", serde_json::json!(-301)),
            ("nbf", serde_json::json!(301)),
            ("nonce", serde_json::json!("m")),
            ("nonce", serde_json::Value::Null),
            ("tid", serde_json::json!("u")),
            ("iss", serde_json::json!("https://y/t/v2.0")),
        ] {
            let mut bad = good.clone();
            bad[claim] = value;
            assert!(checked(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rubbish_is_no_token() {
        for rubbish in ["", "a", "a.b", "..", "e30.!!.x"] {
            assert!(unsigned(&Secret::new(rubbish)).is_err(), "{rubbish}");
            assert!(key_of(&Secret::new(rubbish)).is_err(), "{rubbish}");
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"RS512"}"#,
        ] {
            let token = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header));
            assert!(key_of(&Secret::new(token)).is_err(), "{header}");
        }
        let token = format!(
            "{}.e30.c2ln",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k"}"#)
        );
        let token = Secret::new(token);
        assert_eq!(key_of(&token), Ok(Some("k".to_owned())));
        assert!(signed(&token, Some("k"), &[]).is_err());
    }
}
