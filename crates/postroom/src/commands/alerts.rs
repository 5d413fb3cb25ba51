//! `postroom alerts`: what is about to end, and what ended.

use super::with;
use crate::client::{ApiClient, Target};
use crate::table::{Table, cell};
use crate::{output, pick, when};
use clap::{Args, Subcommand};
use serde_json::Value;

/// What is about to end, and what ended
///
/// A running server looks every hour, and says each thing 60, 30, 7 and 1 days ahead and at the
/// end, once. Without a server nothing is looked at: `postroom doctor` then says what it finds.
#[derive(Args)]
pub(crate) struct AlertsCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List what is open, the newest first
    List {
        /// What is mended, too
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one, with what to do about it
    Show {
        /// Its id
        alert: String,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that somebody looks after it: no mail tells of it again before it gets worse
    Acknowledge {
        /// Its id
        alert: String,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
}

impl AlertsCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open().await?;
        with(client, async |client| match self.verb {
            Verb::List { all, limit, json } => list(client, all, limit, json).await,
            Verb::Show { alert, json } => show(&client.get(&["alerts", &alert], &[]).await?, json),
            Verb::Acknowledge { alert, json } => {
                let known = client.act(&["alerts", &alert, "acknowledge"], &[]).await?;
                if json {
                    return Ok(output::json(&known)?);
                }
                output::say(format_args!(
                    "Acknowledged: {}",
                    output::tame(&cell(&known["title"]))
                ));
                Ok(())
            }
        })
        .await
    }
}

async fn list(client: &ApiClient, all: bool, limit: u32, json: bool) -> anyhow::Result<()> {
    let limit = limit.to_string();
    let query = [
        ("limit", limit.as_str()),
        ("resolved", if all { "true" } else { "false" }),
    ];
    let answer = client.get(&["alerts"], &query).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let mut table = Table::new(["ID", "SEVERITY", "DAYS LEFT", "STATE", "WHAT", "WHAT TO DO"]);
    for alert in pick::entries(&answer) {
        table.row([
            pick::id(alert),
            cell(&alert["severity"]),
            cell(&alert["daysLeft"]),
            state(alert).to_owned(),
            cell(&alert["title"]),
            cell(&alert["hint"]),
        ]);
    }
    Ok(table.print()?)
}

fn state(alert: &Value) -> &'static str {
    if !alert["resolvedAt"].is_null() {
        "mended"
    } else if !alert["acknowledgedAt"].is_null() {
        "acknowledged"
    } else {
        "open"
    }
}

fn show(alert: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::json(alert)?);
    }
    let mail = &alert["mail"];
    let told = match (mail["status"].as_str(), mail["reason"].as_str()) {
        (None, None) => String::new(),
        (Some(status), None) => status.to_owned(),
        (None, Some(reason)) => format!("not sent: {reason}"),
        (Some(status), Some(reason)) => format!("{status}: {reason}"),
    };
    let rows = [
        ("what", cell(&alert["title"])),
        ("about", cell(&alert["subject"]["name"])),
        ("type", cell(&alert["type"])),
        ("severity", cell(&alert["severity"])),
        ("state", state(alert).to_owned()),
        ("detail", cell(&alert["detail"])),
        ("what to do", cell(&alert["hint"])),
        ("days left", cell(&alert["daysLeft"])),
        ("ends", when::show(&alert["expiresAt"])),
        ("since", when::show(&alert["createdAt"])),
        ("acknowledged by", cell(&alert["acknowledgedBy"])),
        ("mail", told),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let value = output::tame(value);
        if output::is_terminal() {
            output::line(format_args!("{name:15}  {value}"))?;
        } else {
            output::line(format_args!("{name}\t{value}"))?;
        }
    }
    Ok(())
}
