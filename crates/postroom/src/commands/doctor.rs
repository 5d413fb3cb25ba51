//! `postroom doctor`: checks everything that can be wrong.

use crate::client::Target;
use crate::table::Table;
use crate::trouble::Said;
use crate::{doctor, master_key, output, stack};
use anyhow::Context;
use clap::Args;
use postroom_engine::checks::{Finding, Severity};
use postroom_model::{Clock, SystemClock};
use postroom_store::Role;
use serde_json::json;

/// Check everything that can be wrong, and say what to do about it
///
/// Looks at settings, data folder, master key, disk and clock; at secrets, sign-ins, mailboxes and
/// outbox; and asks Microsoft whether the connections work. Exit status 1 if anything is wrong.
#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    target: Target,
    /// Ask nothing of Microsoft
    #[arg(long)]
    offline: bool,
    /// Say that a copy of the master key is kept in another place, and check nothing
    #[arg(long)]
    master_key_backed_up: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        if self.master_key_backed_up {
            return self.remember_backup().await;
        }
        let findings = doctor::examine(&self.target, !self.offline).await?;
        let wrong = findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        if self.json {
            output::json(&json!({"ok": !wrong, "findings": findings}))?;
        } else {
            table(&findings).print()?;
        }
        if wrong {
            return Err(Said.into());
        }
        Ok(())
    }

    async fn remember_backup(&self) -> anyhow::Result<()> {
        let settings = self.target.settings()?;
        let store = stack::open_store(&settings, Role::Beside).await?;
        let today = format!("{:.0}", SystemClock.now());
        let noted = store.put_setting(master_key::BACKED_UP, &today).await;
        stack::close(&store).await;
        noted.context("noting that the master key has a copy")?;
        output::say("Noted: a copy of the master key is kept.");
        Ok(())
    }
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new(["", "ABOUT", "FOUND", "WHAT TO DO"]);
    for finding in findings {
        let severity = match finding.severity {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        table.row([
            severity.to_owned(),
            finding.subject.clone(),
            finding.detail.clone(),
            finding.hint.clone().unwrap_or_default(),
        ]);
    }
    table
}
