//! `postroom sandbox`: the sandbox tenant alone.

use crate::platform::{self, StopSignals};
use crate::trouble::usage;
use crate::{output, progress};
use anyhow::Context;
use clap::Args;
use postroom_sandbox::{Options, Running, Sandbox};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The sandbox tenant alone, for whoever develops against Microsoft Graph
///
/// A pretend Entra ID and Microsoft Graph with people and mail, on this machine. Everything in it
/// is made up, and gone when it ends.
#[derive(Args)]
pub(crate) struct SandboxCommand {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8026")]
    listen: SocketAddr,
    /// How many users the directory holds, at least those of the seed company
    #[arg(long, value_name = "N", default_value_t = 0)]
    users: usize,
    /// How many messages the tenant holds
    #[arg(long, value_name = "N", default_value_t = 2000)]
    messages: usize,
    /// Mail to put into the mailboxes: an mbox file, or a folder of .eml files or Maildir; the
    /// first one goes to the first user, the second to the second …
    #[arg(long, value_name = "PATH")]
    import: Vec<PathBuf>,
    /// Serve HTTPS with a made certificate; its authority is written to a file, whose name is
    /// printed
    #[arg(long)]
    tls: bool,
    /// How long an access token lives
    #[arg(long, value_name = "SECONDS", default_value_t = 4500)]
    token_lifetime: u64,
    /// Refuse a refresh token that was exchanged already, and end the grant it is of: stricter than
    /// Entra ID
    #[arg(long)]
    strict_rotation: bool,
    /// How long every Graph call takes at least
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Print one JSON object on one line
    #[arg(long)]
    json: bool,
}

impl SandboxCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        check_imports(&self.import)?;
        let signals = StopSignals::listen()?;
        let running = Sandbox::start(Options {
            listen: self.listen,
            tls: self.tls,
            users: self.users,
            messages: self.messages,
            access_token_lifetime: Duration::from_secs(self.token_lifetime),
            strict_rotation: self.strict_rotation,
            latency: Duration::from_millis(self.latency_ms),
            ..Options::default()
        })
        .await?;
        import(&running, &self.import).await?;
        let ca = CaFile::write(&running)?;
        let about = describe(&running, ca.as_ref().map(CaFile::path));
        if self.json {
            output::json_line(&about)?;
        } else {
            tell(&running, ca.as_ref().map(CaFile::path))?;
        }
        platform::asked_to_stop(signals).await;
        running.shutdown().await;
        Ok(())
    }
}

/// Refuses what cannot be imported before anything is started.
pub(crate) fn check_imports(paths: &[PathBuf]) -> anyhow::Result<()> {
    match paths.iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(path) => Err(usage(format!(
            "--import {}: there is no such file or folder",
            path.display()
        ))),
    }
}

/// Puts mail into the first users' mailboxes, and tells on standard error what was not taken.
pub(crate) async fn import(running: &Running, paths: &[PathBuf]) -> anyhow::Result<()> {
    anyhow::ensure!(
        paths.len() <= running.users.len(),
        "there are more --import than people with a mailbox ({})",
        running.users.len()
    );
    for (path, user) in paths.iter().zip(&running.users) {
        let name = user.user_principal_name.clone();
        let wait = progress::spinner(format!("importing {} …", path.display()));
        let sandbox = Arc::clone(running.sandbox());
        let (from, to) = (path.clone(), name.clone());
        let report = tokio::task::spawn_blocking(move || sandbox.import(&to, &from)).await?;
        wait.finish_and_clear();
        let report = report.with_context(|| format!("{name} has no mailbox to import into"))?;
        output::say(format_args!(
            "Imported {} messages from {} into {name}; {} were not taken.",
            report.loaded,
            path.display(),
            report.rejected.len()
        ));
        for (source, reason) in &report.rejected {
            let text = format!("  {source}: {reason}");
            output::say(output::tame(&text));
        }
    }
    Ok(())
}

/// The made authority's certificate in a file, which goes with the sandbox.
pub(crate) struct CaFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl CaFile {
    /// Writes it, where there is one.
    pub(crate) fn write(running: &Running) -> anyhow::Result<Option<Self>> {
        let Some(pem) = &running.ca_pem else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("postroom-sandbox-")
            .tempdir()
            .context("making a folder for the certificate")?;
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, pem)?;
        Ok(Some(Self {
            _folder: folder,
            path,
        }))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// What programs need of a sandbox.
pub(crate) fn describe(running: &Running, ca_file: Option<&Path>) -> Value {
    json!({
        "authorityUrl": running.authority_url,
        "graphUrl": running.graph_url,
        "tenantId": running.tenant_id,
        "clientId": running.client_id,
        "clientSecret": running.client_secret,
        "users": running.users,
        "caFile": ca_file,
    })
}

fn tell(running: &Running, ca_file: Option<&Path>) -> anyhow::Result<()> {
    output::say("A sandbox tenant runs. Everything in it is made up, and gone when it ends.\n");
    output::line(format_args!("authority URL   {}", running.authority_url))?;
    output::line(format_args!("Graph URL       {}", running.graph_url))?;
    output::line(format_args!("tenant id       {}", running.tenant_id))?;
    output::line(format_args!("client id       {}", running.client_id))?;
    output::line(format_args!("client secret   {}", running.client_secret))?;
    if let Some(path) = ca_file {
        output::line(format_args!("CA file         {}", path.display()))?;
    }
    output::line("users and passwords:")?;
    for user in &running.users {
        output::line(format_args!(
            "  {}   {}",
            user.user_principal_name, user.password
        ))?;
    }
    output::hint("\nCtrl-C ends it.");
    Ok(())
}
