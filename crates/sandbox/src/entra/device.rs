//! A user signs in with a code on another device ("Microsoft identity platform and the OAuth 2.0
//! device authorization grant flow").

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::app::AppRegistration;
use super::authorize::{Outcome, SignedIn};
use super::claims::ClaimsRequest;
use super::error::EntraError;
use super::grants::{Device, DeviceAnswer};
use super::request::pairs;
use super::scope::Scopes;
use super::token::TokenRequest;
use super::{Entra, device_page as page, needs_administrator};
use crate::directory::User;

/// Letters that are not taken for others.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ23456789";

fn refused(error: &'static str, number: u32, text: &str) -> EntraError {
    EntraError::new(error, number, text)
}

/// A user code as people type it, in the form in which it is compared.
fn plain(typed: &str) -> String {
    typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_uppercase()
}

impl Entra {
    /// `POST /{tenant}/oauth2/v2.0/devicecode`.
    pub(super) fn device_code(
        &self,
        tenant: &str,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        let kind = self.tenant(tenant)?;
        let app = self.usable_app(request.need("client_id")?, kind)?;
        let scopes = Scopes::parse(request.need("scope")?, root)?;
        let user_code: String = self
            .ids
            .next_guid()
            .as_bytes()
            .iter()
            .take(9)
            .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
            .collect();
        let device_code = format!("{}{}", self.ids.next_text(), self.ids.next_text());
        let (lifetime, interval) = (
            self.rules.device_code_lifetime.as_secs(),
            self.rules.device_code_interval.as_secs(),
        );
        self.grants().devices.insert(
            device_code.clone(),
            Device {
                client_id: app.client_id.clone(),
                tenant: tenant.to_ascii_lowercase(),
                user_code: user_code.clone(),
                scopes,
                issued: self.clock.now(),
                interval: i64::try_from(interval).unwrap_or(i64::MAX),
                polled: None,
                answer: DeviceAnswer::Waiting,
            },
        );
        let page = format!("{root}/devicelogin");
        Ok(json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": lifetime,
            "interval": interval,
            "message": format!(
                "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
            ),
        }))
    }

    /// The device asks at the token endpoint whether the user has finished.
    pub(super) fn redeem_device_code(
        &self,
        tenant: &str,
        app: &AppRegistration,
        request: &TokenRequest,
        root: &str,
    ) -> Result<Value, EntraError> {
        let given = request.need("device_code")?;
        let now = self.clock.now();
        let asked = ClaimsRequest::read(request.get("claims"))?;
        let (user_id, scopes) = {
            let mut grants = self.grants();
            let device = grants
                .devices
                .get_mut(given)
                .filter(|device| device.client_id == app.client_id)
                .filter(|device| device.tenant == tenant.to_ascii_lowercase())
                .ok_or_else(|| {
                    refused(
                        "bad_verification_code",
                        70_018,
                        "Invalid verification code. User typed in wrong user code for device code flow.",
                    )
                })?;
            if self.is_over(device, now) {
                return Err(refused(
                    "expired_token",
                    70_019,
                    "Verification code expired. Have the user retry the sign-in.",
                ));
            }
            let early = device.polled.is_some_and(|polled| {
                now.duration_since(polled) < SignedDuration::from_secs(device.interval)
            });
            device.polled = Some(now);
            if early {
                // RFC 8628, section 3.5. Entra's number for it is not documented.
                device.interval = device.interval.saturating_add(5);
                return Err(refused(
                    "slow_down",
                    70_016,
                    "OAuth 2.0 device flow error. The device polls too often.",
                ));
            }
            match &device.answer {
                DeviceAnswer::Waiting => {
                    return Err(refused(
                        "authorization_pending",
                        70_016,
                        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
                    ));
                }
                DeviceAnswer::Declined => {
                    return Err(refused(
                        "authorization_declined",
                        90_120,
                        "The request was already authorized or declined.",
                    ));
                }
                DeviceAnswer::Redeemed => {
                    return Err(refused(
                        "invalid_grant",
                        90_120,
                        "The request was already authorized or declined.",
                    ));
                }
                DeviceAnswer::Accepted(user_id) => {
                    let found = (user_id.clone(), device.scopes.clone());
                    device.answer = DeviceAnswer::Redeemed;
                    found
                }
            }
        };
        let user = self.user_for_grant(&user_id)?;
        self.user_tokens(app, &user, &scopes, None, &asked, request, root)
    }

    fn is_over(&self, device: &Device, now: Timestamp) -> bool {
        let lifetime = SignedDuration::try_from(self.rules.device_code_lifetime);
        lifetime.is_ok_and(|lifetime| now.duration_since(device.issued) >= lifetime)
    }

    /// The device that a user code is for, and its device code.
    fn device_of(&self, typed: &str) -> Result<(String, Device), EntraError> {
        let typed = plain(typed);
        let now = self.clock.now();
        let found = self
            .grants()
            .devices
            .iter()
            .find(|(_, device)| device.user_code == typed)
            .map(|(code, device)| (code.clone(), device.clone()));
        let Some((code, device)) = found else {
            return Err(refused(
                "bad_verification_code",
                70_018,
                "That code didn't work. Check the code and try again.",
            ));
        };
        if self.is_over(&device, now) {
            return Err(refused(
                "expired_token",
                70_019,
                "That code has expired. Go back to your device to get a new one.",
            ));
        }
        if device.answer != DeviceAnswer::Waiting {
            return Err(refused(
                "invalid_request",
                90_120,
                "The request was already authorized or declined.",
            ));
        }
        Ok((code, device))
    }

    fn answer_device(&self, code: &str, answer: DeviceAnswer) {
        if let Some(device) = self.grants().devices.get_mut(code) {
            device.answer = answer;
        }
    }

    /// The page at which people type their code, and what follows it.
    pub(super) fn device_login(&self, form: &str) -> Outcome {
        let form = pairs(form);
        let get = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str().trim())
        };
        let typed = get("user_code");
        let (code, device) = match self.device_of(typed) {
            Ok(found) => found,
            Err(error) => return Outcome::Page(200, page::code(Some(&error.message()))),
        };
        let Some(app) = self.app(&device.client_id) else {
            return Outcome::Page(200, page::code(None));
        };
        if get("action") == "cancel" {
            self.answer_device(&code, DeviceAnswer::Declined);
            return Outcome::Page(200, page::declined(&app.display_name));
        }
        let ticket = get("ticket");
        if !ticket.is_empty() {
            return match self.holder(ticket) {
                Some(user) => self.accept_device(&code, &device, &app, &user),
                None => Outcome::Page(200, page::sign_in(&app.display_name, typed, None)),
            };
        }
        if get("login").is_empty() {
            return Outcome::Page(200, page::sign_in(&app.display_name, typed, None));
        }
        let user = match self.check_password(&device.tenant, get("login"), get("passwd")) {
            Ok(user) => user,
            Err(error) => {
                let page = page::sign_in(&app.display_name, typed, Some(&error.message()));
                return Outcome::Page(200, page);
            }
        };
        let granted = self.granted(&app, &user.id);
        let open: Vec<String> = wanted(&app, &device.scopes)
            .into_iter()
            .filter(|permission| !granted.contains(permission))
            .collect();
        if open.is_empty() {
            self.answer_device(&code, DeviceAnswer::Accepted(user.id));
            return Outcome::Page(200, page::accepted(&app.display_name));
        }
        if !user.administrator && open.iter().any(|one| needs_administrator(one)) {
            return self.error_page(&EntraError::new(
                "access_denied",
                90_094,
                format!("Need admin approval. {} needs permission to access resources in your organization that only an admin can grant.", app.display_name),
            ));
        }
        let ticket = self.ids.next_text();
        self.grants()
            .tickets
            .insert(ticket.clone(), (user.id.clone(), self.clock.now()));
        let name = &user.user_principal_name;
        Outcome::Page(
            200,
            page::consent(&app.display_name, name, &open, typed, &ticket),
        )
    }

    /// Whose consent page this is, if it is not too old.
    fn holder(&self, ticket: &str) -> Option<User> {
        let (id, shown) = self.grants().tickets.remove(ticket)?;
        let fresh = self.clock.now().duration_since(shown) < SignedDuration::from_mins(15);
        self.directory
            .find(&id)
            .filter(|user| user.enabled && fresh)
    }

    fn accept_device(
        &self,
        code: &str,
        device: &Device,
        app: &AppRegistration,
        user: &User,
    ) -> Outcome {
        for permission in wanted(app, &device.scopes) {
            if user.administrator || !needs_administrator(&permission) {
                let consent = (app.client_id.clone(), user.id.clone(), permission);
                self.grants().consent.insert(consent);
            }
        }
        self.answer_device(code, DeviceAnswer::Accepted(user.id.clone()));
        Outcome::Page(200, page::accepted(&app.display_name))
    }

    /// A user types a code, signs in and consents, without a browser; the page at the end.
    pub(crate) fn enter_code(&self, user_code: &str, user: &str, password: &str) -> SignedIn {
        let form = |fields: &[(&str, &str)]| {
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("user_code", user_code)
                .extend_pairs(fields)
                .finish()
        };
        let mut outcome = self.device_login(&form(&[("login", user), ("passwd", password)]));
        if let Outcome::Page(_, html) = &outcome
            && let Some((_, after)) = html.split_once("name=\"ticket\" value=\"")
            && let Some((ticket, _)) = after.split_once('"')
        {
            outcome = self.device_login(&form(&[("ticket", ticket), ("action", "accept")]));
        }
        match outcome {
            Outcome::Redirect(to) => SignedIn::Redirect(to),
            Outcome::Page(_, html) => SignedIn::Page(html),
        }
    }
}

fn wanted(app: &AppRegistration, scopes: &Scopes) -> Vec<String> {
    if scopes.default {
        app.delegated.clone()
    } else {
        scopes.permissions.clone()
    }
}
