//! The sandbox as a whole: its state, its start and its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use jiff::SignedDuration;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::SandboxClock;
use crate::directory::people::People;
use crate::directory::{Directory, PASSWORD};
use crate::entra::{self, AppRegistration, Challenge, Entra, Rules, Secret, SignedIn};
use crate::exchange::{AccessPolicy, AccessRight, Decision, Exchange, ExchangeAccess};
use crate::faults::{Fault, Faults};
use crate::graph::{self, Limits};
use crate::ids::Ids;
use crate::mail::{ImportReport, Mail, MailOptions};
use crate::stats::{Counters, Stats};
use crate::{Error, Options, chaos, control, home, server, tls};

/// Someone who can sign in.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAccount {
    /// The name to sign in with.
    pub user_principal_name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for UserAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserAccount")
            .field("user_principal_name", &self.user_principal_name)
            .finish_non_exhaustive()
    }
}

/// The pretend tenant's state, and what tests do behind its back.
#[derive(Debug)]
pub struct Sandbox {
    pub(crate) options: Options,
    pub(crate) clock: Arc<SandboxClock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) mail: Arc<Mail>,
    pub(crate) entra: Entra,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) limits: Arc<Limits>,
    #[cfg(feature = "conformance")]
    pub(crate) watch: crate::watch::Watch,
    exchange: Exchange,
    root: String,
    client_id: String,
}

/// Delegated permissions of the application the sandbox begins with.
const DELEGATED: &[&str] = &[
    "User.Read",
    "User.ReadBasic.All",
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Mail.Read.Shared",
    "Mail.ReadWrite.Shared",
    "Mail.Send.Shared",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
];

/// Its application permissions, consented to by an administrator.
const APPLICATION: &[&str] = &[
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "User.Read.All",
    "Group.Read.All",
    "GroupMember.Read.All",
    "Directory.Read.All",
    "Organization.Read.All",
    "ProfilePhoto.Read.All",
    "LicenseAssignment.Read.All",
    "Domain.Read.All",
];

fn first_app(ids: &Ids, clock: &SandboxClock) -> AppRegistration {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut app = AppRegistration::new(ids.guid("application").to_string(), "Postroom");
    app.any_loopback = true;
    app.secrets = vec![Secret {
        value: format!("sbx8Q~{}", ids.guid("secret").simple()),
        expires: clock.now() + SignedDuration::from_hours(24 * 730),
    }];
    app.delegated = owned(DELEGATED);
    app.application = owned(APPLICATION);
    app.application_consent = true;
    app
}

impl Sandbox {
    /// Starts a sandbox in the current runtime.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on or TLS cannot be set up.
    pub async fn start(options: Options) -> Result<Running, Error> {
        let listen = |source| Error::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let mut address = listener.local_addr().map_err(listen)?;
        let made = if options.tls {
            Some(tls::make(address.ip())?)
        } else {
            None
        };
        // What people and clients are told has to be an address one can go to.
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let scheme = if options.tls { "https" } else { "http" };
        let root = format!("{scheme}://{address}");

        let sandbox = Arc::new(Self::new(options, root.clone())?);
        for (place, path) in sandbox.options.imports.iter().enumerate() {
            sandbox.import_nth(place, path);
        }
        let (stop, stopped) = watch::channel(false);
        let router = Self::router(&sandbox);
        let task = tokio::spawn(server::serve(
            listener,
            made.as_ref().map(|made| Arc::clone(&made.config)),
            router,
            stopped,
        ));
        let app = sandbox.app(&sandbox.client_id);
        Ok(Running {
            address,
            authority_url: root.clone(),
            graph_url: root,
            tenant_id: sandbox.directory.tenant_id().to_owned(),
            client_id: sandbox.client_id.clone(),
            client_secret: app
                .and_then(|app| app.secrets.into_iter().next())
                .map(|secret| secret.value)
                .unwrap_or_default(),
            users: sandbox.accounts(),
            ca_pem: made.map(|made| made.authority_pem),
            sandbox,
            stop,
            task: Some(task),
        })
    }

