//! The engines as one thing, with what they share.

use crate::calls::StoreCallLog;
use crate::grants::StoreVault;
use crate::mirror::Mirror;
use crate::outbox::Outbox;
use crate::{Problem, Result};
use postroom_microsoft::{Door, DoorParts, DoorSettings, Identity};
use postroom_model::account::Account;
use postroom_model::clock::SharedClock;
use postroom_model::dice::SharedDice;
use postroom_model::mailbox::Mailbox;
use postroom_model::person::Role;
use postroom_model::{AccountId, Timestamp};
use postroom_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// What an engine is made of.
pub struct EngineParts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: SharedClock,
    /// Gives randomness.
    pub dice: SharedDice,
    /// How to call Microsoft.
    pub door: DoorSettings,
    /// How to behave.
    pub settings: EngineSettings,
}

/// How the engines behave.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where callers and browsers reach this server, without a trailing slash:
    /// `http://127.0.0.1:8025`. A sign-in comes back to `/auth/callback` there.
    pub public_url: String,
    /// Time between two rounds of a mailbox's mirror.
    pub sync_interval: Duration,
    /// Time between two comparisons of every folder, id by id.
    pub prove_interval: Duration,
    /// Time between two readings of each connection's directory; zero: none is read.
    pub people_interval: Duration,
    /// A user's grant that was not used for so long is refreshed; Microsoft ends it after 90 days.
    pub idle_after: Duration,
    /// Time between two tries of an application's credential that nobody uses.
    pub credential_look: Duration,
    /// How many mailboxes are mirrored side by side.
    pub mailboxes_at_once: usize,
    /// How long entries of the call log are kept.
    pub keep_calls: Duration,
    /// How long their details are kept.
    pub keep_call_details: Duration,
    /// How long changes are kept for readers of the feed.
    pub keep_changes: Duration,
    /// For how long an item of the outbox is looked for before it is `uncertain`.
    pub look_for: Duration,
    /// A draft that is still one this long after a doubtful sending was not sent: Microsoft takes
    /// a message out of Drafts when it accepts it, not later.
    pub not_sent_after: Duration,
    /// How often an item of the outbox is tried before it has failed.
    pub send_attempts: u32,
    /// Whom alerts are mailed to.
    pub alerts: crate::alerts::AlertSettings,
    /// How long entries of the audit log are kept.
    pub keep_audit: Duration,
    /// The connection (id or name) that people sign in to Postroom through; `None`: the only one
    /// there is.
    pub sign_in_connection: Option<String>,
    /// The tenant (its id) whose users are let in without an invitation.
    pub sign_in_tenant: Option<String>,
    /// What they may do.
    pub sign_in_role: Option<Role>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            public_url: "http://127.0.0.1:8025".to_owned(),
            sync_interval: Duration::from_secs(60),
            prove_interval: DAY,
            people_interval: Duration::from_secs(6 * 60 * 60),
            idle_after: DAY * 14,
            credential_look: DAY,
            mailboxes_at_once: 8,
            keep_calls: DAY * 90,
            keep_call_details: DAY * 7,
            keep_changes: DAY * 30,
            look_for: Duration::from_secs(10 * 60),
            not_sent_after: Duration::from_secs(30),
            send_attempts: 12,
            alerts: crate::alerts::AlertSettings::default(),
            keep_audit: DAY * 400,
            sign_in_connection: None,
            sign_in_tenant: None,
            sign_in_role: None,
        }
    }
}

/// The engines. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// What the engines share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: SharedClock,
    pub(crate) dice: SharedDice,
    pub(crate) door: Door,
    pub(crate) settings: EngineSettings,
    pub(crate) call_log: Arc<StoreCallLog>,
    pub(crate) hand_outs: crate::calls::HandOuts,
    pub(crate) mirror: Mirror,
    pub(crate) outbox: Outbox,
    pub(crate) access: crate::access::AccessState,
    pub(crate) persons: crate::persons::PersonsState,
    pub(crate) counted: crate::audit::Counted,
    pub(crate) identities: crate::identities::Identities,
    pub(crate) logins: crate::logins::LoginState,
    /// Held while a certificate is made or a password tried.
    pub(crate) fitting: tokio::sync::Mutex<()>,
    /// Held while a credential is added: there are so many of a connection at most.
    pub(crate) adding_credentials: tokio::sync::Mutex<()>,
    pub(crate) alerts: Arc<crate::alerts::AlertState>,
    pub(crate) account_changes: Arc<crate::grants::AccountChanges>,
    pub(crate) idle: crate::grants::IdleState,
    pub(crate) tasks: tokio_util::task::TaskTracker,
    pub(crate) stop: tokio_util::sync::CancellationToken,
}

