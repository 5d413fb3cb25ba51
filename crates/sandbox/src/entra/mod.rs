//! The pretend Entra ID: sign-in pages, authorization and token endpoints, discovery.

mod adminconsent;
mod app;
mod assertion;
mod authorize;
mod claims;
mod device;
mod device_page;
mod discovery;
mod error;
mod flights;
pub(crate) mod forced;
mod grants;
mod issuer;
mod keys;
mod page;
mod personal;
mod request;
mod routes;
mod scope;
mod token;
mod tokens;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

pub use self::app::{AppRegistration, ClientCertificate, FederatedCredential, Secret};
pub use self::authorize::SignedIn;
pub use self::claims::Challenge;
use self::claims::Demand;
pub(crate) use self::claims::for_header;
pub(crate) use self::error::EntraError;
use self::flights::Flights;
pub(crate) use self::flights::count_flights;
use self::grants::Grants;
pub(crate) use self::issuer::ISSUER_PATH;
use self::keys::SigningKeys;
pub(crate) use self::page::{escape, layout};
pub(crate) use self::routes::router;
pub(crate) use self::tokens::TokenRefusal;
use crate::Error;
use crate::clock::SandboxClock;
use crate::directory::{DOMAIN, Directory, INITIAL_DOMAIN};
use crate::ids::Ids;

/// How long Entra's things last and how strict it is.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) access_token_lifetime: Duration,
    pub(crate) code_lifetime: Duration,
    pub(crate) refresh_token_lifetime: Duration,
    pub(crate) strict_rotation: bool,
    pub(crate) device_code_lifetime: Duration,
    pub(crate) device_code_interval: Duration,
}

/// The identity provider of the pretend tenant.
#[derive(Debug)]
pub(crate) struct Entra {
    pub(crate) clock: Arc<SandboxClock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) rules: Rules,
    keys: Arc<SigningKeys>,
    apps: RwLock<Vec<AppRegistration>>,
    grants: Mutex<Grants>,
    personal: personal::PersonalAccounts,
    /// How often a refresh token was used that had been exchanged before.
    reused: AtomicU64,
    pub(crate) flights: Flights,
    /// What Graph asks of users and applications, by object or client id.
    demands: Mutex<HashMap<String, Demand>>,
    /// Access tokens of an earlier epoch are no longer taken.
    epoch: AtomicU64,
}

/// Which tenant a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantPath {
    /// The tenant itself, by id or domain.
    Own,
    /// `common` or `organizations`.
    Any,
    /// `consumers`: personal Microsoft accounts.
    Consumers,
}

impl Entra {
    pub(crate) fn new(
        clock: Arc<SandboxClock>,
        ids: Arc<Ids>,
        directory: Arc<Directory>,
        rules: Rules,
        apps: Vec<AppRegistration>,
    ) -> Result<Self, Error> {
        Ok(Self {
            clock,
            ids,
            directory,
            rules,
            keys: SigningKeys::load()?,
            apps: RwLock::new(apps),
            grants: Mutex::default(),
            personal: personal::PersonalAccounts::default(),
            reused: AtomicU64::new(0),
            flights: Flights::default(),
            demands: Mutex::default(),
            epoch: AtomicU64::new(0),
        })
    }

    fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant a path segment names.
    pub(crate) fn tenant(&self, name: &str) -> Result<TenantPath, EntraError> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "common" | "organizations" => Ok(TenantPath::Any),
            "consumers" | personal::TENANT_ID => Ok(TenantPath::Consumers),
            DOMAIN | INITIAL_DOMAIN => Ok(TenantPath::Own),
            other if other == self.directory.tenant_id() => Ok(TenantPath::Own),
            _ => Err(EntraError::tenant_not_found(name)),
        }
    }

    /// A registered application.
    pub(crate) fn app(&self, client_id: &str) -> Option<AppRegistration> {
        self.apps
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|app| app.client_id.eq_ignore_ascii_case(client_id))
            .cloned()
    }

    /// The id of an application's object, which is not its client id.
    pub(crate) fn object_of(&self, app: &AppRegistration) -> String {
        self.ids
            .guid(&format!("application object {}", app.client_id))
            .to_string()
    }

    /// The application with an object of this id.
    pub(crate) fn app_of_object(&self, id: &str) -> Option<AppRegistration> {
        self.apps
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|app| self.object_of(app).eq_ignore_ascii_case(id))
            .cloned()
    }

    /// The application for a request, if it may be used here.
    pub(crate) fn usable_app(
        &self,
        client_id: &str,
        tenant: TenantPath,
    ) -> Result<AppRegistration, EntraError> {
        let app = self
            .app(client_id)
            .ok_or_else(|| EntraError::unknown_application(client_id, crate::directory::COMPANY))?;
        if !app.enabled {
            return Err(EntraError::new(
                "unauthorized_client",
                7_000_112,
                format!(
                    "Application '{}'({}) is disabled.",
                    app.client_id, app.display_name
                ),
            ));
        }
        if tenant == TenantPath::Any && !app.multi_tenant {
            return Err(EntraError::new(
                "invalid_request",
                50_194,
                format!(
                    "Application '{}'({}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
                    app.client_id, app.display_name
                ),
            ));
        }
        if tenant == TenantPath::Consumers && !app.personal_accounts {
            return Err(EntraError::new(
                "unauthorized_client",
                700_016,
                "The client does not exist or is not enabled for consumers. If you are the application developer, configure a new application through the App Registrations in the Azure Portal.",
            ));
        }
        Ok(app)
    }

    /// Registers an application or replaces the one with its id.
    pub(crate) fn put_app(&self, app: AppRegistration) {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        apps.retain(|other| other.client_id != app.client_id);
        apps.push(app);
    }

    /// Changes an application; false for an unknown one.
    pub(crate) fn alter_app(
        &self,
        client_id: &str,
        alter: impl FnOnce(&mut AppRegistration),
    ) -> bool {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        match apps.iter_mut().find(|app| app.client_id == client_id) {
            Some(app) => {
                alter(app);
                true
            }
            None => false,
        }
    }

    /// Asks claims of a user or application from now on; `None` asks for nothing any more.
    pub(crate) fn challenge(&self, subject: &str, challenge: Option<Challenge>) {
        let since = self.clock.now().as_second();
        let mut demands = self.demands.lock().unwrap_or_else(PoisonError::into_inner);
        match challenge {
            Some(challenge) => demands.insert(subject.to_owned(), Demand::new(challenge, since)),
            None => demands.remove(subject),
        };
    }

    fn demand(&self, subject: &str) -> Option<Demand> {
        let demands = self.demands.lock().unwrap_or_else(PoisonError::into_inner);
        demands.get(subject).cloned()
    }

    /// Ends a user's refresh tokens, codes and sessions.
    pub(crate) fn revoke(&self, user_id: &str) {
        self.grants().revoke(user_id);
    }

    /// How often a refresh token was used that had been exchanged before.
    pub(crate) fn reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }

    /// Takes a user's own consent away.
    pub(crate) fn withdraw_consent(&self, client_id: &str, user_id: &str) {
        self.grants().withdraw_consent(client_id, user_id);
    }

    /// Makes Graph refuse every access token issued so far.
    pub(crate) fn invalidate_access_tokens(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// What a user has granted an application, by administrator or own consent.
    fn granted(&self, app: &AppRegistration, user_id: &str) -> Vec<String> {
        let mut granted = if app.delegated_consent {
            app.delegated.clone()
        } else {
            Vec::new()
        };
        let mut own: Vec<String> = self
            .grants()
            .consent
            .iter()
            .filter(|(client, user, permission)| {
                *client == app.client_id
                    && (user == user_id || user == grants::EVERYBODY)
                    && !granted.contains(permission)
            })
            .map(|(_, _, permission)| permission.clone())
            .collect();
        own.sort();
        own.dedup();
        granted.append(&mut own);
        granted
    }
}

/// Whether only an administrator can consent to a delegated permission. Entra decides per
/// permission ("Microsoft Graph permissions reference", AdminConsentRequired); nearly all that
/// reach all of a tenant's data are among them.
pub(crate) fn needs_administrator(permission: &str) -> bool {
    permission.ends_with(".All")
        && !matches!(
            permission,
            "User.ReadBasic.All"
                | "Group.ReadBasic.All"
                | "Files.Read.All"
                | "Files.ReadWrite.All"
                | "Sites.Read.All"
                | "Sites.ReadWrite.All"
        )
}
