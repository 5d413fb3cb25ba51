//! Whom the client commands talk to.

use super::local::Local;
use super::remote::Remote;
use super::{ApiClient, Transport};
use crate::settings::{Layer, Settings};
use crate::stack;
use crate::trouble::usage;
use clap::Args;
use postroom_model::Secret;
use postroom_store::Role;
use std::path::PathBuf;

/// Which server, or which data folder.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server or data folder")]
pub(crate) struct Target {
    /// Talk to the server at this address [env: POSTROOM_SERVER]
    #[arg(long, value_name = "URL", global = true, conflicts_with = "data")]
    server: Option<String>,
    /// The key to show to that server; better given as a variable
    #[arg(
        long,
        value_name = "KEY",
        global = true,
        env = "POSTROOM_KEY",
        hide_env_values = true
    )]
    key: Option<String>,
    /// Open this data folder, without a server [default: ~/.local/share/postroom]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Open this PostgreSQL database, without a server; better given as POSTROOM_DATABASE_URL
    #[arg(long, value_name = "URL", global = true, conflicts_with_all = ["server", "data"])]
    database_url: Option<String>,
    /// The settings file [default: ~/.config/postroom/postroom.toml]
    #[arg(long, value_name = "FILE", global = true, env = "POSTROOM_CONFIG")]
    config: Option<PathBuf>,
}

impl Target {
    /// The settings, with the data folder of the flags.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let flags = Layer {
            data: self.data.clone(),
            database_url: self.database_url.clone().map(Secret::new),
            ..Layer::default()
        };
        Settings::load(
            self.config.as_deref(),
            flags.over(Layer::from_environment()?),
        )
    }

    /// The address of the server, if one is to be asked: a folder on the command line wins over a
    /// server in the environment.
    pub(crate) fn server(&self) -> Option<String> {
        if self.server.is_some() {
            return self.server.clone();
        }
        if self.data.is_some() || self.database_url.is_some() {
            return None;
        }
        crate::environment::text("POSTROOM_SERVER")
    }

    /// For work that is done when the answer is there.
    pub(crate) async fn open(&self) -> anyhow::Result<ApiClient> {
        self.open_as(Role::Engine, false).await
    }

    /// For work that an engine has to run for: mirroring, sending, signing in.
    pub(crate) async fn open_running(&self) -> anyhow::Result<ApiClient> {
        self.open_as(Role::Engine, true).await
    }

    /// For work on keys, which may be done beside a running server.
    pub(crate) async fn open_beside(&self) -> anyhow::Result<ApiClient> {
        self.open_as(Role::Beside, false).await
    }

    async fn open_as(&self, role: Role, running: bool) -> anyhow::Result<ApiClient> {
        let settings = self.settings()?;
        let transport = match self.server() {
            Some(server) => {
                let key = self.key.as_deref().filter(|key| !key.is_empty());
                let key = key.ok_or_else(|| {
                    usage(
                        "a server asks for a key: give it with POSTROOM_KEY or --key; `postroom \
                         key create --name NAME`, on the server's machine, makes one",
                    )
                })?;
                let ca_file = settings.ca_file.as_deref();
                Transport::Remote(Remote::new(&server, Secret::new(key), ca_file)?)
            }
            None => {
                let store = stack::open_store(&settings, role).await?;
                let public_url = settings
                    .public_url
                    .clone()
                    .unwrap_or_else(|| stack::url_of(settings.listen, settings.tls.is_some()));
                let engine = stack::engine(&settings, store, public_url)?;
                if running {
                    engine.start();
                }
                let options = stack::router_options(&settings);
                Transport::Local(Box::new(Local::owned(engine, options)))
            }
        };
        Ok(ApiClient { transport })
    }
}
