//! `postroom audit`: what was changed, and by whom.

use super::with;
use crate::client::Target;
use crate::table::{Table, cell};
use crate::{output, pick, when};
use clap::Args;
use postroom_model::Timestamp;
use serde_json::Value;

/// What was changed, and by whom, newest first.
#[derive(Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    target: Target,
    /// Only by this key or person: id, or name at that time
    #[arg(long)]
    actor: Option<String>,
    /// Only this action, like key.create, or every one of a noun, like key
    #[arg(long)]
    action: Option<String>,
    /// Only to this: id, or name at that time
    #[arg(long)]
    subject: Option<String>,
    /// Only from this time on
    #[arg(long, value_name = "DATE", value_parser = when::parse)]
    since: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "DATE", value_parser = when::parse)]
    until: Option<Timestamp>,
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

impl Audit {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open_beside().await?;
        with(client, async |client| {
            let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let answer = client
                .get(
                    &["audit"],
                    &[
                        ("actor", &text(&self.actor)),
                        ("action", &text(&self.action)),
                        ("subject", &text(&self.subject)),
                        ("since", &time(self.since)),
                        ("until", &time(self.until)),
                        ("limit", &self.limit.to_string()),
                        ("cursor", &text(&self.cursor)),
                    ],
                )
                .await?;
            if self.json {
                return Ok(output::json(&answer)?);
            }
            let mut table = Table::new([
                "AT", "ACTOR", "FROM", "ACTION", "SUBJECT", "OUTCOME", "DETAILS",
            ]);
            for entry in pick::entries(&answer) {
                table.row([
                    when::show(&entry["at"]),
                    cell(&entry["actor"]["name"]),
                    cell(&entry["address"]),
                    cell(&entry["action"]),
                    subject(&entry["subject"]),
                    cell(&entry["outcome"]),
                    details(&entry["details"]),
                ]);
            }
            table.print()?;
            output::more(&answer);
            Ok(())
        })
        .await
    }
}

fn subject(subject: &Value) -> String {
    let name = match &subject["name"] {
        Value::Null => &subject["id"],
        name => name,
    };
    format!("{} {}", cell(&subject["kind"]), cell(name))
        .trim()
        .to_owned()
}

fn details(details: &Value) -> String {
    let pairs = details.as_object().into_iter().flatten();
    let shown: Vec<String> = pairs
        .map(|(name, value)| match value {
            Value::Array(list) => {
                let list: Vec<String> = list.iter().map(cell).collect();
                format!("{name}={}", list.join(","))
            }
            value => format!("{name}={}", cell(value)),
        })
        .collect();
    shown.join(" ")
}
