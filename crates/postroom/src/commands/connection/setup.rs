//! `postroom connection setup`.

use crate::client::ApiClient;
use crate::table::{Table, cell};
use crate::{output, pick};
use clap::Args;
use postroom_engine::shell_word;
use serde_json::Value;

/// The longest script, in bytes: one line a mailbox.
const LONGEST_SCRIPT: u64 = 4 * 1024 * 1024;

/// What an administrator does at Microsoft
///
/// Prints which permissions the features in use need and why, the addresses at which an
/// administrator consents, and the pages of the admin center. `--text` prints a letter to an
/// administrator, `--script` a PowerShell script that limits the application to chosen mailboxes.
#[derive(Args)]
pub(crate) struct SetupCommand {
    /// Its name or id; the only one unless given
    connection: Option<String>,
    /// Features to set up in place of those in use, like mail.read,mail.send
    #[arg(long, value_name = "FEATURE,…")]
    features: Option<String>,
    /// The mailboxes that the application is to be limited to; unless given, those that it serves
    #[arg(long, value_name = "ADDRESS,…")]
    mailboxes: Option<String>,
    /// Print the PowerShell script that limits the application
    #[arg(long, conflicts_with_all = ["text", "json"])]
    script: bool,
    /// Print a letter to an administrator
    #[arg(long, conflicts_with = "json")]
    text: bool,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl SetupCommand {
    pub(super) async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let connection = pick::connection(client, self.connection.as_deref()).await?;
        let id = pick::id(&connection);
        let query = [
            ("features", self.features.as_deref().unwrap_or_default()),
            ("mailboxes", self.mailboxes.as_deref().unwrap_or_default()),
        ];
        if self.script {
            let path = ["connections", &id, "setup", "script"];
            let script = client.download(&path, &query).await?;
            return Ok(output::text(&script.text(LONGEST_SCRIPT).await?)?);
        }
        let setup = client.get(&["connections", &id, "setup"], &query).await?;
        if self.json {
            return Ok(output::json(&setup)?);
        }
        if self.text {
            let letter = &setup["letter"];
            return Ok(output::text(&format!(
                "Subject: {}\n\n{}",
                cell(&letter["subject"]),
                cell(&letter["text"])
            ))?);
        }
        show(&setup)
    }
}

fn show(setup: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(["PERMISSION", "KIND", "NEEDED", "FOR"]);
    for (list, kind, needed) in [
        ("application", "application", "yes"),
        ("delegated", "delegated", "yes"),
        ("optionalApplication", "application", "optional"),
        ("optionalDelegated", "delegated", "optional"),
    ] {
        for permission in entries(&setup["permissions"][list]) {
            let why: Vec<_> = entries(&permission["why"]).iter().map(cell).collect();
            table.row([
                cell(&permission["name"]),
                kind.to_owned(),
                needed.to_owned(),
                why.join(", "),
            ]);
        }
    }
    table.print()?;
    output::heading("Pages");
    for place in entries(&setup["places"]) {
        output::say(output::tame(&cell(&place["path"])));
        let link = cell(&place["link"]);
        if !link.is_empty() {
            output::say(format_args!("  {}", output::tame(&link)));
        }
    }
    output::heading("Consent of an administrator");
    for (name, what) in [
        ("registeredUrl", "To all that the app registration lists:"),
        ("delegatedUrl", "To the delegated permissions above only:"),
    ] {
        let url = cell(&setup["adminConsent"][name]);
        if !url.is_empty() {
            output::say(what);
            output::say(format_args!("  {}", output::tame(&url)));
        }
    }
    let name = cell(&setup["name"]);
    output::hint(format_args!(
        "\n`postroom connection setup {} --text` is a letter with all of it{}.",
        shell_word(&name),
        if setup["limit"].is_object() {
            "; `--script` limits the application to mailboxes"
        } else {
            ""
        }
    ));
    Ok(())
}

fn entries(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}
