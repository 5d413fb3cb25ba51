//! A sandbox tenant, a store, an engine and a server, in one process.

use crate::client::ApiClient;
use crate::place::StorePlace;
use crate::settings::Layer;
use crate::{commands, folder, platform, stack};
use anyhow::Context;
use postroom_engine::Engine;
use postroom_http::{HttpOptions, RouterOptions};
use postroom_sandbox::{Options, Sandbox};
use postroom_store::Role;
use postroom_store::seal::MasterKey;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

/// Messages in the tenant: enough to look real, few enough to be mirrored within seconds.
const MESSAGES: usize = 2000;
/// The demo's mirror looks often, so that what is done in it shows at once.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// Everything that runs.
pub(crate) struct Stage {
    /// The tenant.
    pub(crate) sandbox: postroom_sandbox::Running,
    engine: Engine,
    server: postroom_http::Running,
    data: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Stage {
    /// Starts everything.
    pub(crate) async fn set(
        listen: Option<SocketAddr>,
        kept: Layer,
        imports: &[PathBuf],
    ) -> anyhow::Result<Self> {
        let listen = match listen {
            Some(listen) => stack::settle_port(listen)?,
            None => usual_or_free_port()?,
        };
        // Only what the command line names is written to: the environment's may be a real one.
        let (named, in_database) = (kept.data.clone(), kept.database_url.is_some());
        let mut settings = kept.over(Layer::from_environment()?).resolve()?;
        settings.sync_interval = SYNC_INTERVAL;
        let is_kept = named.is_some() || in_database;
        let (data, temporary) = match named {
            Some(folder) => (folder, None),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("postroom-demo-")
                    .tempdir()
                    .context("making a temporary data folder")?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let store = if is_kept {
            stack::open_store(&settings, Role::Engine).await?
        } else {
            // The key is gone with the process, the data with the folder.
            let place = StorePlace::Folder(data.clone());
            let key = MasterKey::generate()?;
            let ca_file = settings.ca_file.as_deref();
            stack::open_store_with(&place, key, Role::Engine, ca_file).await?
        };
        let sandbox = Sandbox::start(Options {
            messages: MESSAGES,
            ..Options::default()
        })
        .await?;
        commands::sandbox::import(&sandbox, imports).await?;
        let engine = stack::engine(&settings, store, stack::url_of(listen, false))?;
        let options = HttpOptions {
            router: RouterOptions {
                banner: Some(
                    "This is a demo: its Microsoft 365 is a sandbox on this machine.".to_owned(),
                ),
                ..stack::router_options(&settings)
            },
            ..HttpOptions::on(listen)
        };
        let server = postroom_http::serve(engine.clone(), options).await?;
        engine.start();
        // Only helps others to find the server: a demo goes on without.
        let _ = folder::ServerNote::write(&data, &server.url);
        Ok(Self {
            sandbox,
            engine,
            server,
            data,
            temporary,
        })
    }

    /// The server's root, without a trailing slash.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The API, as the command line uses it.
    pub(crate) fn client(&self) -> ApiClient {
        ApiClient::of_engine(&self.engine)
    }

    /// A folder for what the tour saves.
    pub(crate) fn attic(&self) -> anyhow::Result<PathBuf> {
        let path = self.data.join("saved");
        platform::make_private_folder(&path)?;
        Ok(path)
    }

    /// Ends everything, within seconds.
    pub(crate) async fn clear(self) {
        self.server.shutdown().await;
        self.engine.stop().await;
        self.sandbox.shutdown().await;
        folder::ServerNote::remove(&self.data);
        if let Some(folder) = self.temporary {
            // A temporary folder that stays behind harms nobody.
            let _ = folder.close();
        }
    }
}

fn usual_or_free_port() -> anyhow::Result<SocketAddr> {
    let usual = SocketAddr::from(([127, 0, 0, 1], 8025));
    match TcpListener::bind(usual) {
        Ok(_) => Ok(usual),
        Err(_) => stack::settle_port(SocketAddr::from(([127, 0, 0, 1], 0))),
    }
}
