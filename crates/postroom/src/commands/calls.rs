//! `postroom calls`: the log of calls to Microsoft.

use super::with;
use crate::client::Target;
use crate::table::{Table, cell, print_fields};
use crate::{output, pick, when};
use clap::Args;
use serde_json::Value;

/// The log of calls to Microsoft
///
/// Without CALL a list, newest first; with CALL that one, with headers and the beginnings of
/// bodies as far as they are kept.
#[derive(Args)]
pub(crate) struct Calls {
    #[command(flatten)]
    target: Target,
    /// A call's id
    call: Option<String>,
    /// Only calls as this account (id or sign-in name)
    #[arg(long)]
    account: Option<String>,
    /// Only calls about this mailbox (address or id)
    #[arg(long, short, value_name = "ADDRESS")]
    mailbox: Option<String>,
    /// Only calls that failed
    #[arg(long)]
    failed: bool,
    /// Only calls from this time on
    #[arg(long, value_name = "DATE", value_parser = when::parse)]
    since: Option<postroom_model::Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Goes on where a list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl Calls {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open().await?;
        with(client, async |client| {
            if let Some(call) = &self.call {
                let call = client.get(&["calls", call], &[]).await?;
                return if self.json {
                    Ok(output::json(&call)?)
                } else {
                    show(&call)
                };
            }
            let account = match &self.account {
                Some(account) => pick::id(&pick::account(client, account).await?),
                None => String::new(),
            };
            let since = self.since.map(|at| at.to_string()).unwrap_or_default();
            let query = [
                ("account", account.as_str()),
                ("mailbox", self.mailbox.as_deref().unwrap_or_default()),
                ("failed", if self.failed { "true" } else { "" }),
                ("since", &since),
                ("limit", &self.limit.to_string()),
                ("cursor", self.cursor.as_deref().unwrap_or_default()),
            ];
            let answer = client.get(&["calls"], &query).await?;
            if self.json {
                return Ok(output::json(&answer)?);
            }
            table(pick::entries(&answer)).print()?;
            output::more(&answer);
            Ok(())
        })
        .await
    }
}

/// Calls as a table.
fn table(calls: &[Value]) -> Table {
    let mut table = Table::new([
        "ID", "AT", "CALLER", "METHOD", "PATH", "STATUS", "MS", "ERROR",
    ]);
    for call in calls {
        table.row([
            pick::id(call),
            when::show(&call["at"]),
            cell(&call["caller"]),
            cell(&call["method"]),
            cell(&call["path"]),
            cell(&call["status"]),
            cell(&call["durationMs"]),
            cell(&call["error"]),
        ]);
    }
    table
}

/// Calls as a table without what only programs need.
pub(crate) fn short(calls: &[Value]) -> Table {
    let mut table = Table::new(["CALLER", "METHOD", "PATH", "STATUS", "MS"]);
    for call in calls {
        let path = cell(&call["path"]);
        let path = path.split('?').next().unwrap_or_default();
        let cut = path.chars().count() > 70;
        let shown: String = path.chars().take(70).collect();
        table.row([
            cell(&call["caller"]),
            cell(&call["method"]),
            if cut { format!("{shown}…") } else { shown },
            cell(&call["status"]),
            cell(&call["durationMs"]),
        ]);
    }
    table
}

fn show(call: &Value) -> anyhow::Result<()> {
    let mut call = call.clone();
    let parts = [
        ("request", call["request"].take()),
        ("response", call["response"].take()),
    ];
    print_fields(&call)?;
    for (name, part) in parts {
        if !part.is_object() {
            continue;
        }
        output::line(format_args!("\n{name}:"))?;
        for header in part["headers"].as_array().into_iter().flatten() {
            let text = format!("{}: {}", cell(&header[0]), cell(&header[1]));
            output::line(output::tame(&text))?;
        }
        if let Some(body) = part["body"].as_str().filter(|body| !body.is_empty()) {
            output::line(format_args!("\n{}", output::tame_lines(body)))?;
        }
    }
    Ok(())
}
