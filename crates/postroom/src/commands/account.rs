//! `postroom account`: identities that Postroom can act as.

use super::with;
use crate::client::{ApiClient, Target};
use crate::table::{Table, cell};
use crate::{output, pick, when};
use clap::{Args, Subcommand};
use std::collections::HashMap;

/// Identities that Postroom can act as.
#[derive(Args)]
pub(crate) struct AccountCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List signed-in users and applications
    List {
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget a user's sign-in, with the mailboxes that are reached through it
    Remove {
        /// Its id or sign-in name
        account: String,
    },
    /// Print an access token, for scripts: for Graph, or for chosen scopes
    Token {
        /// Its id or sign-in name
        account: String,
        /// A scope of Graph's, or one with its resource, as often as there are scopes of that
        /// resource; an application has RESOURCE/.default only
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Seconds that the token should be good for at least
        #[arg(long, value_name = "SECONDS")]
        min_validity: Option<u32>,
        /// Print the API's JSON, which says when the token ends
        #[arg(long)]
        json: bool,
    },
}

impl AccountCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open().await?;
        with(client, async |client| match self.verb {
            Verb::List { json } => list(client, json).await,
            Verb::Remove { account } => {
                let account = pick::account(client, &account).await?;
                client.delete(&["accounts", &pick::id(&account)]).await?;
                let name = pick::account_name(&account);
                output::say(format_args!("Removed the account {name}."));
                Ok(())
            }
            Verb::Token {
                account,
                scopes,
                min_validity,
                json,
            } => {
                let account = pick::account(client, &account).await?;
                let path = ["accounts", &pick::id(&account), "token"];
                let asked = serde_json::json!({"scopes": scopes, "minValidity": min_validity});
                let answer = client.post(&path, &asked).await?;
                if json {
                    return Ok(output::json(&answer)?);
                }
                Ok(output::line(cell(&answer["accessToken"]))?)
            }
        })
        .await
    }
}

async fn list(client: &ApiClient, json: bool) -> anyhow::Result<()> {
    let answer = client.get(&["accounts"], &[]).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    // A key that lists accounts need not see connections.
    let names: HashMap<String, String> = pick::all(client, &["connections"])
        .await
        .unwrap_or_default()
        .iter()
        .map(|connection| (pick::id(connection), cell(&connection["name"])))
        .collect();
    let mut table = Table::new(["ID", "ACCOUNT", "CONNECTION", "STATE", "ENDS", "REASON"]);
    for account in pick::entries(&answer) {
        let connection = cell(&account["connection"]);
        table.row([
            pick::id(account),
            pick::account_name(account),
            names.get(&connection).cloned().unwrap_or(connection),
            cell(&account["state"]),
            when::show(&account["expiresAt"]),
            cell(&account["reason"]),
        ]);
    }
    Ok(table.print()?)
}
