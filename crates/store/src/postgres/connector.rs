//! How a connection to the server is made and set up.

use super::tls::{self, MakeTls};
use super::url::DatabaseUrl;
use crate::contract::Result;
use deadpool_postgres::Connect;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Error};

/// Bytes of `application_name` that the server keeps.
const NAME_LENGTH: usize = 63;

/// How long a server that fell silent is waited for, and how long a transaction may wait for a row
/// or lie idle: one whose client is gone must not hold rows for ever.
const SILENCE: Duration = Duration::from_secs(20);

// "When it returns Ok, the change is on disk" does not hold with `off`; stronger settings stay.
// Nothing that was set for the role or the database may change what statements mean.
const SET_UP: &str = "SET search_path = postroom_data;
    SET statement_timeout = 0;
    SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '60s';
    SET default_transaction_isolation = 'read committed';
    SET client_min_messages = warning;
    SET tcp_keepalives_idle = 20;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '20s';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'";

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: MakeTls,
}

impl Connector {
    /// As the address says.
    pub(super) fn new(url: &DatabaseUrl, ca_file: Option<&Path>) -> Result<Self> {
        let mut config = url.config.clone();
        config
            .application_name(application_name())
            .ssl_mode(tls::ssl_mode(url.tls))
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        Ok(Self {
            config,
            tls: MakeTls::new(url, ca_file)?,
        })
    }

    /// What the pool hands back to [`Connect::connect`].
    pub(super) fn config(&self) -> Config {
        self.config.clone()
    }

    /// A connection whose task calls `heard` with everything that comes unasked.
    pub(super) async fn connect_with(
        &self,
        mut heard: impl FnMut(AsyncMessage) + Send + 'static,
    ) -> std::result::Result<(Client, JoinHandle<()>), Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            // How it ended is told to whoever waits for an answer.
            while let Some(Ok(message)) =
                std::future::poll_fn(|cx| connection.poll_message(cx)).await
            {
                heard(message);
            }
        });
        match client.batch_execute(SET_UP).await {
            Ok(()) => Ok((client, task)),
            Err(error) => {
                task.abort();
                Err(error)
            }
        }
    }
}

type Connecting<'c> =
    Pin<Box<dyn Future<Output = std::result::Result<(Client, JoinHandle<()>), Error>> + Send + 'c>>;

impl Connect for Connector {
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(self.connect_with(|_| {}))
    }
}

/// Who this process is, for whoever looks into `pg_stat_activity`.
fn application_name() -> String {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let mut name = format!(
        "postroom {} pid {} on {host}",
        env!("CARGO_PKG_VERSION"),
        std::process::id()
    );
    // The server takes ASCII, and cuts.
    name.retain(|character| character.is_ascii_graphic() || character == ' ');
    name.truncate(NAME_LENGTH);
    name
}
