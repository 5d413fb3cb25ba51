//! `postroom people`: the tenant's directory, asked live.

use super::with;
use crate::client::{ApiClient, ApiProblem, Target};
use crate::table::{Table, cell, first_of, print_fields};
use crate::{output, pick};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// The tenant's directory
///
/// Without USER a list, with USER that one with manager, groups and licences.
#[derive(Args)]
pub(crate) struct People {
    #[command(flatten)]
    target: Target,
    /// Somebody's id or sign-in name
    user: Option<String>,
    /// The connection's name or id; the only one unless given
    #[arg(long)]
    connection: Option<String>,
    /// Ask as this signed-in user (id or sign-in name) instead of the application
    #[arg(long)]
    account: Option<String>,
    /// Part of a name or address
    #[arg(long, conflicts_with = "user")]
    search: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Goes on where a list ended
    #[arg(long, conflicts_with = "user")]
    cursor: Option<String>,
    /// Save the person's picture in this new file
    #[arg(long, value_name = "FILE", requires = "user")]
    photo: Option<PathBuf>,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl People {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open().await?;
        with(client, async |client| {
            let connection = pick::connection(client, self.connection.as_deref()).await?;
            let connection = pick::id(&connection);
            let account = match &self.account {
                Some(account) => pick::id(&pick::account(client, account).await?),
                None => String::new(),
            };
            match &self.user {
                Some(user) => self.one(client, &connection, &account, user).await,
                None => self.list(client, &connection, &account).await,
            }
        })
        .await
    }

    async fn list(
        &self,
        client: &ApiClient,
        connection: &str,
        account: &str,
    ) -> anyhow::Result<()> {
        let query = [
            ("search", self.search.as_deref().unwrap_or_default()),
            ("account", account),
            ("limit", &self.limit.to_string()),
            ("cursor", self.cursor.as_deref().unwrap_or_default()),
        ];
        let answer = client
            .get(&["connections", connection, "users"], &query)
            .await?;
        if self.json {
            return Ok(output::json(&answer)?);
        }
        let mut table = Table::new(["NAME", "SIGN-IN NAME", "MAIL", "JOB TITLE", "ID"]);
        for person in pick::entries(&answer) {
            table.row([
                cell(&person["displayName"]),
                cell(&person["userPrincipalName"]),
                cell(&person["mail"]),
                cell(&person["jobTitle"]),
                pick::id(person),
            ]);
        }
        table.print()?;
        output::more(&answer);
        Ok(())
    }

    async fn one(
        &self,
        client: &ApiClient,
        connection: &str,
        account: &str,
        user: &str,
    ) -> anyhow::Result<()> {
        let query = [("account", account)];
        let base = ["connections", connection, "users", user];
        if let Some(path) = &self.photo {
            let photo = client
                .download(&[base.as_slice(), &["photo"]].concat(), &query)
                .await?;
            let kind = photo.content_type.clone();
            let size = photo.save_new(path).await?;
            output::say(format_args!(
                "Saved {} ({kind}, {size} bytes).",
                path.display()
            ));
            return Ok(());
        }
        let mut person = client.get(&base, &query).await?;
        if self.json {
            return Ok(output::json(&person)?);
        }
        for (part, field) in [
            ("manager", "displayName"),
            ("groups", "displayName"),
            ("licenses", "skuPartNumber"),
        ] {
            let path = [base.as_slice(), &[part]].concat();
            let found = optional(client.get(&path, &query).await)?;
            let names = match found["value"].as_array() {
                Some(list) => list.iter().map(|entry| cell(&entry[field])).collect(),
                None if found.is_object() => {
                    vec![first_of(&found, &[field, "userPrincipalName"])]
                }
                None => Vec::new(),
            };
            if !names.is_empty() {
                person[part] = names.join(", ").into();
            }
        }
        Ok(print_fields(&person)?)
    }
}

/// What is not there (a manager) or may not be read (licences) is left out.
fn optional(answer: anyhow::Result<Value>) -> anyhow::Result<Value> {
    match answer {
        Err(error)
            if error
                .downcast_ref::<ApiProblem>()
                .is_some_and(|problem| matches!(problem.status, 403 | 404)) =>
        {
            Ok(Value::Null)
        }
        other => other,
    }
}
