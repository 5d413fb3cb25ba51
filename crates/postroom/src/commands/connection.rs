//! `postroom connection`: app registrations in tenants.

use super::credential::{CredentialOptions, CredentialVerb, say_where_to_upload};
use super::with;
use crate::client::{ApiClient, Target};
use crate::table::{Table, cell, print_fields};
use crate::trouble::usage;
use crate::{output, pick};
use clap::{Args, Subcommand};
use postroom_engine::shell_word;
use postroom_model::cloud::Cloud;
use serde_json::{Map, Value};

mod check;
mod setup;

/// App registrations in tenants.
#[derive(Args)]
pub(crate) struct ConnectionCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Add a connection
    Add(Box<Add>),
    /// Change what is given; a credential that is given replaces those that are there
    Set(Box<Set>),
    /// List the connections
    List {
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a connection
    Show {
        /// Its name or id
        connection: String,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Try a connection step by step
    Check(check::Check),
    /// What an administrator does at Microsoft: permissions, consent, a letter, a script
    Setup(setup::SetupCommand),
    /// Credentials beside each other, so that one can replace the other without a gap
    #[command(subcommand)]
    Credential(CredentialVerb),
    /// Remove a connection with its accounts and mailboxes; nothing happens at Microsoft
    Remove {
        /// Its name or id
        connection: String,
    },
}

#[derive(Args)]
struct Add {
    /// A name for people
    #[arg(long)]
    name: String,
    /// The tenant: its id or one of its domains; consumers for personal Microsoft accounts
    #[arg(long)]
    tenant: String,
    /// The application (client) id
    #[arg(long)]
    client_id: String,
    #[command(flatten)]
    rest: Rest,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Set {
    /// Its name or id
    connection: String,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Another tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Another application (client) id
    #[arg(long)]
    client_id: Option<String>,
    #[command(flatten)]
    rest: Rest,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Rest {
    #[command(flatten)]
    credential: CredentialOptions,
    /// The cloud: global, usgov, usgovdod or china
    #[arg(long)]
    cloud: Option<Cloud>,
    /// The root of the sign-in service, in place of the cloud's
    #[arg(long, value_name = "URL")]
    authority_url: Option<String>,
    /// The root of Graph, in place of the cloud's
    #[arg(long, value_name = "URL")]
    graph_url: Option<String>,
    /// Where a browser comes back to after a sign-in, in place of this server's /auth/callback
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
    /// What a sign-in asks for, separated by commas, in place of User.Read,Mail.ReadWrite,Mail.Send
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<String>,
}

impl Rest {
    fn fill(self, body: &mut Map<String, Value>) -> anyhow::Result<()> {
        if let Some(credential) = self.credential.body()? {
            body.insert("credential".into(), credential);
        }
        let cloud = self.cloud.map(|cloud| cloud.name().to_owned());
        put(body, "cloud", cloud);
        put(body, "authorityUrl", self.authority_url);
        put(body, "graphUrl", self.graph_url);
        put(body, "redirectUri", self.redirect_uri);
        if !self.scope.is_empty() {
            body.insert("scopes".into(), self.scope.into());
        }
        Ok(())
    }
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        body.insert(name.into(), value.into());
    }
}

impl ConnectionCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open().await?;
        with(client, async |client| match self.verb {
            Verb::Add(add) => add.run(client).await,
            Verb::Set(set) => set.run(client).await,
            Verb::List { json } => list(client, json).await,
            Verb::Show { connection, json } => {
                let connection = pick::connection(client, Some(&connection)).await?;
                let path = ["connections", &pick::id(&connection)];
                show(&client.get(&path, &[]).await?, json)
            }
            Verb::Check(check) => check.run(client).await,
            Verb::Setup(setup) => setup.run(client).await,
            Verb::Credential(verb) => verb.run(client).await,
            Verb::Remove { connection } => {
                let connection = pick::connection(client, Some(&connection)).await?;
                client
                    .delete(&["connections", &pick::id(&connection)])
                    .await?;
                output::say(format_args!(
                    "Removed the connection {}.",
                    cell(&connection["name"])
                ));
                Ok(())
            }
        })
        .await
    }
}

impl Add {
    async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let mut body = Map::new();
        body.insert("name".into(), self.name.into());
        body.insert("tenantId".into(), self.tenant.into());
        body.insert("clientId".into(), self.client_id.into());
        self.rest.fill(&mut body)?;
        let made = client.post(&["connections"], &body.into()).await?;
        changed(&made, self.json)?;
        say_where_to_upload(&made, &made["credentials"][0]);
        output::hint(format_args!(
            "`postroom connection check {}` tries it.",
            shell_word(&cell(&made["name"]))
        ));
        Ok(())
    }
}

impl Set {
    async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let mut body = Map::new();
        put(&mut body, "name", self.name);
        put(&mut body, "tenantId", self.tenant);
        put(&mut body, "clientId", self.client_id);
        self.rest.fill(&mut body)?;
        if body.is_empty() {
            return Err(usage(
                "nothing was given to be changed; `postroom connection set --help` says what can be",
            ));
        }
        let connection = pick::connection(client, Some(&self.connection)).await?;
        let path = ["connections", &pick::id(&connection)];
        let gives = body.contains_key("credential");
        let now = client.patch(&path, &body.into()).await?;
        changed(&now, self.json)?;
        if gives {
            say_where_to_upload(&now, &now["credentials"][0]);
        }
        Ok(())
    }
}

fn changed(connection: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::json(connection)?);
    }
    Ok(output::line(pick::id(connection))?)
}

/// What is known of the credential that lasts longest.
fn credential(connection: &Value) -> String {
    let credentials = connection["credentials"].as_array();
    let Some(credentials) = credentials.filter(|list| !list.is_empty()) else {
        return "none".to_owned();
    };
    let days = credentials
        .iter()
        .map(|credential| match credential["kind"].as_str() {
            // Its issuer renews it: there is no end to count days to.
            Some("federated") => Some(i64::MAX),
            _ => credential["daysLeft"].as_i64(),
        })
        .collect::<Option<Vec<_>>>()
        .and_then(|days| days.into_iter().max());
    match days {
        None => "no end known".to_owned(),
        Some(i64::MAX) => "federated".to_owned(),
        Some(days) if days < 0 => "over".to_owned(),
        Some(days) => format!("{days} days left"),
    }
}

async fn list(client: &ApiClient, json: bool) -> anyhow::Result<()> {
    let answer = client.get(&["connections"], &[]).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let mut table = Table::new(["ID", "NAME", "TENANT", "CLIENT", "CLOUD", "CREDENTIAL"]);
    for connection in pick::entries(&answer) {
        table.row([
            pick::id(connection),
            cell(&connection["name"]),
            cell(&connection["tenantId"]),
            cell(&connection["clientId"]),
            cell(&connection["cloud"]),
            credential(connection),
        ]);
    }
    Ok(table.print()?)
}

fn show(connection: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::json(connection)?);
    }
    Ok(print_fields(connection)?)
}