    fn new(options: Options, root: String) -> Result<Self, Error> {
        let clock = Arc::new(SandboxClock::new());
        let ids = Arc::new(Ids::new(options.seed));
        let directory = Arc::new(Directory::new(Arc::clone(&ids), options.users));
        let mail = Mail::new(
            MailOptions {
                seed: options.seed,
                messages: options.messages,
                ..options.mail.clone()
            },
            Arc::clone(&clock),
            Arc::clone(&directory) as Arc<dyn People>,
        );
        let app = first_app(&ids, &clock);
        let client_id = app.client_id.clone();
        let entra = Entra::new(
            Arc::clone(&clock),
            Arc::clone(&ids),
            Arc::clone(&directory),
            Rules {
                access_token_lifetime: options.access_token_lifetime,
                code_lifetime: options.code_lifetime,
                refresh_token_lifetime: options.refresh_token_lifetime,
                strict_rotation: options.strict_rotation,
                device_code_lifetime: options.device_code_lifetime,
                device_code_interval: options.device_code_interval,
            },
            vec![app],
        )?;
        Ok(Self {
            #[cfg(feature = "conformance")]
            watch: crate::watch::Watch::new(options.conformance),
            options,
            clock,
            ids,
            directory,
            mail,
            entra,
            faults: Faults::default(),
            counters: Counters::default(),
            limits: Arc::default(),
            exchange: Exchange::default(),
            root,
            client_id,
        })
    }

    fn router(sandbox: &Arc<Self>) -> Router {
        Router::new()
            .route("/v1.0/{*path}", any(graph::handle))
            .merge(entra::router())
            .merge(control::router())
            .merge(home::router())
            .layer(from_fn_with_state(Arc::clone(sandbox), chaos::spoil))
            .layer(from_fn_with_state(Arc::clone(sandbox), chaos::date))
            .layer(from_fn_with_state(
                Arc::clone(sandbox),
                entra::count_flights,
            ))
            .with_state(Arc::clone(sandbox))
    }

    fn import_nth(&self, place: usize, path: &Path) {
        let Some(person) = self.directory.mailboxes().into_iter().nth(place) else {
            tracing::warn!(path = %path.display(), "nobody left to import mail for");
            return;
        };
        let report = self.mail.import(&person.id, path);
        tracing::info!(
            path = %path.display(),
            mailbox = %person.user_principal_name,
            loaded = report.loaded,
            rejected = report.rejected.len(),
            "mail imported"
        );
    }

