//! The whole, in one process.

use crate::api::Api;
use crate::compare::ensure_equal;
use crate::ground::Ground;
use anyhow::{Context, Result};
use postroom_engine::access::Caller;
use postroom_engine::connections::{NewConnection, NewCredential};
use postroom_engine::keys::NewKey;
use postroom_engine::mailboxes::NewMailbox;
use postroom_engine::{Engine, EngineParts, EngineSettings};
use postroom_http::{HttpOptions, RouterOptions};
use postroom_microsoft::DoorSettings;
use postroom_model::connection::Connection;
use postroom_model::key::Scope;
use postroom_model::mailbox::Mailbox;
use postroom_model::{HeldClock, Secret, SystemClock, SystemDice};
use postroom_sandbox::{Options, Running, Sandbox};
use postroom_store::MasterKey;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a world begins.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// The sandbox.
    pub sandbox: Options,
    /// The engine.
    pub engine: EngineSettings,
    /// The door.
    pub door: DoorSettings,
    /// The most pages that the database may have.
    pub max_pages: Option<u32>,
    /// The API.
    pub router: RouterOptions,
    /// A clock for the engine that the test moves; `None`: the machine's.
    pub clock: Option<HeldClock>,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            sandbox: Options {
                messages: 0,
                ..Options::default()
            },
            engine: EngineSettings {
                // Rounds come when they are asked for.
                sync_interval: Duration::from_secs(24 * 60 * 60),
                not_sent_after: Duration::from_secs(1),
                ..EngineSettings::default()
            },
            door: DoorSettings::default(),
            max_pages: None,
            router: RouterOptions::default(),
            clock: None,
        }
    }
}

/// A sandbox, an engine connected to it, the API in front.
pub struct World {
    /// The pretend tenant.
    pub sandbox: Running,
    /// The engine.
    pub engine: Engine,
    /// The API, with a key that may do everything.
    pub api: Api,
    /// The connection to the sandbox.
    pub connection: Connection,
    options: WorldOptions,
    http: postroom_http::Running,
    ground: Ground,
    master_key: MasterKey,
    key: String,
}

impl World {
    /// Everything running, connected, no mailbox served yet.
    pub async fn start(options: WorldOptions) -> Result<Self> {
        let sandbox = Sandbox::start(options.sandbox.clone()).await?;
        let ground = Ground::new()?;
        Self::start_on(ground, options, sandbox).await
    }

    /// The same on this ground.
    pub async fn start_on(ground: Ground, options: WorldOptions, sandbox: Running) -> Result<Self> {
        let master_key = MasterKey::generate()?;
        let (engine, http) = start(&options, &ground, &master_key).await?;
        let connection = engine
            .add_connection(&Caller::Local, connection_to(&sandbox))
            .await?;
        let (_, key) = engine
            .create_key(
                &Caller::Local,
                NewKey {
                    name: "tests".into(),
                    scopes: vec![Scope::Admin],
                    ..NewKey::default()
                },
            )
            .await?;
        let key = key.reveal().to_owned();
        Ok(Self {
            api: Api::new(&http.url, &key),
            sandbox,
            engine,
            connection,
            options,
            http,
            ground,
            master_key,
            key,
        })
    }

    /// Stops engine and API and starts them anew on the same data folder.
    pub async fn restart(self) -> Result<Self> {
        self.http.shutdown().await;
        self.engine.stop().await;
        drop(self.engine);
        let (engine, http) = start(&self.options, &self.ground, &self.master_key).await?;
        Ok(Self {
            api: Api::new(&http.url, &self.key),
            engine,
            http,
            ..self
        })
    }

    /// The same with other options for store, door and engine.
    pub async fn restart_with(mut self, change: impl FnOnce(&mut WorldOptions)) -> Result<Self> {
        change(&mut self.options);
        self.restart().await
    }

