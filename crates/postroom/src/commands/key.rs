//! `postroom key`: keys for callers. Works beside a running server, so that there is always a
//! first key.

use super::with;
use crate::client::{ApiClient, Target};
use crate::table::{Table, cell};
use crate::{output, pick, when};
use clap::{Args, Subcommand};
use postroom_model::key::Scope;
use postroom_model::{Network, Timestamp};
use serde_json::{Value, json};

/// Keys for callers of the HTTP API.
#[derive(Args)]
pub(crate) struct KeyCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a key and print it, once, alone on standard output
    Create(Create),
    /// List the keys, without their texts
    List {
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key, at once
    Revoke {
        /// Its id or name
        // An id of its own: `--key`, the caller's, is of every command.
        #[arg(id = "named", value_name = "KEY")]
        key: String,
    },
}

#[derive(Args)]
struct Create {
    /// A name for people: who uses it
    #[arg(long)]
    name: String,
    /// What it may do, separated by commas: admin, connections, connections.read, logins, tokens,
    /// people.read, mail.read, mail.write, mail.send, graph, calls.read,
    /// alerts.read, audit.read. Unless given: admin; with --mailbox, the three for mail
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// The mailboxes (address or id) that it reaches, separated by commas; all unless given
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    mailbox: Vec<String>,
    /// The networks or addresses from which it opens anything, separated by commas, like
    /// 10.1.0.0/16,2001:db8::/32; from anywhere unless given
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    network: Vec<Network>,
    /// When it ends by itself
    #[arg(long, value_name = "DATE", value_parser = when::parse)]
    expires: Option<Timestamp>,
}

impl KeyCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open_beside().await?;
        with(client, async |client| match self.verb {
            Verb::Create(create) => create.run(client).await,
            Verb::List { json } => list(client, json).await,
            Verb::Revoke { key } => revoke(client, &key).await,
        })
        .await
    }
}

impl Create {
    async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let usual: &[Scope] = if self.mailbox.is_empty() {
            &[Scope::Admin]
        } else {
            &[Scope::MailRead, Scope::MailWrite, Scope::MailSend]
        };
        let scopes = if self.scope.is_empty() {
            usual
        } else {
            &self.scope
        };
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        let mut body = json!({"name": self.name, "scopes": scopes});
        if !self.mailbox.is_empty() {
            body["mailboxes"] = self.mailbox.into();
        }
        if !self.network.is_empty() {
            let networks = self.network.iter().map(Network::to_string);
            body["networks"] = networks.collect::<Vec<_>>().into();
        }
        if let Some(at) = self.expires {
            body["expiresAt"] = at.to_string().into();
        }
        let made = client.post(&["keys"], &body).await?;
        output::line(cell(&made["key"]))?;
        if output::is_terminal() {
            output::hint("It is shown this once: keep it where the program that uses it finds it.");
        }
        Ok(())
    }
}

fn names(list: &Value) -> String {
    match list.as_array() {
        None => "all".to_owned(),
        Some(list) => list.iter().map(cell).collect::<Vec<_>>().join(","),
    }
}

fn networks(list: &Value) -> String {
    match list.as_array() {
        None => "any".to_owned(),
        Some(_) => names(list),
    }
}

async fn list(client: &ApiClient, json: bool) -> anyhow::Result<()> {
    let answer = client.get(&["keys"], &[]).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let mut table = Table::new([
        "ID",
        "NAME",
        "SCOPES",
        "MAILBOXES",
        "NETWORKS",
        "ENDS",
        "LAST USED",
    ]);
    for key in pick::entries(&answer) {
        let ends = if key["revokedAt"].is_null() {
            when::show(&key["expiresAt"])
        } else {
            "revoked".to_owned()
        };
        table.row([
            pick::id(key),
            cell(&key["name"]),
            names(&key["scopes"]),
            names(&key["mailboxes"]),
            networks(&key["networks"]),
            ends,
            when::show(&key["lastUsedAt"]),
        ]);
    }
    Ok(table.print()?)
}

async fn revoke(client: &ApiClient, named: &str) -> anyhow::Result<()> {
    let keys = pick::all(client, &["keys"]).await?;
    let live: Vec<_> = keys
        .iter()
        .filter(|key| key["revokedAt"].is_null())
        .filter(|key| pick::id(key) == named || cell(&key["name"]) == named)
        .collect();
    let key = match live.as_slice() {
        [key] => key,
        [] => anyhow::bail!("there is no key {named:?}; `postroom key list` shows them"),
        _ => {
            return Err(crate::trouble::usage(format!(
                "{named:?} names several keys: give an id, as `postroom key list` shows it"
            )));
        }
    };
    client.delete(&["keys", &pick::id(key)]).await?;
    output::say(format_args!("Revoked the key {}.", cell(&key["name"])));
    Ok(())
}
