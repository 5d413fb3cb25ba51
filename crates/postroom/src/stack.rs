//! Store, engine and HTTP API, put together from settings.

use crate::settings::Settings;
use crate::{folder, master_key, platform};
use anyhow::Context;
use postroom_engine::{Engine, EngineParts, EngineSettings};
use postroom_http::{HttpOptions, RouterOptions, TlsFiles};
use postroom_microsoft::DoorSettings;
use postroom_model::{SystemClock, SystemDice};
use postroom_store::seal::MasterKey;
use postroom_store::sqlite::{Role, SqliteOptions, SqliteStore};
use postroom_store::{Store, StoreError};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Opens a data folder with its own master key.
pub(crate) async fn open_store(settings: &Settings, role: Role) -> anyhow::Result<Arc<dyn Store>> {
    let data = settings.data_folder()?;
    platform::make_private_folder(data)
        .with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    let (key, _) = master_key::find(settings, data)?;
    open_store_with(data, key, role).await
}

/// Opens a data folder with this master key.
pub(crate) async fn open_store_with(
    data: &Path,
    key: MasterKey,
    role: Role,
) -> anyhow::Result<Arc<dyn Store>> {
    let options = SqliteOptions {
        role,
        ..SqliteOptions::new(data, key)
    };
    match SqliteStore::open(options).await {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::Locked { holder, .. }) => Err(folder::in_use(data, &holder)),
        Err(error) => Err(error)
            .with_context(|| format!("the data folder {} cannot be opened", data.display())),
    }
}

/// The engines on a store. Nothing runs yet.
pub(crate) fn engine(
    settings: &Settings,
    store: Arc<dyn Store>,
    public_url: String,
) -> anyhow::Result<Engine> {
    let extra_ca_pem = settings.ca_file.as_deref().map(read_ca_file).transpose()?;
    Ok(Engine::new(EngineParts {
        store,
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice),
        door: DoorSettings {
            extra_ca_pem,
            log_detail: settings.log_call_details,
            ..DoorSettings::default()
        },
        settings: EngineSettings {
            public_url,
            sync_interval: settings.sync_interval,
            prove_interval: settings.prove_interval,
            people_interval: settings.people_interval,
            mailboxes_at_once: settings.mailboxes_at_once,
            keep_calls: settings.keep_calls,
            keep_call_details: settings.keep_call_details,
            ..EngineSettings::default()
        },
    })?)
}

/// The bytes of a CA file.
pub(crate) fn read_ca_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("the ca_file {} cannot be read", path.display()))
}

/// How the HTTP API is served.
pub(crate) fn http_options(settings: &Settings, listen: SocketAddr) -> HttpOptions {
    HttpOptions {
        tls: settings.tls.as_ref().map(|(cert, key)| TlsFiles {
            cert: cert.clone(),
            key: key.clone(),
        }),
        router: router_options(settings),
        ..HttpOptions::on(listen)
    }
}

/// How the HTTP API behaves.
pub(crate) fn router_options(settings: &Settings) -> RouterOptions {
    RouterOptions {
        max_upload_bytes: settings.max_upload_bytes,
        ..RouterOptions::default()
    }
}

/// A port for port 0: the addresses that go into sign-ins have to be known before the server
/// listens.
pub(crate) fn settle_port(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    let listener = TcpListener::bind(listen).with_context(|| format!("listening on {listen}"))?;
    Ok(listener.local_addr()?)
}

/// Where a server that listens there is reached from this machine.
pub(crate) fn url_of(listen: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    if listen.ip().is_unspecified() {
        return format!("{scheme}://localhost:{}", listen.port());
    }
    format!("{scheme}://{listen}")
}

/// Writes out and closes a store that no engine closes; for as long as a person waits.
pub(crate) async fn close(store: &Arc<dyn Store>) {
    let closed = tokio::time::timeout(Duration::from_secs(5), store.close()).await;
    if let Ok(Err(error)) = closed {
        tracing::warn!(%error, "closing the store");
    }
}
