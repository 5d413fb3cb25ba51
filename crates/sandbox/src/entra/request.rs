//! The authorization request: reading it and answering at its redirect URI.

use super::Entra;
use super::app::AppRegistration;
use super::authorize::Outcome;
use super::claims::ClaimsRequest;
use super::error::EntraError;
use super::page;
use super::scope::Scopes;

/// How the answer goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// An authorization request that may be answered at its redirect URI.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The query as it came; pages carry it on.
    pub(super) raw: String,
    pub(super) tenant: String,
    pub(super) app: AppRegistration,
    pub(super) redirect_uri: String,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
    pub(super) scopes: Scopes,
    pub(super) prompt: Option<String>,
    pub(super) login_hint: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<(String, String)>,
    pub(super) client_info: bool,
    pub(super) claims: ClaimsRequest,
}

pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

impl Request {
    pub(super) fn respond(&self, mut fields: Vec<(&'static str, String)>) -> Outcome {
        if let Some(state) = &self.state {
            fields.push(("state", state.clone()));
        }
        if self.mode == ResponseMode::FormPost {
            return Outcome::Page(200, page::form_post(&self.redirect_uri, &fields));
        }
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        // Without a path segment the answer goes to the URI plus a slash ("Redirect URI (reply
        // URL) restrictions and limitations").
        let mut target = self.redirect_uri.clone();
        if let Ok(url) = url::Url::parse(&target)
            && url.path() == "/"
            && url.query().is_none()
            && !target.ends_with('/')
        {
            target.push('/');
        }
        let separator = match self.mode {
            ResponseMode::Fragment => '#',
            _ if target.contains('?') => '&',
            _ => '?',
        };
        Outcome::Redirect(format!("{target}{separator}{encoded}"))
    }

    pub(super) fn refuse(
        &self,
        error: &str,
        subcode: Option<&str>,
        text: Option<String>,
    ) -> Outcome {
        let mut fields = vec![("error", error.to_owned())];
        if let Some(subcode) = subcode {
            fields.push(("error_subcode", subcode.to_owned()));
        }
        if let Some(text) = text {
            fields.push(("error_description", text));
        }
        self.respond(fields)
    }
}

impl Entra {
    /// Reads a request; what is wrong with it is shown or sent back, never redirected to an
    /// address that is not registered.
    pub(super) fn read_request(
        &self,
        tenant: &str,
        raw: &str,
        root: &str,
    ) -> Result<Request, Outcome> {
        let query = pairs(raw);
        let get = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let shown = |error: EntraError| self.error_page(&error);
        let kind = self.tenant(tenant).map_err(shown)?;
        let client_id = get("client_id")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| shown(EntraError::missing("client_id")))?;
        let app = self.usable_app(&client_id, kind).map_err(shown)?;
        let redirect_uri =
            get("redirect_uri").ok_or_else(|| shown(EntraError::missing("redirect_uri")))?;
        if !app.redirects_to(&redirect_uri) {
            return Err(shown(EntraError::new(
                "invalid_request",
                50_011,
                format!(
                    "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{client_id}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this."
                ),
            )));
        }
        let mut request = Request {
            raw: raw.to_owned(),
            tenant: tenant.to_ascii_lowercase(),
            app,
            redirect_uri,
            mode: ResponseMode::Query,
            state: get("state"),
            scopes: Scopes::default(),
            prompt: get("prompt").filter(|prompt| !prompt.is_empty()),
            login_hint: get("login_hint").unwrap_or_default(),
            nonce: get("nonce"),
            challenge: None,
            client_info: get("client_info").as_deref() == Some("1"),
            claims: ClaimsRequest::default(),
        };
        request.mode = match get("response_mode").as_deref() {
            None | Some("query") => ResponseMode::Query,
            Some("fragment") => ResponseMode::Fragment,
            Some("form_post") => ResponseMode::FormPost,
            Some(other) => {
                let error = EntraError::new(
                    "invalid_request",
                    90_023,
                    format!("The response mode '{other}' is not supported."),
                );
                return Err(self.refuse(&request, &error));
            }
        };
        self.read_rest(&mut request, get, root)
            .map_err(|error| self.refuse(&request, &error))?;
        Ok(request)
    }

    fn read_rest(
        &self,
        request: &mut Request,
        get: impl Fn(&str) -> Option<String>,
        root: &str,
    ) -> Result<(), EntraError> {
        match get("response_type").as_deref() {
            Some("code") => {}
            Some(kind) if kind.split(' ').any(|part| part == "id_token") => {
                return Err(EntraError::new(
                    "unsupported_response_type",
                    700_054,
                    "response_type 'id_token' is not enabled for the application.",
                ));
            }
            Some(kind) => {
                return Err(EntraError::new(
                    "unsupported_response_type",
                    700_051,
                    format!("response_type '{kind}' is not enabled for the application."),
                ));
            }
            None => return Err(EntraError::missing("response_type")),
        }
        let scope = get("scope")
            .filter(|scope| !scope.trim().is_empty())
            .ok_or_else(|| EntraError::missing("scope"))?;
        request.scopes = Scopes::parse(&scope, root)?;
        request.claims = ClaimsRequest::read(get("claims").as_deref())?;
        if let Some(challenge) = get("code_challenge") {
            let method = get("code_challenge_method").unwrap_or_else(|| "plain".to_owned());
            let valid = challenge
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
                && (43..=128).contains(&challenge.len());
            if !["S256", "plain"].contains(&method.as_str()) || !valid {
                return Err(EntraError::new(
                    "invalid_request",
                    501_491,
                    "Invalid size of Code_Challenge parameter.",
                ));
            }
            request.challenge = Some((method, challenge));
        } else if request.app.public && get("code_challenge_method").is_some() {
            return Err(EntraError::missing("code_challenge"));
        }
        match request.prompt.as_deref() {
            None | Some("login" | "none" | "consent" | "select_account") => Ok(()),
            Some(prompt) => Err(EntraError::new(
                "invalid_request",
                90_023,
                format!("Unsupported 'prompt' value: {prompt}."),
            )),
        }
    }
}
