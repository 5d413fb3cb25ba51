//! `postroom connection check`.

use crate::client::ApiClient;
use crate::table::{Table, cell};
use crate::trouble::Said;
use crate::{output, pick};
use clap::Args;
use serde_json::{Map, Value};

/// Try a connection step by step
///
/// Says of each step whether it is well, and under the table what to do about what is not. Nothing
/// is written at Microsoft. With `--limit`, `--inside` or `--outside` it proves that the
/// application is limited to chosen mailboxes: one inside answers, one outside is refused.
#[derive(Args)]
pub(crate) struct Check {
    /// Its name or id; the only one unless given
    connection: Option<String>,
    /// Prove that the application is limited to chosen mailboxes
    #[arg(long)]
    limit: bool,
    /// A mailbox that it has to reach; unless given, one that is served
    #[arg(long, value_name = "ADDRESS")]
    inside: Option<String>,
    /// A mailbox that it must not reach; unless given, one of the directory
    #[arg(long, value_name = "ADDRESS")]
    outside: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let connection = pick::connection(client, self.connection.as_deref()).await?;
        let path = ["connections", &pick::id(&connection), "check"];
        let mut body = Map::new();
        if self.limit {
            body.insert("limit".into(), true.into());
        }
        super::put(&mut body, "insideMailbox", self.inside);
        super::put(&mut body, "outsideMailbox", self.outside);
        let report = client.post(&path, &body.into()).await?;
        if self.json {
            output::json(&report)?;
        } else {
            show(&report)?;
        }
        if report["ok"] == true {
            return Ok(());
        }
        Err(Said.into())
    }
}

fn show(report: &Value) -> anyhow::Result<()> {
    let steps = report["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let mut table = Table::new(["", "STEP", "DETAIL"]);
    for step in steps {
        table.row([
            mark(step).to_owned(),
            cell(&step["name"]),
            cell(&step["detail"]),
        ]);
    }
    table.print()?;
    for step in steps {
        let hint = cell(&step["hint"]);
        if hint.is_empty() {
            continue;
        }
        let name = cell(&step["name"]);
        let link = cell(&step["link"]);
        let text = output::tame(&format!("{} {name}: {hint} {link}", mark(step)));
        if step["ok"] == false {
            output::say(text.trim_end());
        } else {
            output::hint(text.trim_end());
        }
    }
    Ok(())
}

fn mark(step: &Value) -> &'static str {
    match step["ok"].as_bool() {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "–",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_have_their_marks() {
        assert_eq!(mark(&json!({"ok": true})), "✓");
        assert_eq!(mark(&json!({"ok": false})), "✗");
        assert_eq!(mark(&json!({"ok": null})), "–");
    }
}
