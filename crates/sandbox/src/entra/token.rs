//! The token endpoint.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::sync::atomic::Ordering;

use super::app::AppRegistration;
use super::authorize::{user_disabled, verifier_fits};
use super::claims::{self, ClaimsRequest};
use super::error::EntraError;
use super::grants::Refresh;
use super::scope::Scopes;
use super::{Entra, TenantPath};
use crate::directory::User;

/// The fields of a token request, the form's and those of a Basic header.
pub(super) struct TokenRequest {
    fields: Vec<(String, String)>,
}

impl TokenRequest {
    /// Reads the form and the `Authorization` header.
    pub(super) fn read(form: &[u8], authorization: Option<&str>) -> Self {
        let mut fields: Vec<(String, String)> =
            url::form_urlencoded::parse(form).into_owned().collect();
        if let Some((id, secret)) = authorization.and_then(basic) {
            fields.retain(|(name, _)| name != "client_id" && name != "client_secret");
            fields.push(("client_id".to_owned(), id));
            fields.push(("client_secret".to_owned(), secret));
        }
        Self { fields }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The refresh token that is to be exchanged.
    pub(super) fn refresh_token(&self) -> Option<&str> {
        if self.grant() == "refresh_token" {
            self.get("refresh_token")
        } else {
            None
        }
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, EntraError> {
        self.get(name).ok_or_else(|| EntraError::missing(name))
    }

    /// The grant asked for, for the counters.
    pub(super) fn grant(&self) -> &str {
        self.get("grant_type").unwrap_or("none")
    }
}

/// `Basic`, whose parts are form-encoded (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    use base64::Engine as _;
    let encoded = header.strip_prefix("Basic ")?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        percent_encoding::percent_decode_str(&part.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    Some((decode(id), decode(secret)))
}

fn invalid_grant(number: u32, text: impl Into<String>) -> EntraError {
    EntraError::new("invalid_grant", number, text)
}

fn older_than(now: Timestamp, since: Timestamp, limit: std::time::Duration) -> bool {
    SignedDuration::try_from(limit).is_ok_and(|limit| now.duration_since(since) > limit)
}

impl Entra {
    /// Answers a token request.
    pub(super) fn token(
        &self,
        tenant: &str,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        let kind = self.tenant(tenant)?;
        let grant = request.need("grant_type")?;
        let app = self.usable_app(request.need("client_id")?, kind)?;
        match grant {
            "authorization_code" => {
                self.authenticate(&app, request, root)?;
                self.redeem_code(tenant, &app, request, root)
            }
            "refresh_token" => {
                self.authenticate(&app, request, root)?;
                self.refresh(&app, request, root)
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                self.authenticate(&app, request, root)?;
                self.redeem_device_code(tenant, &app, request, root)
            }
            "client_credentials" => {
                if kind != TenantPath::Own {
                    return Err(EntraError::new(
                        "invalid_request",
                        9_001_023,
                        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
                    ));
                }
                if app.public {
                    // One that it showed is what is wrong first.
                    self.authenticate(&app, request, root)?;
                    return Err(EntraError::new(
                        "invalid_client",
                        7_000_218,
                        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                    ));
                }
                self.authenticate(&app, request, root)?;
                self.client_credentials(&app, request, root)
            }
            other => Err(EntraError::new(
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{other}'."),
            )),
        }
    }

    fn authenticate(
        &self,
        app: &AppRegistration,
        request: &TokenRequest,
        root: &str,
    ) -> Result<(), EntraError> {
        let secret = request.get("client_secret");
        if app.public {
            return match secret.or(request.get("client_assertion")) {
                None => Ok(()),
                Some(_) => Err(EntraError::new(
                    "invalid_client",
                    700_025,
                    "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
                )),
            };
        }
        if let Some(assertion) = request.get("client_assertion") {
            if request.get("client_assertion_type")
                != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            {
                return Err(EntraError::missing("client_assertion_type"));
            }
            return self.check_assertion(app, assertion, root);
        }
        let Some(secret) = secret else {
            return Err(EntraError::new(
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            ));
        };
        match app.secrets.iter().find(|known| known.value == secret) {
            None => Err(EntraError::new(
                "invalid_client",
                7_000_215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
                    app.client_id
                ),
            )),
            Some(known) if known.expires <= self.clock.now() => Err(EntraError::new(
                "invalid_client",
                7_000_222,
                format!(
                    "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
                    app.client_id
                ),
            )),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn user_for_grant(&self, id: &str) -> Result<User, EntraError> {
        let user = self.user_by_id(id).ok_or_else(|| {
            invalid_grant(50_034, "The user account does not exist in the directory.")
        })?;
        if user.enabled {
            Ok(user)
        } else {
            Err(user_disabled())
        }
    }

    fn redeem_code(
        &self,
        tenant: &str,
        app: &AppRegistration,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        let given = request.need("code")?;
        let redirect_uri = request.need("redirect_uri")?;
        let code = self.grants().codes.get(given).cloned().ok_or_else(|| {
            invalid_grant(
                9_002_313,
                "Invalid request. Request is malformed or invalid.",
            )
        })?;
        if code.client_id != app.client_id {
            return Err(invalid_grant(
                700_003,
                "The provided authorization code was issued to another application.",
            ));
        }
        if code.redeemed {
            return Err(invalid_grant(
                54_005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
            ));
        }
        if older_than(self.clock.now(), code.issued, self.rules.code_lifetime) {
            return Err(invalid_grant(
                70_008,
                "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
            ));
        }
        if code.tenant != tenant.to_ascii_lowercase() {
            return Err(invalid_grant(
                700_005,
                "Provided Authorization Code is intended to use against other tenant, thus rejected.",
            ));
        }
        if code.redirect_uri != redirect_uri {
            return Err(EntraError::new(
                "invalid_client",
                500_112,
                "The reply address does not match the reply address provided when requesting Authorization code.",
            )
            .with_status(400));
        }
        match (&code.challenge, request.get("code_verifier")) {
            (None, None) => {}
            (Some((method, challenge)), Some(verifier))
                if verifier_fits(method, challenge, verifier) => {}
            (Some(_), Some(_)) => {
                return Err(invalid_grant(
                    501_481,
                    "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
                ));
            }
            (Some(_), None) => {
                return Err(invalid_grant(
                    50_148,
                    "The code_verifier is missing although a code_challenge was supplied in the authorization request for PKCE.",
                ));
            }
            (None, Some(_)) => {
                return Err(invalid_grant(
                    501_481,
                    "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
                ));
            }
        }
        let user = self.user_for_grant(&code.user_id)?;
        let asked = match request.get("scope") {
            Some(scope) => Scopes::parse(scope, root)?,
            None => code.scopes.clone(),
        };
        {
            // Two redemptions at once: only one finds the code unused.
            let mut grants = self.grants();
            match grants.codes.get_mut(given) {
                Some(code) if !code.redeemed => code.redeemed = true,
                _ => {
                    return Err(invalid_grant(
                        54_005,
                        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
                    ));
                }
            }
        }
        let scopes = Scopes {
            oidc: code.scopes.oidc.clone(),
            ..asked
        };
        let nonce = code.nonce.as_deref();
        self.user_tokens(app, &user, &scopes, nonce, &code.claims, request, root)
    }

    fn refresh(
        &self,
        app: &AppRegistration,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        let given = request.need("refresh_token")?;
        let refresh = self.grants().refresh.get(given).cloned().ok_or_else(|| {
            invalid_grant(
                9_002_313,
                "Invalid request. Request is malformed or invalid.",
            )
        })?;
        if refresh.client_id != app.client_id {
            return Err(
                invalid_grant(70_000, "Provided grant is invalid or malformed.")
                    .suberror("client_mismatch"),
            );
        }
        if refresh.revoked {
            return Err(invalid_grant(
                50_173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
            )
            .suberror("bad_token"));
        }
        let now = self.clock.now();
        if older_than(now, refresh.issued, self.rules.refresh_token_lifetime) {
            return Err(invalid_grant(
                700_082,
                format!(
                    "The refresh token has expired due to inactivity. The token was issued on {} and was inactive for {} seconds.",
                    refresh.issued,
                    self.rules.refresh_token_lifetime.as_secs()
                ),
            )
            .suberror("token_expired"));
        }
        let user = self.user_for_grant(&refresh.user_id)?;
        let mut asked = match request.get("scope") {
            Some(scope) => Scopes::parse(scope, root)?,
            None => refresh.scopes.clone(),
        };
        if asked.oidc.is_empty() {
            asked.oidc = refresh.scopes.oidc.clone();
        }
        if !asked.has("offline_access") {
            asked.oidc.push("offline_access".to_owned());
        }
        let wanted = ClaimsRequest::read(request.get("claims"))?;
        if let Some(missing) = wanted.acrs.iter().find(|one| !refresh.acrs.contains(one)) {
            return Err(claims::needs_step_up(missing));
        }
        let granted = self.granted(app, &user.id);
        if let Some(missing) = asked
            .permissions
            .iter()
            .find(|permission| !granted.contains(permission))
        {
            tracing::debug!(permission = %missing, "no consent for a permission of a refresh");
            return Err(invalid_grant(
                65_001,
                format!(
                    "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
                    app.client_id, app.display_name
                ),
            )
            .suberror("consent_required"));
        }
        {
            let mut grants = self.grants();
            let again = grants
                .refresh
                .get_mut(given)
                .is_some_and(|record| std::mem::replace(&mut record.used, true));
            if again {
                self.reused.fetch_add(1, Ordering::Relaxed);
            }
            if again && self.rules.strict_rotation {
                grants.revoke_family(&refresh.family);
                return Err(invalid_grant(
                    70_000,
                    "Provided grant is invalid or malformed: the refresh token was already used.",
                )
                .suberror("bad_token"));
            }
        }
        let met = ClaimsRequest {
            acrs: refresh.acrs,
            ..ClaimsRequest::default()
        };
        let body = self.user_tokens(app, &user, &asked, None, &met, request, root)?;
        if let Some(next) = body.get("refresh_token").and_then(Value::as_str)
            && let Some(record) = self.grants().refresh.get_mut(next)
        {
            record.family = refresh.family;
        }
        Ok(body)
    }

    /// The grant that a refresh token is of; the token itself if it is none.
    pub(super) fn family(&self, refresh_token: &str) -> String {
        self.grants().refresh.get(refresh_token).map_or_else(
            || refresh_token.to_owned(),
            |refresh| refresh.family.clone(),
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that a token is made of"
    )]
    pub(super) fn user_tokens(
        &self,
        app: &AppRegistration,
        user: &User,
        scopes: &Scopes,
        nonce: Option<&str>,
        met: &ClaimsRequest,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        // The token carries all that was granted for the resource, not only what is asked for
        // now ("Scopes and permissions in the Microsoft identity platform").
        let mut granted = self.granted(app, &user.id);
        granted.retain(|permission| scopes.is_of_resource(permission));
        let asked = ClaimsRequest::read(request.get("claims"))?;
        let (token, lifetime) = self.access_token(
            app,
            Some(user),
            &granted,
            scopes.resource.as_deref(),
            &ClaimsRequest {
                cp1: asked.cp1 || met.cp1,
                acrs: met.acrs.clone(),
                nbf: asked.nbf.or(met.nbf),
            },
        )?;
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("token_type", Value::from("Bearer"));
        put("scope", Value::from(scopes.answer(&granted)));
        put("expires_in", Value::from(lifetime));
        put("ext_expires_in", Value::from(lifetime));
        put("access_token", Value::from(token));
        if scopes.has("offline_access") {
            let refresh = format!("1.{}{}", self.ids.next_text(), self.ids.next_text());
            self.grants().refresh.insert(
                refresh.clone(),
                Refresh {
                    client_id: app.client_id.clone(),
                    user_id: user.id.clone(),
                    scopes: scopes.clone(),
                    acrs: met.acrs.clone(),
                    issued: self.clock.now(),
                    family: refresh.clone(),
                    used: false,
                    revoked: false,
                },
            );
            put("refresh_token", Value::from(refresh));
        }
        if scopes.has("openid") {
            let issuer = format!("{root}/{}/v2.0", self.tenant_of(user));
            let id_token = self.id_token(app, user, &issuer, nonce, scopes.has("email"))?;
            put("id_token", Value::from(id_token));
        }
        if request.get("client_info") == Some("1") {
            put("client_info", Value::from(self.client_info(user)));
        }
        Ok(Value::Object(body))
    }

    fn client_credentials(
        &self,
        app: &AppRegistration,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        let scope = request.need("scope")?;
        let words: Vec<&str> = scope.split_whitespace().collect();
        if words.len() != 1 || !words[0].ends_with("/.default") {
            return Err(EntraError::new(
                "invalid_scope",
                1_002_012,
                format!(
                    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
                ),
            ));
        }
        let scopes = Scopes::parse(scope, root)?;
        let mut roles = if app.application_consent {
            app.application.clone()
        } else {
            Vec::new()
        };
        roles.retain(|role| scopes.is_of_resource(role));
        let asked = ClaimsRequest::read(request.get("claims"))?;
        if !asked.acrs.is_empty() {
            // Nobody can be asked for a second factor here.
            return Err(invalid_grant(
                53_003,
                "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
            ));
        }
        let resource = scopes.resource.as_deref();
        let (token, lifetime) = self.access_token(app, None, &roles, resource, &asked)?;
        Ok(serde_json::json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": token,
        }))
    }
}
