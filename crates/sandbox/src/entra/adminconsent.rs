//! Consent of an administrator for the whole tenant ("Admin consent on the Microsoft identity
//! platform"; for the older form "Microsoft identity platform and the OAuth 2.0 client credentials
//! flow").

use jiff::SignedDuration;

use super::authorize::{Outcome, SignedIn, Step};
use super::error::EntraError;
use super::grants::EVERYBODY;
use super::request::pairs;
use super::scope::Scopes;
use super::{AppRegistration, Entra, page};
use crate::directory::User;

/// Which of the two addresses was opened. The pages carry it on beside the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `/{tenant}/v2.0/adminconsent`.
    V2,
    /// `/{tenant}/adminconsent`.
    V1,
}

/// Marks the form in what the pages carry on.
const FORM: &str = "sandbox_form";

struct Asked {
    form: Form,
    app: AppRegistration,
    redirect_uri: String,
    state: Option<String>,
    scope: String,
    scopes: Scopes,
    raw: String,
}

impl Asked {
    fn answer(&self, mut fields: Vec<(&'static str, String)>) -> Outcome {
        if let Some(state) = &self.state {
            fields.push(("state", state.clone()));
        }
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        let separator = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        Outcome::Redirect(format!("{}{separator}{encoded}", self.redirect_uri))
    }

    /// What is consented to, for the page.
    fn wanted(&self) -> Vec<String> {
        if self.scopes.permissions.is_empty() {
            self.app
                .application
                .iter()
                .chain(&self.app.delegated)
                .cloned()
                .collect()
        } else {
            self.scopes.permissions.clone()
        }
    }
}

impl Entra {
    /// `GET /{tenant}/v2.0/adminconsent` and `GET /{tenant}/adminconsent`.
    pub(super) fn admin_consent(
        &self,
        form: Form,
        tenant: &str,
        query: &str,
        root: &str,
    ) -> Outcome {
        let mark = match form {
            Form::V2 => "v2",
            Form::V1 => "v1",
        };
        let raw = format!("{query}&{FORM}={mark}");
        match self.read_admin_consent(tenant, &raw, root) {
            Ok(asked) => Outcome::Page(
                200,
                page::sign_in(
                    &asked.app.display_name,
                    &pages_of(tenant),
                    &asked.raw,
                    "",
                    None,
                ),
            ),
            Err(outcome) => outcome,
        }
    }

    fn read_admin_consent(&self, tenant: &str, raw: &str, root: &str) -> Result<Asked, Outcome> {
        let query = pairs(raw);
        let get = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let shown = |error: EntraError| self.error_page(&error);
        let form = match get(FORM).as_deref() {
            Some("v2") => Form::V2,
            _ => Form::V1,
        };
        let kind = self.tenant(tenant).map_err(shown)?;
        if form == Form::V2 && tenant.eq_ignore_ascii_case("common") {
            return Err(shown(EntraError::new(
                "invalid_request",
                90_023,
                "The tenant 'common' can't be used here: use the tenant's id or 'organizations'.",
            )));
        }
        let client_id = get("client_id").ok_or_else(|| shown(EntraError::missing("client_id")))?;
        let app = self.usable_app(&client_id, kind).map_err(shown)?;
        let redirect_uri =
            get("redirect_uri").ok_or_else(|| shown(EntraError::missing("redirect_uri")))?;
        if !app.redirects_to(&redirect_uri) {
            return Err(shown(EntraError::new(
                "invalid_request",
                50_011,
                format!(
                    "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{client_id}'."
                ),
            )));
        }
        let scope = get("scope").unwrap_or_default();
        let scopes = match form {
            Form::V2 if scope.is_empty() => return Err(shown(EntraError::missing("scope"))),
            Form::V2 => Scopes::parse(&scope, root).map_err(shown)?,
            Form::V1 => Scopes::default(),
        };
        Ok(Asked {
            form,
            app,
            redirect_uri,
            state: get("state"),
            scope,
            scopes,
            raw: raw.to_owned(),
        })
    }

    /// The sign-in page was sent off.
    pub(super) fn admin_consent_login(&self, tenant: &str, form: &str, root: &str) -> Step {
        let form = pairs(form);
        let get = |name: &str| field(&form, name);
        let asked = match self.read_admin_consent(tenant, get("request"), root) {
            Ok(asked) => asked,
            Err(outcome) => return outcome.into(),
        };
        if get("action") == "cancel" {
            return self.declined(&asked).into();
        }
        let user = match self.check_password(tenant, get("login").trim(), get("passwd")) {
            Ok(user) => user,
            Err(error) => {
                let html = page::sign_in(
                    &asked.app.display_name,
                    &pages_of(tenant),
                    &asked.raw,
                    get("login").trim(),
                    Some(&error.message()),
                );
                return Outcome::Page(200, html).into();
            }
        };
        if !user.administrator {
            return self
                .error_page(&EntraError::new(
                    "access_denied",
                    90_094,
                    format!(
                        "Need admin approval. {} needs permission to access resources in your organization that only an admin can grant.",
                        asked.app.display_name
                    ),
                ))
                .into();
        }
        let ticket = self.ids.next_text();
        self.grants()
            .tickets
            .insert(ticket.clone(), (user.id.clone(), self.clock.now()));
        Outcome::Page(
            200,
            page::consent(
                &asked.app.display_name,
                &pages_of(tenant),
                &user.user_principal_name,
                &asked.wanted(),
                &asked.raw,
                &ticket,
            ),
        )
        .into()
    }