    /// The sandbox's own address, without a trailing slash.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The seed company's people who can sign in and have a mailbox.
    pub fn accounts(&self) -> Vec<UserAccount> {
        self.directory
            .users()
            .filter(|user| user.enabled && user.has_mailbox)
            .take(12)
            .map(|user| UserAccount {
                user_principal_name: user.user_principal_name,
                password: PASSWORD.to_owned(),
            })
            .collect()
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The mailboxes.
    pub fn mail(&self) -> &Arc<Mail> {
        &self.mail
    }

    /// Loads mail from disk into a user's mailbox; nothing for an unknown user.
    pub fn import(&self, user: &str, path: &Path) -> Option<ImportReport> {
        let user = self.directory.find(user)?;
        Some(self.mail.import(&user.id, path))
    }

    /// The tenant's clock.
    pub fn clock(&self) -> &SandboxClock {
        &self.clock
    }

    /// Moves the tenant's clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A registered application.
    pub fn app(&self, client_id: &str) -> Option<AppRegistration> {
        self.entra.app(client_id)
    }

    /// The id of the application the sandbox begins with.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Registers an application, or replaces the one with its id.
    pub fn put_app(&self, app: AppRegistration) {
        self.entra.put_app(app);
    }

    /// Changes a registered application; false for an unknown one.
    pub fn alter_app(&self, client_id: &str, alter: impl FnOnce(&mut AppRegistration)) -> bool {
        self.entra.alter_app(client_id, alter)
    }

    /// Makes a personal Microsoft account that can sign in at `consumers`, with everybody's
    /// password, at applications that personal accounts may use.
    pub fn add_personal_account(&self, login: &str) -> UserAccount {
        self.entra.add_personal_account(login);
        UserAccount {
            user_principal_name: login.to_owned(),
            password: PASSWORD.to_owned(),
        }
    }

    /// An assertion of the sandbox's own other issuer (`/sandbox/issuer`), for federated
    /// credentials.
    pub fn foreign_assertion(&self, subject: &str, audience: &str, lifetime: Duration) -> String {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        self.entra
            .foreign_assertion(&self.root, subject, audience, lifetime)
            .unwrap_or_default()
    }

    /// The name of that issuer.
    pub fn foreign_issuer(&self) -> String {
        format!("{}{}", self.root, entra::ISSUER_PATH)
    }

    /// Ends a user's refresh tokens, codes and browser sessions; access tokens live on, as they
    /// do at Entra. False for an unknown user.
    pub fn revoke(&self, user: &str) -> bool {
        match self.directory.find(user) {
            Some(user) => {
                self.entra.revoke(&user.id);
                true
            }
            None => false,
        }
    }

    /// Revokes as an administrator does, with continuous access evaluation: besides what
    /// [`Sandbox::revoke`] ends, Graph takes no access token from before any more, and asks clients
    /// that handle it for a new one. False for an unknown user.
    pub fn revoke_at_once(&self, user: &str) -> bool {
        self.revoke(user) && self.challenge(user, Some(Challenge::NewToken))
    }

    /// Lets Graph ask claims of a user (by id or name) or an application (by client id), or nothing
    /// any more. False for somebody unknown.
    pub fn challenge(&self, who: &str, challenge: Option<Challenge>) -> bool {
        let subject = match (self.directory.find(who), self.entra.app(who)) {
            (Some(user), _) => user.id,
            (None, Some(app)) => app.client_id,
            (None, None) => return false,
        };
        self.entra.challenge(&subject, challenge);
        true
    }

    /// A user types the code of another device, signs in and consents; the page at the end.
    pub fn enter_code(&self, user_code: &str, user: &str, password: &str) -> SignedIn {
        self.entra.enter_code(user_code, user, password)
    }

    /// Takes a user's own consent to an application away; false for an unknown user.
    pub fn withdraw_consent(&self, client_id: &str, user: &str) -> bool {
        match self.directory.find(user) {
            Some(user) => {
                self.entra.withdraw_consent(client_id, &user.id);
                true
            }
            None => false,
        }
    }

    /// Makes Graph refuse every access token issued so far.
    pub fn invalidate_access_tokens(&self) {
        self.entra.invalidate_access_tokens();
    }

    /// Limits what an application was granted in Entra ID to these mailboxes, as an application
    /// access policy does. Unknown users are left out; role assignments are dropped.
    pub fn limit_mailboxes(&self, client_id: &str, users: &[&str]) {
        let policy = AccessPolicy {
            access_right: AccessRight::RestrictAccess,
            mailboxes: users.iter().map(|user| (*user).to_owned()).collect(),
        };
        let access = ExchangeAccess {
            policies: vec![policy],
            ..ExchangeAccess::default()
        };
        self.set_exchange_access(client_id, access);
    }

    /// Lifts every limit of Exchange's, and takes its role assignments.
    pub fn allow_all_mailboxes(&self, client_id: &str) {
        self.set_exchange_access(client_id, ExchangeAccess::default());
    }

    /// Sets what Exchange has of an application: access policies, and roles within scopes (RBAC
    /// for Applications). Users are named by id or name; unknown ones are left out.
    pub fn set_exchange_access(&self, client_id: &str, mut access: ExchangeAccess) {
        let by_id = |named: &mut Vec<String>| {
            *named = named
                .iter()
                .filter_map(|user| self.directory.find(user))
                .map(|user| user.id)
                .collect();
        };
        for policy in &mut access.policies {
            by_id(&mut policy.mailboxes);
        }
        for assignment in &mut access.role_assignments {
            if let Some(mailboxes) = &mut assignment.mailboxes {
                by_id(mailboxes);
            }
        }
        self.exchange.set(client_id, access, self.clock.now());
    }

    /// What Exchange has of an application.
    pub fn exchange_access(&self, client_id: &str) -> ExchangeAccess {
        self.exchange.get(client_id)
    }

    pub(crate) fn mailbox_decision(
        &self,
        client_id: &str,
        user_id: Option<&str>,
        granted_in_entra: bool,
        accepted: &[String],
    ) -> Decision {
        let now = self.clock.now();
        self.exchange
            .decide(client_id, user_id, granted_in_entra, accepted, now)
    }

    /// Sets a fault.
    pub fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// The faults.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        let flights = &self.entra.flights;
        Stats {
            max_refreshes_in_flight: flights.most(),
            refreshes_in_flight: flights.now(),
            refresh_tokens_reused: self.entra.reused(),
            ..self.counters.read()
        }
    }

