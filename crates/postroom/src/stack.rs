//! Store, engine and HTTP API, put together from settings.

use crate::place::StorePlace;
use crate::settings::Settings;
use crate::{folder, master_key, platform};
use anyhow::Context;
use postroom_engine::alerts::AlertSettings;
use postroom_engine::{Engine, EngineParts, EngineSettings};
use postroom_http::{HttpOptions, RouterOptions, TlsFiles};
use postroom_microsoft::DoorSettings;
use postroom_model::{Clock as _, SystemClock, SystemDice};
use postroom_store::seal::VaultReset;
use postroom_store::{MasterKey, Role, Store, StoreError, transfer};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Opens the store of these settings with its own master key.
pub(crate) async fn open_store(settings: &Settings, role: Role) -> anyhow::Result<Arc<dyn Store>> {
    let place = settings.place()?;
    let store = open_any_store(settings, &place, role).await?;
    match whole(&*store).await {
        Ok(()) => Ok(store),
        Err(error) => {
            close(&store).await;
            Err(error)
        }
    }
}

/// Opens a store without asking whether it may be used.
pub(crate) async fn open_any_store(
    settings: &Settings,
    place: &StorePlace,
    role: Role,
) -> anyhow::Result<Arc<dyn Store>> {
    if let Some(folder) = place.folder() {
        platform::make_private_folder(folder).with_context(|| format!("{place} cannot be made"))?;
    }
    let (key, origin) = find_key(settings, place).await?;
    let opened = open_store_with(place, key, role, settings.ca_file.as_deref()).await;
    match &opened {
        // There is a store that was made with another key.
        Err(error) if is_other_key(error) => origin.forget(),
        // Also when the store could not be opened: it may have been made with this key already.
        _ => origin.announce(),
    }
    opened
}

/// The master key of a store, or a new one where there is no store yet.
pub(crate) async fn find_key(
    settings: &Settings,
    place: &StorePlace,
) -> anyhow::Result<(MasterKey, master_key::Origin)> {
    match place.has_store(settings.ca_file.as_deref()).await {
        Ok(is_made) => master_key::find(settings, place, is_made).await,
        // Opening has more patience. But no key is made for what cannot be seen.
        Err(error @ StoreError::Unavailable { .. }) => master_key::find(settings, place, true)
            .await
            .map_err(|_| anyhow::Error::new(error).context(format!("{place} cannot be opened"))),
        Err(error) => Err(error).with_context(|| format!("{place} cannot be opened")),
    }
}

fn is_other_key(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::MasterKey(_)))
}

/// Opens a store with this master key.
pub(crate) async fn open_store_with(
    place: &StorePlace,
    key: MasterKey,
    role: Role,
    ca_file: Option<&Path>,
) -> anyhow::Result<Arc<dyn Store>> {
    told(place, place.open(key, role, ca_file).await, in_use)
}

/// Opens a store for what is done to it while nobody else uses it.
pub(crate) async fn open_store_alone(
    place: &StorePlace,
    key: MasterKey,
    ca_file: Option<&Path>,
) -> anyhow::Result<Arc<dyn Store>> {
    let opened = place.open(key, Role::Engine, ca_file).await;
    told(place, opened, stop_first)
}

/// Opens a store whose master key is lost with another one, while nobody else uses it. See
/// [`VaultReset`].
pub(crate) async fn reset_store(
    place: &StorePlace,
    key: MasterKey,
    ca_file: Option<&Path>,
) -> anyhow::Result<Arc<dyn Store>> {
    let reset = VaultReset {
        at: SystemClock.now(),
    };
    let opened = place.open_or_reset(key, Role::Engine, ca_file, Some(reset));
    told(place, opened.await, stop_first)
}

/// What came of opening a store, with words for people where it failed.
fn told(
    place: &StorePlace,
    opened: Result<Arc<dyn Store>, StoreError>,
    in_use: fn(&StorePlace, &str) -> anyhow::Error,
) -> anyhow::Result<Arc<dyn Store>> {
    match opened {
        Ok(store) => Ok(store),
        Err(StoreError::Locked { holder, .. }) => Err(in_use(place, &holder)),
        Err(error) => Err(error).with_context(|| format!("{place} cannot be opened")),
    }
}

/// What to tell somebody who finds a store in use, for what a server can do as well.
fn in_use(place: &StorePlace, holder: &str) -> anyhow::Error {
    match place.folder() {
        Some(folder) => folder::in_use(folder, holder),
        None => anyhow::anyhow!(
            "{place} is in use by {holder}: talk to that server with --server URL and a key, or \
             stop it; `postroom key create --name NAME --database-url …` makes a key beside it"
        ),
    }
}

/// The same, for what can only be done while no server runs.
fn stop_first(place: &StorePlace, holder: &str) -> anyhow::Error {
    let server = place.folder().and_then(folder::ServerNote::of_running);
    let holder = match server {
        Some(note) => format!("the server at {} (process {})", note.url, note.pid),
        None => holder.to_owned(),
    };
    anyhow::anyhow!(
        "{place} is in use by {holder}, and this needs it alone: stop the server first, then run \
         the same command again. Nothing was changed"
    )
}

/// Whether a store may be used: it is neither half a copy nor one that was moved elsewhere. Using
/// it ends a copy of it that is under way.
pub(crate) async fn whole(store: &dyn Store) -> anyhow::Result<()> {
    let set = async |name| anyhow::Ok(store.setting(name).await?.filter(|value| !value.is_empty()));
    if set(transfer::UNFINISHED).await?.is_some() {
        anyhow::bail!(
            "{} is a copy that was not finished: run `postroom store copy` with the same places \
             again",
            store.describe().await?.place
        );
    }
    if let Some(to) = set(transfer::MOVED_TO).await? {
        anyhow::bail!(
            "{} was copied to {to}, which is the one to use: two of one installation would send \
             mail twice. If that copy is never used, `postroom store reuse` takes this one into \
             use again",
            store.describe().await?.place
        );
    }
    if set(transfer::UNDER_WAY).await?.is_some() {
        store.put_setting(transfer::UNDER_WAY, "").await?;
    }
    Ok(())
}

/// The engines on a store. Nothing runs yet.
pub(crate) fn engine(
    settings: &Settings,
    store: Arc<dyn Store>,
    public_url: String,
) -> anyhow::Result<Engine> {
    let uninvited = settings.sign_in_uninvited.as_ref();
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
            alerts: AlertSettings {
                mail_to: settings.alerts_mail_to.clone(),
                mail_from: settings.alerts_mail_from.clone(),
            },
            keep_audit: settings.keep_audit,
            sign_in_connection: settings.sign_in_connection.clone(),
            sign_in_tenant: uninvited.map(|(tenant, _)| tenant.clone()),
            sign_in_role: uninvited.map(|(_, role)| *role),
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
        trusted_proxies: settings.trusted_proxies.clone(),
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
