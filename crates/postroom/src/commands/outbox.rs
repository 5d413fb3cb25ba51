//! `postroom outbox`: what waits to leave.

use super::with;
use crate::client::{ApiClient, Target};
use crate::table::{Table, cell, print_fields};
use crate::trouble::Said;
use crate::{output, pick, when};
use clap::{Args, Subcommand};
use serde_json::Value;

/// What waits to leave.
#[derive(Args)]
pub(crate) struct OutboxCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the items, newest first
    List {
        /// Only those that stand so: queued, sending, sent, failed, uncertain or cancelled
        #[arg(long)]
        status: Option<String>,
        /// Only those of this mailbox (address or id)
        #[arg(long, short, value_name = "ADDRESS")]
        mailbox: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an item
    Show {
        /// Its id
        item: String,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Try an item again that failed or was cancelled; an uncertain one may then leave twice
    Retry {
        /// Its id
        item: String,
        /// Do not wait until it has left
        #[arg(long)]
        no_wait: bool,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Take back an item that has not left
    Cancel {
        /// Its id
        item: String,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
}

impl OutboxCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = match &self.verb {
            Verb::Retry { no_wait: false, .. } => self.target.open_running().await?,
            _ => self.target.open().await?,
        };
        with(client, async |client| match self.verb {
            Verb::List {
                status,
                mailbox,
                limit,
                json,
            } => {
                let query = [
                    ("status", status.as_deref().unwrap_or_default()),
                    ("mailbox", mailbox.as_deref().unwrap_or_default()),
                    ("limit", &limit.to_string()),
                ];
                list(&client.get(&["outbox"], &query).await?, json)
            }
            Verb::Show { item, json } => show(&client.get(&["outbox", &item], &[]).await?, json),
            Verb::Retry {
                item,
                no_wait,
                json,
            } => {
                let tried = client.act(&["outbox", &item, "retry"], &[]).await?;
                if no_wait {
                    return show(&tried, json);
                }
                finish(client, &item, json).await
            }
            Verb::Cancel { item, json } => {
                show(&client.act(&["outbox", &item, "cancel"], &[]).await?, json)
            }
        })
        .await
    }
}

fn list(answer: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::json(answer)?);
    }
    let mut table = Table::new(["ID", "STATUS", "KIND", "MAILBOX", "ACCEPTED", "REASON"]);
    for item in pick::entries(answer) {
        table.row([
            pick::id(item),
            cell(&item["status"]),
            cell(&item["kind"]),
            cell(&item["mailbox"]),
            when::show(&item["createdAt"]),
            cell(&item["reason"]),
        ]);
    }
    Ok(table.print()?)
}

fn show(item: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::json(item)?);
    }
    Ok(print_fields(item)?)
}

/// Waits until an item's status is final.
pub(crate) async fn outcome(client: &ApiClient, id: &str) -> anyhow::Result<Value> {
    let wait = crate::progress::spinner("waiting until it has left …");
    let done = loop {
        match client.get(&["outbox", id], &[("wait", "30")]).await {
            Ok(item) if matches!(item["status"].as_str(), Some("queued" | "sending")) => {
                if let Some(reason) = item["reason"].as_str() {
                    wait.set_message(format!("waiting: {}", output::tame(reason)));
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            other => break other,
        }
    };
    wait.finish_and_clear();
    done
}

/// Waits until an item's status is final, and says it: the command fails when it did not leave.
pub(crate) async fn finish(client: &ApiClient, id: &str, json: bool) -> anyhow::Result<()> {
    let item = outcome(client, id).await?;
    let status = cell(&item["status"]);
    if json {
        output::json(&item)?;
    } else {
        output::line(format_args!("{id}\t{status}"))?;
    }
    if status == "sent" {
        return Ok(());
    }
    let reason = output::tame(&cell(&item["reason"]));
    output::say(format_args!("It is {status}: {reason}"));
    if status == "uncertain" {
        output::hint(format_args!(
            "Look into Sent Items; `postroom outbox retry {id}` sends it again, perhaps twice."
        ));
    }
    Err(Said.into())
}
