//! The tokens themselves ("Access token claims reference", "ID token claims reference").

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Entra;
use super::app::AppRegistration;
use super::claims::ClaimsRequest;
use super::error::EntraError;
use super::scope::{GRAPH_APP_ID, GRAPH_RESOURCE};
use crate::call::Caller;
use crate::directory::User;

/// Why Graph takes no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    Malformed,
    BadSignature,
    Expired,
    WrongAudience,
    Invalidated,
    /// Claims are missing, these; asked of a client that handles that.
    Challenged(String),
    /// Claims are missing, and the client does not handle that.
    Blocked,
}

impl TokenRefusal {
    /// Graph's words for it.
    pub(crate) fn message(&self) -> &'static str {
        match self {
            Self::Malformed => {
                "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE Compact Serialization Format. (JWS): 'EncodedHeader.EndcodedPayload.EncodedSignature'. (JWE): 'EncodedProtectedHeader.EncodedEncryptedKey.EncodedInitializationVector.EncodedCiphertext.EncodedAuthenticationTag'."
            }
            Self::BadSignature => "Access token validation failure. Invalid signature.",
            Self::Expired => "Lifetime validation failed, the token is expired.",
            Self::WrongAudience => "Access token validation failure. Invalid audience.",
            Self::Challenged(_) => {
                "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenCreatedWithOutdatedPolicies"
            }
            Self::Blocked => {
                "insufficient_claims: the token does not have the claims that the policy asks for."
            }
            Self::Invalidated => {
                "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"
            }
        }
    }
}

fn internal() -> EntraError {
    EntraError::new("server_error", 90_006, "External server retryable error.")
}

impl Entra {
    fn seconds(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// An access token for Graph, in the v1.0 format Graph asks for, and its lifetime in seconds.
    pub(super) fn access_token(
        &self,
        app: &AppRegistration,
        user: Option<&User>,
        permissions: &[String],
        resource: Option<&str>,
        asked: &ClaimsRequest,
    ) -> Result<(String, u64), EntraError> {
        let now = self.seconds();
        let lifetime = self.rules.access_token_lifetime.as_secs();
        let tenant = match user {
            Some(user) => self.tenant_of(user),
            None => self.directory.tenant_id(),
        };
        let subject = match user {
            Some(user) => user.id.clone(),
            None => self
                .ids
                .guid(&format!("service principal {}", app.client_id))
                .to_string(),
        };
        let mut claims = json!({
            "aud": resource.filter(|resource| *resource != GRAPH_APP_ID).unwrap_or(GRAPH_RESOURCE),
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(i64::try_from(lifetime).unwrap_or(i64::MAX)),
            "aio": self.ids.next_text(),
            "app_displayname": app.display_name,
            "appid": app.client_id,
            "appidacr": if app.public { "0" } else { "1" },
            "idtyp": if user.is_some() { "user" } else { "app" },
            "oid": subject,
            "rh": "0.",
            "tid": tenant,
            "tenant_region_scope": "EU",
            "uti": self.ids.next_text()[..22].to_owned(),
            "ver": "1.0",
            "xms_epoch": self.epoch.load(Ordering::Relaxed),
        });
        match user {
            Some(user) => {
                claims["scp"] = Value::from(permissions.join(" "));
                claims["sub"] = Value::from(self.pairwise(GRAPH_APP_ID, user));
                claims["name"] = Value::from(user.display_name.as_str());
                claims["given_name"] = Value::from(user.given_name.as_str());
                claims["family_name"] = Value::from(user.surname.as_str());
                claims["upn"] = Value::from(user.user_principal_name.as_str());
                claims["unique_name"] = Value::from(user.user_principal_name.as_str());
                claims["amr"] = json!(["pwd"]);
            }
            None => {
                claims["sub"] = Value::from(subject);
                claims["idp"] = claims["iss"].clone();
                if !permissions.is_empty() {
                    claims["roles"] = json!(permissions);
                }
            }
        }
        if asked.cp1 {
            claims["xms_cc"] = json!(["cp1"]);
        }
        if !asked.acrs.is_empty() {
            claims["acrs"] = json!(asked.acrs);
        }
        if let Some(nbf) = asked.nbf {
            claims["xms_nbf"] = Value::from(nbf);
        }
        let nonce = self.ids.next_text();
        let token = self
            .keys
            .sign(&claims, Some(&nonce))
            .map_err(|_| internal())?;
        Ok((token, lifetime))
    }

    /// `sub`: different for every application and user.
    fn pairwise(&self, client_id: &str, user: &User) -> String {
        let guid = self.ids.guid(&format!("sub {client_id} {}", user.id));
        URL_SAFE_NO_PAD.encode(guid.as_bytes())
    }

    /// `sub` of a user towards Graph itself.
    pub(super) fn subject(&self, user: &User) -> String {
        self.pairwise(GRAPH_APP_ID, user)
    }

    /// An id token.
    pub(super) fn id_token(
        &self,
        app: &AppRegistration,
        user: &User,
        issuer: &str,
        nonce: Option<&str>,
        email: bool,
    ) -> Result<String, EntraError> {
        let now = self.seconds();
        let mut claims = json!({
            "aud": app.client_id,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "name": user.display_name,
            "oid": user.id,
            "preferred_username": user.user_principal_name,
            "rh": "0.",
            "sub": self.pairwise(&app.client_id, user),
            "tid": self.tenant_of(user),
            "uti": self.ids.next_text()[..22].to_owned(),
            "ver": "2.0",
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = Value::from(nonce);
        }
        if let Some(mail) = user.mail.as_deref().filter(|_| email) {
            claims["email"] = Value::from(mail);
        }
        self.keys.sign(&claims, None).map_err(|_| internal())
    }

    /// `client_info`, from which MSAL makes its account key.
    pub(super) fn client_info(&self, user: &User) -> String {
        let info = json!({"uid": user.id, "utid": self.tenant_of(user)});
        URL_SAFE_NO_PAD.encode(info.to_string())
    }

    /// The caller an access token speaks for.
    pub(crate) fn caller(&self, token: &str, graph_root: &str) -> Result<Caller, TokenRefusal> {
        if token.split('.').count() != 3 {
            return Err(TokenRefusal::Malformed);
        }
        let claims = self.keys.open(token).ok_or(TokenRefusal::BadSignature)?;
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        let audience = text("aud");
        if ![GRAPH_RESOURCE, GRAPH_APP_ID, graph_root].contains(&audience.as_str()) {
            return Err(TokenRefusal::WrongAudience);
        }
        if claims["exp"].as_i64().unwrap_or_default() <= self.seconds() {
            return Err(TokenRefusal::Expired);
        }
        if claims["xms_epoch"].as_u64() != Some(self.epoch.load(Ordering::Relaxed)) {
            return Err(TokenRefusal::Invalidated);
        }
        let delegated = claims["idtyp"] == "user";
        let subject = if delegated {
            text("oid")
        } else {
            text("appid")
        };
        if let Some(demand) = self.demand(&subject)
            && !demand.is_met(&claims)
        {
            let handles = claims["xms_cc"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one == "cp1"));
            if handles {
                return Err(TokenRefusal::Challenged(demand.claims()));
            }
            if demand.blocks_others() {
                return Err(TokenRefusal::Blocked);
            }
        }
        Ok(Caller {
            client_id: text("appid"),
            user_id: delegated.then(|| text("oid")),
            permissions: if delegated {
                text("scp").split(' ').map(str::to_owned).collect()
            } else {
                claims["roles"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
            },
        })
    }
}
