//! `postroom demo`: everything at once, without a Microsoft account.

use super::sandbox::{check_imports, describe};
use crate::demo::{self, Stage};
use crate::output;
use crate::platform::{self, StopSignals};
use crate::settings::Layer;
use clap::Args;
use postroom_model::Secret;
use postroom_sandbox::UserAccount;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything at once, without a Microsoft account: a sandbox tenant, a server, a tour
///
/// Starts a pretend Microsoft 365 with people and mail and a server connected to it, signs a user
/// in, mirrors three mailboxes, shows what can be done, and goes on running for you to try.
#[derive(Args)]
pub(crate) struct Demo {
    /// The address that the server listens on [default: 127.0.0.1:8025, or a free port if that is
    /// taken]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Keep the data in this folder [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep the data in this PostgreSQL database; it has to be Postroom's own
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    database_url: Option<String>,
    /// Mail to put into the mailboxes: an mbox file, or a folder of .eml files or Maildir; the
    /// first one goes to the first user, the second to the second …
    #[arg(long, value_name = "PATH")]
    import: Vec<PathBuf>,
    /// End after the tour
    #[arg(long)]
    once: bool,
    /// Print one JSON object on one line, and give no tour
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        check_imports(&self.import)?;
        let signals = StopSignals::listen()?;
        let kept = Layer {
            data: self.data.clone(),
            database_url: self.database_url.clone().map(Secret::new),
            ..Layer::default()
        };
        let stage = Stage::set(self.listen, kept, &self.import).await?;
        let shown = tokio::select! {
            shown = self.show(&stage) => shown,
            _ = platform::asked_to_stop(signals) => Ok(()),
        };
        stage.clear().await;
        shown
    }

    /// Returns at the end of the tour, with `--once`; else only if something fails.
    async fn show(&self, stage: &Stage) -> anyhow::Result<()> {
        let client = stage.client();
        let play = demo::begin(stage, &client, !self.json).await?;
        if self.json {
            let mut about = describe(&stage.sandbox, None);
            about["consoleUrl"] = format!("{}/", stage.url()).into();
            about["apiUrl"] = format!("{}/api/v1", stage.url()).into();
            about["key"] = play.key.as_str().into();
            output::json_line(&about)?;
        } else {
            demo::tour(stage, &client, &play).await?;
            if let Some(user) = stage.sandbox.users.first() {
                tell(stage.url(), &play.key, user, &play.mailboxes)?;
            }
        }
        if self.once {
            return Ok(());
        }
        if !self.json {
            output::hint("\nThe demo goes on running; Ctrl-C ends it.");
        }
        std::future::pending().await
    }
}

/// What a person needs to go on alone.
fn tell(url: &str, key: &str, user: &UserAccount, mailboxes: &[Value]) -> anyhow::Result<()> {
    let address = mailboxes
        .first()
        .and_then(|mailbox| mailbox["address"].as_str())
        .unwrap_or(&user.user_principal_name);
    output::heading("Go on by yourself");
    output::line(format_args!("console    {url}/"))?;
    output::line(format_args!(
        "API        {url}/api/v1   (described at {url}/docs)"
    ))?;
    output::line(format_args!("key        {key}"))?;
    output::line(format_args!(
        "user       {}   {}",
        user.user_principal_name, user.password
    ))?;
    output::line(format_args!(
        "
curl --user demo:{key} '{url}/api/v1/mailboxes'
curl --user demo:{key} '{url}/api/v1/mailboxes/{address}/messages?folder=inbox&limit=3'
curl --user demo:{key} '{url}/api/v1/mailboxes/{address}/send' \\
  -F to={address} -F subject=Hello -F 'html=<p>From <b>curl</b></p>'"
    ))?;
    output::line(format_args!(
        "POSTROOM_SERVER={url} POSTROOM_KEY={key} postroom mail list --mailbox {address}"
    ))?;
    Ok(())
}