impl Engine {
    /// Puts the engines together. Nothing runs until [`Engine::start`].
    ///
    /// # Errors
    /// When the door cannot be made, for example because a CA file is none.
    pub fn new(parts: EngineParts) -> Result<Self> {
        let call_log = Arc::new(StoreCallLog::new(Arc::clone(&parts.store)));
        let account_changes = Arc::new(crate::grants::AccountChanges::default());
        let alerts = Arc::new(crate::alerts::AlertState::default());
        let vault = Arc::new(StoreVault::telling(
            Arc::clone(&parts.store),
            Arc::clone(&parts.clock),
            Arc::clone(&account_changes),
            Arc::clone(&alerts),
        ));
        let door = Door::new(DoorParts {
            clock: Arc::clone(&parts.clock),
            dice: Arc::clone(&parts.dice),
            vault,
            log: Arc::clone(&call_log) as _,
            settings: parts.door,
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                store: parts.store,
                clock: parts.clock,
                dice: parts.dice,
                door,
                settings: parts.settings,
                call_log,
                hand_outs: crate::calls::HandOuts::default(),
                mirror: Mirror::default(),
                outbox: Outbox::default(),
                access: crate::access::AccessState::default(),
                persons: crate::persons::PersonsState::default(),
                counted: crate::audit::Counted::default(),
                identities: crate::identities::Identities::default(),
                logins: crate::logins::LoginState::default(),
                fitting: tokio::sync::Mutex::default(),
                adding_credentials: tokio::sync::Mutex::default(),
                alerts,
                account_changes,
                idle: crate::grants::IdleState::default(),
                tasks: tokio_util::task::TaskTracker::new(),
                stop: tokio_util::sync::CancellationToken::new(),
            }),
        })
    }

    /// Starts what runs by itself: mirror, outbox, the directory, sweeping, grants. To be called once, within
    /// a runtime.
    pub fn start(&self) {
        self.spawn(crate::mirror::run(self.clone()));
        self.spawn(crate::outbox::run(self.clone()));
        self.spawn(crate::people::directory::run(self.clone()));
        self.spawn(crate::logins::sweep(self.clone()));
        self.spawn(crate::alerts::run(self.clone()));
        self.spawn(crate::alerts::read_applications(self.clone()));
        self.spawn(crate::logins::resume(self.clone()));
        self.spawn(crate::grants::run_idle(self.clone()));
    }

    /// Ends everything within seconds: what is under way comes to a point from which it can go on
    /// later, the call log is written out and the store closed.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        let grace = Duration::from_secs(5);
        let ended = async {
            self.shared.tasks.wait().await;
            // A refresh token that Microsoft rotated is to be stored.
            self.shared.door.settled().await;
        };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!(
                "some work did not come to an end in time; it goes on at the next start"
            );
        }
        self.write_hand_outs();
        self.shared.call_log.flush().await;
        self.shared.access.say_rest(self.now());
        self.write_counted().await;
        if let Err(error) = self.shared.store.close().await {
            tracing::error!(%error, "closing the store");
        }
    }

    /// Whether [`Engine::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.is_cancelled()
    }

    /// Returns when [`Engine::stop`] is called.
    pub async fn stopping(&self) {
        self.shared.stop.cancelled().await;
    }

    /// The store, for those that open it themselves (the command line, tests).
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The time on the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The engine's clock.
    pub fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    /// How the engines behave.
    pub fn settings(&self) -> &EngineSettings {
        &self.shared.settings
    }

    /// Drops the access token that is held in memory: the next call fetches a new one.
    pub fn expire_token(&self, account: &AccountId) {
        self.shared.door.forget_token(account);
    }

    /// Drops what is remembered of a connection's sign-in service: the next call asks anew.
    pub fn ask_anew(&self, connection: &postroom_model::ConnectionId) {
        self.shared.door.ask_anew(connection);
    }

    /// The door, for what an engine passes through whole.
    pub(crate) fn door(&self) -> &Door {
        &self.shared.door
    }

    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.shared.tasks.spawn(task);
    }

    /// Who acts when `account` is used on behalf of `caller`.
    pub(crate) async fn identity(&self, account: &AccountId, caller: &str) -> Result<Identity> {
        let version = self.store().version();
        if let Some((account, connection)) = self.shared.identities.get(account, version) {
            return Ok(Identity {
                connection,
                account,
                caller: caller.into(),
            });
        }
        let account: Account = self
            .store()
            .account(account)
            .await?
            .ok_or_else(|| Problem::not_found("account", account.as_str()))?;
        let connection = self
            .store()
            .connection(&account.connection)
            .await?
            .ok_or_else(|| Problem::not_found("connection", account.connection.as_str()))?;
        let (account, connection) = (Arc::new(account), Arc::new(connection));
        self.shared.identities.put(&account, &connection, version);
        Ok(Identity {
            connection,
            account,
            caller: caller.into(),
        })
    }

    /// Who acts on a mailbox on behalf of `caller`.
    pub(crate) async fn identity_for(&self, mailbox: &Mailbox, caller: &str) -> Result<Identity> {
        self.identity(&mailbox.account, caller).await
    }
}