    /// Moves Microsoft's clock on, and then the engine's, where that is held.
    pub fn pass(&self, time: Duration) {
        self.sandbox.sandbox().advance(time);
        if let Some(clock) = &self.options.clock {
            clock.advance(time);
        }
    }

    /// Stops everything; the data folder stays until the world's folder is dropped.
    pub async fn stop(self) -> Ground {
        self.http.shutdown().await;
        self.engine.stop().await;
        self.sandbox.shutdown().await;
        self.ground
    }

    /// The data folder, or that of large contents beside a database.
    pub fn folder(&self) -> PathBuf {
        self.ground.folder()
    }

    /// The text of the key that may do everything.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Serves the mailbox of the `nth` of the sandbox's users through the application.
    pub async fn serve(&self, nth: usize) -> Result<Mailbox> {
        let address = self.user(nth)?;
        Ok(self
            .engine
            .add_mailbox(
                &Caller::Local,
                NewMailbox::ByApplication {
                    connection: self.connection.id.to_string(),
                    address,
                },
            )
            .await?)
    }

    /// The sign-in name of the `nth` of the sandbox's users.
    pub fn user(&self, nth: usize) -> Result<String> {
        let user = self.sandbox.users.get(nth).context("a user")?;
        Ok(user.user_principal_name.clone())
    }

    /// Fails unless the mirror of a mailbox is equal to the tenant.
    pub async fn ensure_equal(&self, mailbox: &Mailbox) -> Result<()> {
        ensure_equal(self.engine.store().as_ref(), mailbox, &self.sandbox).await
    }

    /// Fails when the tenant has drafts with this subject.
    pub fn ensure_no_drafts(&self, mailbox: &Mailbox, subject: &str) -> Result<()> {
        let tenant = self.sandbox.sandbox().mail().snapshot(mailbox.id.as_str());
        let drafts = tenant
            .context("the tenant has the mailbox")?
            .messages
            .iter()
            .filter(|one| one.is_draft && one.subject == subject)
            .count();
        anyhow::ensure!(drafts == 0, "{drafts} drafts of {subject:?} are left");
        Ok(())
    }

    /// Brings a mailbox level; fails when that does not come about.
    pub async fn level(&self, mailbox: &Mailbox) -> Result<Mailbox> {
        let mailbox = self
            .engine
            .sync_mailbox(&mailbox.id, Duration::from_secs(300))
            .await?;
        anyhow::ensure!(Engine::is_level(&mailbox), "not level: {:?}", mailbox.sync);
        Ok(mailbox)
    }
}

/// What a connection to a sandbox is.
pub fn connection_to(sandbox: &Running) -> NewConnection {
    NewConnection {
        name: "Sandbox".into(),
        tenant_id: sandbox.tenant_id.clone(),
        client_id: sandbox.client_id.clone(),
        credential: Some(NewCredential::secret(
            Secret::new(sandbox.client_secret.clone()),
            None,
        )),
        authority_url: Some(sandbox.authority_url.clone()),
        graph_url: Some(sandbox.graph_url.clone()),
        ..NewConnection::default()
    }
}

async fn start(
    options: &WorldOptions,
    ground: &Ground,
    master_key: &MasterKey,
) -> Result<(Engine, postroom_http::Running)> {
    let store = ground.open(master_key.clone(), options.max_pages).await?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let listen = listener.local_addr()?;
    drop(listener);
    let engine = Engine::new(EngineParts {
        store,
        clock: match &options.clock {
            Some(held) => Arc::new(held.clone()),
            None => Arc::new(SystemClock),
        },
        dice: Arc::new(SystemDice),
        door: options.door.clone(),
        settings: EngineSettings {
            public_url: format!("http://{listen}"),
            ..options.engine.clone()
        },
    })?;
    engine.start();
    let http = HttpOptions {
        router: options.router.clone(),
        ..HttpOptions::on(listen)
    };
    let http = postroom_http::serve(engine.clone(), http).await?;
    Ok((engine, http))
}