    /// The consent page was sent off.
    pub(super) fn admin_consent_decision(&self, tenant: &str, form: &str, root: &str) -> Outcome {
        let form = pairs(form);
        let get = |name: &str| field(&form, name);
        let asked = match self.read_admin_consent(tenant, get("request"), root) {
            Ok(asked) => asked,
            Err(outcome) => return outcome,
        };
        let ticket = self.grants().tickets.remove(get("ticket"));
        let fresh = |shown: jiff::Timestamp| {
            self.clock.now().duration_since(shown) < SignedDuration::from_mins(15)
        };
        let administrator = ticket
            .filter(|(_, shown)| fresh(*shown))
            .and_then(|(id, _)| self.directory.find(&id))
            .filter(|user: &User| user.enabled && user.administrator);
        if administrator.is_none() {
            return self.admin_consent(asked.form, tenant, &asked.raw, root);
        }
        if get("action") != "accept" {
            return self.declined(&asked);
        }
        if asked.scopes.permissions.is_empty() {
            self.alter_app(&asked.app.client_id, |app| {
                app.application_consent = true;
                app.delegated_consent = true;
            });
        } else {
            let mut grants = self.grants();
            for permission in &asked.scopes.permissions {
                grants.consent.insert((
                    asked.app.client_id.clone(),
                    EVERYBODY.to_owned(),
                    permission.clone(),
                ));
            }
        }
        let mut fields = vec![
            ("admin_consent", "True".to_owned()),
            ("tenant", self.directory.tenant_id().to_owned()),
        ];
        if asked.form == Form::V2 {
            fields.push(("scope", asked.scope.clone()));
        }
        asked.answer(fields)
    }

    /// The newer form says `admin_consent=True` even then; the older one leaves the state out.
    fn declined(&self, asked: &Asked) -> Outcome {
        match asked.form {
            Form::V2 => asked.answer(vec![
                ("admin_consent", "True".to_owned()),
                ("error", "consent_required".to_owned()),
                (
                    "error_description",
                    "AADSTS65004: The resource owner or authorization server denied the request."
                        .to_owned(),
                ),
            ]),
            Form::V1 => Outcome::Redirect(format!(
                "{}{}error=permission_denied&error_description=The+admin+canceled+the+request",
                asked.redirect_uri,
                if asked.redirect_uri.contains('?') {
                    '&'
                } else {
                    '?'
                }
            )),
        }
    }

    /// An administrator who opens such an address, without a browser.
    pub(crate) fn consent_as_administrator(
        &self,
        address: &str,
        user: &str,
        password: &str,
        accepts: bool,
        root: &str,
    ) -> SignedIn {
        let outcome = self.consent_steps(address, user, password, accepts, root);
        match outcome {
            Outcome::Redirect(to) => SignedIn::Redirect(to),
            Outcome::Page(_, html) => SignedIn::Page(html),
        }
    }

    fn consent_steps(
        &self,
        address: &str,
        user: &str,
        password: &str,
        accepts: bool,
        root: &str,
    ) -> Outcome {
        let Ok(url) = url::Url::parse(address) else {
            return Outcome::Page(404, String::new());
        };
        let segments: Vec<_> = url.path_segments().into_iter().flatten().collect();
        let (tenant, form) = match segments.as_slice() {
            [tenant, "v2.0", "adminconsent"] => (*tenant, Form::V2),
            [tenant, "adminconsent"] => (*tenant, Form::V1),
            _ => return Outcome::Page(404, String::new()),
        };
        let query = url.query().unwrap_or_default();
        let first = self.admin_consent(form, tenant, query, root);
        let Some(request) = hidden(&first, "request") else {
            return first;
        };
        let encoded = |fields: &[(&str, &str)]| {
            url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish()
        };
        let sent = encoded(&[
            ("request", &request),
            ("login", user),
            ("passwd", password),
            ("action", "signin"),
        ]);
        let second = self.admin_consent_login(tenant, &sent, root).outcome;
        let Some(ticket) = hidden(&second, "ticket") else {
            return second;
        };
        let action = if accepts { "accept" } else { "cancel" };
        let sent = encoded(&[
            ("request", &request),
            ("ticket", &ticket),
            ("action", action),
        ]);
        self.admin_consent_decision(tenant, &sent, root)
    }
}

/// Where the pages post to, below the root.
fn pages_of(tenant: &str) -> String {
    format!("{tenant}/adminconsent")
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter()
        .find(|(key, _)| key == name)
        .map_or("", |(_, value)| value.as_str())
}

/// The value of a hidden field of a page.
fn hidden(outcome: &Outcome, name: &str) -> Option<String> {
    let Outcome::Page(_, html) = outcome else {
        return None;
    };
    let (_, after) = html.split_once(&format!("name=\"{name}\" value=\""))?;
    let (value, _) = after.split_once('"')?;
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}
