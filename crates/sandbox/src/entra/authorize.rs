//! The authorization endpoint and the pages behind it ("Microsoft identity platform and OAuth 2.0
//! authorization code flow").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::error::EntraError;
use super::grants::Code;
use super::request::{Request, pairs};
use super::{Entra, TenantPath, needs_administrator, page};
use crate::directory::User;

/// What the browser gets.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// A page, with its status.
    Page(u16, String),
    /// A redirect.
    Redirect(String),
}

/// Where a sign-in ended, for tests that go without a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// The browser was sent to this address.
    Redirect(String),
    /// A page was shown; its HTML.
    Page(String),
}

/// An outcome and the session cookie that goes with it.
pub(super) struct Step {
    pub(super) outcome: Outcome,
    pub(super) session: Option<String>,
}

impl From<Outcome> for Step {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            session: None,
        }
    }
}

impl Entra {
    /// The page for an error that must not be redirected.
    pub(super) fn error_page(&self, error: &EntraError) -> Outcome {
        let now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Outcome::Page(
            400,
            page::error(&error.message(), &self.ids.next_guid().to_string(), &now),
        )
    }

    fn with_trace(&self, error: &EntraError) -> String {
        let body = error.body(
            &self.ids,
            &self.ids.next_guid().to_string(),
            self.clock.now(),
        );
        body["error_description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(super) fn refuse(&self, request: &Request, error: &EntraError) -> Outcome {
        request.refuse(&error.error, None, Some(self.with_trace(error)))
    }

    /// `GET /{tenant}/oauth2/v2.0/authorize`.
    pub(super) fn authorize(
        &self,
        tenant: &str,
        raw: &str,
        session: Option<&str>,
        root: &str,
    ) -> Step {
        let request = match self.read_request(tenant, raw, root) {
            Ok(request) => request,
            Err(outcome) => return outcome.into(),
        };
        let user = session
            .and_then(|session| self.grants().sessions.get(session).cloned())
            .and_then(|id| self.user_by_id(&id))
            .filter(|user| user.enabled)
            // An authentication context takes a sign-in of its own.
            .filter(|_| request.claims.acrs.is_empty())
            .filter(|user| {
                self.tenant(&request.tenant)
                    .is_ok_and(|tenant| self.is_at(user, tenant))
            })
            .filter(|user| {
                request.login_hint.is_empty()
                    || request
                        .login_hint
                        .eq_ignore_ascii_case(&user.user_principal_name)
            });
        match (request.prompt.as_deref(), user) {
            (Some("none"), None) => self
                .refuse(
                    &request,
                    &EntraError::new(
                        "login_required",
                        50_058,
                        "A silent sign-in request was sent but no user is signed in.",
                    ),
                )
                .into(),
            (Some("login" | "select_account"), _) | (_, None) => Outcome::Page(
                200,
                page::sign_in(
                    &request.app.display_name,
                    &request.tenant,
                    &request.raw,
                    &request.login_hint,
                    None,
                ),
            )
            .into(),
            (_, Some(user)) => self.signed_in(&request, &user).into(),
        }
    }

    /// The sign-in page was sent off.
    pub(super) fn login(&self, tenant: &str, form: &str, root: &str) -> Step {
        let form = pairs(form);
        let get = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let request = match self.read_request(tenant, get("request"), root) {
            Ok(request) => request,
            Err(outcome) => return outcome.into(),
        };
        if get("action") == "cancel" {
            return request.refuse("access_denied", Some("cancel"), None).into();
        }
        match self.check_password(&request.tenant, get("login").trim(), get("passwd")) {
            Ok(user) => {
                let session = self.ids.next_text();
                self.grants()
                    .sessions
                    .insert(session.clone(), user.id.clone());
                Step {
                    outcome: self.signed_in(&request, &user),
                    session: Some(session),
                }
            }
            Err(error) => Outcome::Page(
                200,
                page::sign_in(
                    &request.app.display_name,
                    &request.tenant,
                    &request.raw,
                    get("login").trim(),
                    Some(&error.message()),
                ),
            )
            .into(),
        }
    }

    pub(super) fn check_password(
        &self,
        tenant: &str,
        login: &str,
        password: &str,
    ) -> Result<User, EntraError> {
        let wrong = || {
            EntraError::new(
                "invalid_grant",
                50_126,
                "Error validating credentials due to invalid username or password.",
            )
        };
        if self.tenant(tenant)? == TenantPath::Consumers {
            let found = self.personal_account(login, password).ok_or_else(|| {
                EntraError::new(
                    "invalid_grant",
                    50_034,
                    "That Microsoft account doesn't exist. Enter a different account.",
                )
            })?;
            return found.ok_or_else(wrong);
        }
        let user = self.directory.find_in_path(login).ok_or_else(|| {
            EntraError::new(
                "invalid_grant",
                50_034,
                format!("The user account {login} does not exist in the {} directory. To sign into this application, the account must be added to the directory.", crate::directory::COMPANY),
            )
        })?;
        if !self.directory.password_fits(&user, password) {
            return Err(wrong());
        }
        if !user.enabled {
            return Err(user_disabled());
        }
        Ok(user)
    }

    /// Somebody is signed in: ask for consent, or give the code.
    fn signed_in(&self, request: &Request, user: &User) -> Outcome {
        let wanted = if request.scopes.default {
            request.app.delegated.clone()
        } else {
            request.scopes.permissions.clone()
        };
        let granted = self.granted(&request.app, &user.id);
        let asks = request.prompt.as_deref() == Some("consent");
        let mut open: Vec<String> = wanted
            .into_iter()
            .filter(|permission| asks || !granted.contains(permission))
            .collect();
        if open.is_empty() {
            return self.give_code(request, user);
        }
        if request.prompt.as_deref() == Some("none") {
            return self.refuse(
                request,
                &EntraError::new(
                    "interaction_required",
                    65_001,
                    format!(
                        "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
                        request.app.client_id, request.app.display_name
                    ),
                ),
            );
        }
        if !user.administrator
            && open
                .iter()
                .any(|permission| needs_administrator(permission) && !granted.contains(permission))
        {
            return self.error_page(&EntraError::new(
                "access_denied",
                90_094,
                format!(
                    "Need admin approval. {} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.",
                    request.app.display_name
                ),
            ));
        }
        if request.scopes.has("offline_access") {
            open.push("offline_access".to_owned());
        }
        let ticket = self.ids.next_text();
        self.grants()
            .tickets
            .insert(ticket.clone(), (user.id.clone(), self.clock.now()));
        Outcome::Page(
            200,
            page::consent(
                &request.app.display_name,
                &request.tenant,
                &user.user_principal_name,
                &open,
                &request.raw,
                &ticket,
            ),
        )
    }

    /// The consent page was sent off.
    pub(super) fn consent(&self, tenant: &str, form: &str, root: &str) -> Outcome {
        let form = pairs(form);
        let get = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let request = match self.read_request(tenant, get("request"), root) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let ticket = self.grants().tickets.remove(get("ticket"));
        let fresh = |shown: Timestamp| {
            self.clock.now().duration_since(shown) < SignedDuration::from_mins(15)
        };
        let user = ticket
            .filter(|(_, shown)| fresh(*shown))
            .and_then(|(id, _)| self.user_by_id(&id))
            .filter(|user| user.enabled);
        let Some(user) = user else {
            return Outcome::Page(
                200,
                page::sign_in(
                    &request.app.display_name,
                    &request.tenant,
                    &request.raw,
                    "",
                    None,
                ),
            );
        };
        if get("action") != "accept" {
            let error = EntraError::new(
                "access_denied",
                65_004,
                "User declined to consent to access the app.",
            );
            return self.refuse(&request, &error);
        }
        let permissions = if request.scopes.default {
            request.app.delegated.clone()
        } else {
            request.scopes.permissions.clone()
        };
        {
            let mut grants = self.grants();
            for permission in permissions {
                if user.administrator || !needs_administrator(&permission) {
                    grants.consent.insert((
                        request.app.client_id.clone(),
                        user.id.clone(),
                        permission,
                    ));
                }
            }
        }
        self.give_code(&request, &user)
    }

    fn give_code(&self, request: &Request, user: &User) -> Outcome {
        let code = format!("1.{}", self.ids.next_text());
        self.grants().codes.insert(
            code.clone(),
            Code {
                client_id: request.app.client_id.clone(),
                user_id: user.id.clone(),
                tenant: request.tenant.clone(),
                redirect_uri: request.redirect_uri.clone(),
                scopes: request.scopes.clone(),
                nonce: request.nonce.clone(),
                claims: request.claims.clone(),
                challenge: request.challenge.clone(),
                issued: self.clock.now(),
                redeemed: false,
            },
        );
        let mut fields = vec![("code", code)];
        if request.client_info {
            fields.push(("client_info", self.client_info(user)));
        }
        fields.push(("session_state", self.ids.next_guid().to_string()));
        request.respond(fields)
    }

    /// A sign-in without a browser: password, then consent if asked for.
    pub(crate) fn sign_in(
        &self,
        authorize_url: &str,
        user: &str,
        password: &str,
        root: &str,
    ) -> SignedIn {
        let Some((tenant, raw)) = url::Url::parse(authorize_url).ok().and_then(|url| {
            let tenant = url.path_segments()?.next()?.to_owned();
            Some((tenant, url.query().unwrap_or_default().to_owned()))
        }) else {
            return SignedIn::Page(String::new());
        };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("request", &raw)
            .append_pair("login", user)
            .append_pair("passwd", password)
            .append_pair("action", "signin")
            .finish();
        let mut outcome = self.login(&tenant, &form, root).outcome;
        if let Outcome::Page(_, html) = &outcome
            && let Some((_, after)) = html.split_once("name=\"ticket\" value=\"")
            && let Some((ticket, _)) = after.split_once('"')
        {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("request", &raw)
                .append_pair("ticket", ticket)
                .append_pair("action", "accept")
                .finish();
            outcome = self.consent(&tenant, &form, root);
        }
        match outcome {
            Outcome::Redirect(to) => SignedIn::Redirect(to),
            Outcome::Page(_, html) => SignedIn::Page(html),
        }
    }

    /// Ends a browser session.
    pub(super) fn logout(&self, raw: &str, session: Option<&str>) -> Outcome {
        if let Some(session) = session {
            self.grants().sessions.remove(session);
        }
        let target = pairs(raw)
            .into_iter()
            .find(|(key, _)| key == "post_logout_redirect_uri")
            .map(|(_, value)| value);
        let registered = |target: &String| {
            self.apps
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .iter()
                .any(|app| app.redirects_to(target))
        };
        match target {
            Some(target) if registered(&target) => Outcome::Redirect(target),
            _ => Outcome::Page(200, page::signed_out()),
        }
    }
}

pub(super) fn user_disabled() -> EntraError {
    EntraError::new("invalid_grant", 50_057, "The user account is disabled.")
}

/// Whether a verifier answers a PKCE challenge (RFC 7636, section 4.6).
pub(super) fn verifier_fits(method: &str, challenge: &str, verifier: &str) -> bool {
    if method == "S256" {
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
    } else {
        verifier == challenge
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn pkce_example_of_the_rfc() {
        assert!(super::verifier_fits(
            "S256",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        ));
    }
}
