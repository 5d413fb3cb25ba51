//! `postroom serve`: the server.

use crate::folder::ServerNote;
use crate::platform::{self, StopSignals};
use crate::settings::{Layer, Settings};
use crate::{logging, output, stack};
use clap::Args;
use postroom_engine::Engine;
use postroom_store::Role;
use std::path::PathBuf;
use std::time::Duration;

/// How long a stop may take before the program ends anyhow.
const GRACE: Duration = Duration::from_secs(15);

/// The server: HTTP API, mirror, outbox
///
/// Settings can be given as flags, as POSTROOM_* variables, or in a file
/// (~/.config/postroom/postroom.toml or /etc/postroom/postroom.toml): flags win over variables,
/// variables over the file. The master key, which encrypts the secrets in the data folder, comes
/// from --master-key-file, from POSTROOM_MASTER_KEY, or from the systemd credential
/// postroom-master-key; else one is made beside the settings file.
///
/// SIGTERM and SIGINT (Ctrl-C) end it within seconds, a second one at once.
#[derive(Args)]
pub(crate) struct Serve {
    /// The settings file
    #[arg(long, value_name = "FILE", env = "POSTROOM_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Layer,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut settings = Settings::load(self.config.as_deref(), self.flags)?;
        let place = settings.place()?;
        logging::start(&settings)?;
        let signals = StopSignals::listen()?;
        settings.listen = stack::settle_port(settings.listen)?;
        warn_if_open(&settings);
        let public_url = settings
            .public_url
            .clone()
            .unwrap_or_else(|| stack::url_of(settings.listen, settings.tls.is_some()));
        let store = stack::open_store(&settings, Role::Engine).await?;
        let engine = stack::engine(&settings, store, public_url.clone())?;
        let options = stack::http_options(&settings, settings.listen);
        let mut server = match postroom_http::serve(engine.clone(), options).await {
            Ok(server) => server,
            Err(error) => {
                engine.stop().await;
                return Err(error.into());
            }
        };
        tell_open_alerts(&engine).await;
        engine.start();
        if let Some(folder) = place.folder()
            && let Err(error) = ServerNote::write(folder, &server.url)
        {
            tracing::warn!(%error, "the note of where the server is cannot be written");
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            url = %server.url,
            %public_url,
            store = %place,
            settings = settings.config_file.as_ref().map(|path| path.display().to_string()),
            "postroom is ready"
        );
        if output::messages_to_terminal() {
            output::say(format_args!(
                "Postroom is ready: {}   (Ctrl-C ends it)",
                server.url
            ));
        }
        first_sign_in(&engine).await;
        let failed = tokio::select! {
            signal = platform::asked_to_stop(signals) => {
                tracing::info!(signal, "stopping");
                false
            }
            () = server.ended() => true,
        };
        let stop = async {
            if !failed {
                server.shutdown().await;
            }
            engine.stop().await;
        };
        if tokio::time::timeout(GRACE, stop).await.is_err() {
            tracing::warn!("not everything came to an end in time; it goes on at the next start");
        }
        if let Some(folder) = place.folder() {
            ServerNote::remove(folder);
        }
        anyhow::ensure!(!failed, "the HTTP server ended by itself; the log says why");
        tracing::info!("stopped");
        Ok(())
    }
}

/// What is open already, one line each: the watch does not say it again.
async fn tell_open_alerts(engine: &postroom_engine::Engine) {
    match engine.open_alerts().await {
        Ok(open) => {
            for alert in &open {
                postroom_engine::alerts::say_open(alert);
            }
        }
        Err(error) => tracing::warn!(%error, "the open alerts cannot be read"),
    }
}

/// While nobody can sign in, whoever sees what this program says can, once. The address is a
/// secret: it goes to standard error alone, and not through the log.
async fn first_sign_in(engine: &Engine) {
    match engine.first_sign_in().await {
        Ok(Some(link)) => output::say(format_args!(
            "Nobody can sign in to Postroom yet. This address makes whoever opens it the first \
             administrator, once, within 24 hours:\n{}",
            link.url.reveal()
        )),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the first sign-in's address could not be made"),
    }
}

/// Keys travel with every call: whoever can read the network can take them.
fn warn_if_open(settings: &Settings) {
    let behind_https = settings
        .public_url
        .as_deref()
        .is_some_and(|url| url.starts_with("https://"));
    if settings.tls.is_some() || settings.listen.ip().is_loopback() {
        return;
    }
    let text = if behind_https {
        "listening on an address that others reach, without TLS: let only the proxy reach it"
    } else {
        "LISTENING WITHOUT TLS ON AN ADDRESS THAT OTHERS REACH: keys and mail can be read on the \
         network. Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy"
    };
    tracing::warn!(listen = %settings.listen, "{text}");
}
