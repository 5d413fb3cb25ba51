//! `postroom mailbox`: which mailboxes are served and mirrored.

use super::with;
use crate::client::{ApiClient, Target};
use crate::progress::SyncBar;
use crate::table::{Table, cell, print_fields};
use crate::trouble::Said;
use crate::{output, pick, when};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a progress bar looks.
const LOOK: Duration = Duration::from_millis(250);

/// Which mailboxes are served and mirrored.
#[derive(Args)]
pub(crate) struct MailboxCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve a mailbox: its mirror begins
    Add(Add),
    /// List the mailboxes and how their mirrors stand
    List {
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a mailbox
    Show {
        /// Its address or id
        mailbox: String,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Mirror now, and end when the mirror is up to date
    Sync {
        /// Addresses or ids; all mailboxes unless given
        mailbox: Vec<String>,
        /// Print the mailboxes in the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Serve a mailbox no more and drop its mirror; nothing happens at Microsoft
    Remove {
        /// Its address or id
        mailbox: String,
    },
}

#[derive(Args)]
struct Add {
    /// Its address; with --account, the user's own unless given
    #[arg(required_unless_present = "account")]
    address: Option<String>,
    /// Reach it as the application of this connection (name or id); the only connection unless
    /// given
    #[arg(long, conflicts_with = "account")]
    connection: Option<String>,
    /// Reach it as this signed-in user (id or sign-in name)
    #[arg(long)]
    account: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl MailboxCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = match &self.verb {
            Verb::Sync { .. } => self.target.open_running().await?,
            _ => self.target.open().await?,
        };
        with(client, async |client| match self.verb {
            Verb::Add(add) => add.run(client).await,
            Verb::List { json } => list(client, json).await,
            Verb::Show { mailbox, json } => show(client, &mailbox, json).await,
            Verb::Sync { mailbox, json } => sync(client, &mailbox, json).await,
            Verb::Remove { mailbox } => {
                let mailbox = pick::mailbox(client, Some(&mailbox)).await?;
                client.delete(&["mailboxes", &pick::id(&mailbox)]).await?;
                output::say(format_args!("Removed {}.", cell(&mailbox["address"])));
                Ok(())
            }
        })
        .await
    }
}

impl Add {
    async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let body = match &self.account {
            Some(account) => {
                let account = pick::account(client, account).await?;
                let mut body = json!({"account": account["id"]});
                if let Some(address) = &self.address {
                    body["address"] = address.as_str().into();
                }
                body
            }
            None => {
                let connection = pick::connection(client, self.connection.as_deref()).await?;
                json!({"connection": connection["id"], "address": self.address})
            }
        };
        let made = client.post(&["mailboxes"], &body).await?;
        if self.json {
            return Ok(output::json(&made)?);
        }
        output::line(pick::id(&made))?;
        if client.is_local() {
            output::hint("`postroom mailbox sync` mirrors it now, a server keeps it level.");
        }
        Ok(())
    }
}

/// A mirror's state in a few words.
pub(crate) fn state(mailbox: &Value) -> String {
    let sync = &mailbox["sync"];
    let state = cell(&sync["state"]);
    match (state.as_str(), cell(&sync["error"])) {
        (_, error) if !error.is_empty() => format!("{state}: {error}"),
        _ => state,
    }
}

/// Mailboxes as a table.
pub(crate) fn table(mailboxes: &[Value]) -> Table {
    let mut table = Table::new(["ID", "ADDRESS", "NAME", "MESSAGES", "LEVEL AT", "STATE"]);
    for mailbox in mailboxes {
        table.row([
            pick::id(mailbox),
            cell(&mailbox["address"]),
            cell(&mailbox["displayName"]),
            cell(&mailbox["sync"]["messagesDone"]),
            when::show(&mailbox["sync"]["lastSyncedAt"]),
            state(mailbox),
        ]);
    }
    table
}

async fn list(client: &ApiClient, json: bool) -> anyhow::Result<()> {
    let answer = client.get(&["mailboxes"], &[]).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    Ok(table(pick::entries(&answer)).print()?)
}

async fn show(client: &ApiClient, named: &str, json: bool) -> anyhow::Result<()> {
    let mut mailbox = client.get(&["mailboxes", named], &[]).await?;
    if json {
        return Ok(output::json(&mailbox)?);
    }
    if let Value::Object(sync) = mailbox["sync"].take() {
        for (name, value) in sync {
            mailbox[name] = value;
        }
    }
    Ok(print_fields(&mailbox)?)
}

async fn sync(client: &ApiClient, named: &[String], json: bool) -> anyhow::Result<()> {
    let ids: Vec<String> = if named.is_empty() {
        pick::all(client, &["mailboxes"])
            .await?
            .iter()
            .map(pick::id)
            .collect()
    } else {
        let mut ids = Vec::new();
        for named in named {
            ids.push(pick::id(&client.get(&["mailboxes", named], &[]).await?));
        }
        ids
    };
    anyhow::ensure!(
        !ids.is_empty(),
        "there is no mailbox yet: add one with `postroom mailbox add`"
    );
    let mailboxes = level(client, &ids).await?;
    if json {
        output::json(&json!({"value": mailboxes}))?;
    } else {
        table(&mailboxes).print()?;
    }
    if mailboxes.iter().any(|one| one["sync"]["state"] == "failed") {
        return Err(Said.into());
    }
    Ok(())
}

/// Mirrors these mailboxes side by side, with a progress bar, until each is level or has failed.
pub(crate) async fn level(client: &ApiClient, ids: &[String]) -> anyhow::Result<Vec<Value>> {
    let what = match ids {
        [_] => "1 mailbox".to_owned(),
        _ => format!("{} mailboxes", ids.len()),
    };
    let bar = SyncBar::new(&what);
    let work = futures::future::try_join_all(ids.iter().map(|id| level_one(client, id)));
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(LOOK) => {
                if let Ok(seen) = look(client, ids).await {
                    bar.show(&seen);
                }
            }
        }
    };
    bar.finish();
    done
}

async fn look(client: &ApiClient, ids: &[String]) -> anyhow::Result<Vec<Value>> {
    let all = pick::all(client, &["mailboxes"]).await?;
    Ok(all
        .into_iter()
        .filter(|mailbox| ids.contains(&pick::id(mailbox)))
        .collect())
}

async fn level_one(client: &ApiClient, id: &str) -> anyhow::Result<Value> {
    loop {
        let mailbox = client
            .act(&["mailboxes", id, "sync"], &[("wait", "30")])
            .await?;
        match mailbox["sync"]["state"].as_str() {
            Some("upToDate" | "failed") => return Ok(mailbox),
            // The API waits; this keeps a server that does not from being asked in circles.
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}