    /// Sets the counters to nothing.
    pub fn reset_stats(&self) {
        self.counters.reset();
        self.entra.flights.reset();
    }

    /// What passed at Graph against Microsoft's document, faults left out: each once, with how
    /// often. Looks only with [`Options::conformance`].
    #[cfg(feature = "conformance")]
    pub fn violations(&self) -> Vec<String> {
        self.watch.violations()
    }

    /// The operations that were looked at, as the document writes them: `GET /users/{user-id}`.
    #[cfg(feature = "conformance")]
    pub fn operations_seen(&self) -> std::collections::BTreeSet<String> {
        self.watch.operations()
    }

    /// Signs a user in as a browser would, consenting to what is asked, and says where the
    /// browser ends up: at the application with a code or an error, or on a page.
    pub fn sign_in(&self, authorize_url: &str, user: &str, password: &str) -> SignedIn {
        self.entra.sign_in(
            authorize_url,
            user,
            password,
            &root_of_url(authorize_url, &self.root),
        )
    }

    /// Opens an admin consent address as an administrator would, and accepts or declines. Says
    /// where the browser ends up.
    pub fn consent_as_administrator(
        &self,
        address: &str,
        user: &str,
        password: &str,
        accepts: bool,
    ) -> SignedIn {
        let root = root_of_url(address, &self.root);
        self.entra
            .consent_as_administrator(address, user, password, accepts, &root)
    }

    /// Somebody who administers the tenant and can sign in.
    pub fn administrator(&self) -> Option<UserAccount> {
        self.directory
            .users()
            .find(|user| user.enabled && user.administrator)
            .map(|user| UserAccount {
                user_principal_name: user.user_principal_name,
                password: PASSWORD.to_owned(),
            })
    }
}

fn root_of_url(address: &str, own: &str) -> String {
    url::Url::parse(address)
        .map_or_else(|_| own.to_owned(), |url| url.origin().ascii_serialization())
}

/// A sandbox that runs. Dropped, it stops.
pub struct Running {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    /// The root of the identity provider, without a tenant: `http://127.0.0.1:1234`.
    pub authority_url: String,
    /// The root of Graph, without the version.
    pub graph_url: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// The seed company's people who can sign in.
    pub users: Vec<UserAccount>,
    /// The made certificate authority, with TLS.
    pub ca_pem: Option<String>,
    sandbox: Arc<Sandbox>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .field("tenant_id", &self.tenant_id)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// The state behind the scenes.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Ends it: no new connections, running requests get a few seconds.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}
