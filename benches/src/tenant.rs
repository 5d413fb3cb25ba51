//! The tenant that is mirrored, in a process of its own.

use anyhow::{Context, Result};
use clap::Args;
use postroom_sandbox::mail::MailOptions;
use postroom_sandbox::{Options, Running, Sandbox};
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How it begins.
#[derive(Args)]
pub(crate) struct Tenant {
    #[arg(long)]
    messages: usize,
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

/// Where it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) root: String,
    pub(crate) tenant_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) user: String,
}

/// Somebody who can sign in.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Address {
    /// That of a sandbox.
    pub(crate) fn of(running: &Running) -> Self {
        Self {
            root: running.graph_url.clone(),
            tenant_id: running.tenant_id.clone(),
            client_id: running.client_id.clone(),
            client_secret: running.client_secret.clone(),
            user: running.users[0].user_principal_name.clone(),
        }
    }
}

impl Tenant {
    pub(crate) async fn run(self) -> Result<()> {
        let running = Sandbox::start(Options {
            messages: self.messages,
            latency: Duration::from_millis(self.latency_ms),
            mail: MailOptions {
                sample_mail: false,
                mailboxes_for_bulk: 1,
                ..MailOptions::default()
            },
            ..Options::default()
        })
        .await?;
        let address = Address::of(&running);
        println!("{}", serde_json::to_string(&address)?);
        // Ends with whoever started it.
        let mut line = String::new();
        BufReader::new(tokio::io::stdin())
            .read_line(&mut line)
            .await?;
        running.shutdown().await;
        Ok(())
    }
}

/// A running tenant.
pub(crate) struct Started {
    pub(crate) address: Address,
    _process: Child,
}

/// What it was asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) graph_requests: u64,
    pub(crate) throttled: u64,
    pub(crate) max_concurrency: usize,
}

impl Started {
    /// Starts one.
    pub(crate) async fn new(messages: usize, latency_ms: u64) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["tenant", "--messages", &messages.to_string()])
            .args(["--latency-ms", &latency_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().context("its output")?;
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await?
            .context("its address")?;
        Ok(Self {
            address: serde_json::from_str(&line)?,
            _process: process,
        })
    }

    /// What it was asked so far.
    pub(crate) async fn asked(&self) -> Result<Asked> {
        let url = format!("{}/sandbox/stats", self.address.root);
        Ok(reqwest::get(url).await?.json().await?)
    }
}
