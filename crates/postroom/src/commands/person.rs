//! `postroom person`: people who sign in to Postroom itself. Works beside a running server, so
//! that there is always a way in.

use super::with;
use crate::client::{ApiClient, Target};
use crate::table::{Table, cell};
use crate::{output, pick, when};
use clap::{Args, Subcommand};
use postroom_model::person::Role;
use serde_json::{Value, json};

/// People who sign in to Postroom itself.
#[derive(Args)]
pub(crate) struct PersonCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List them, with what they may do
    List {
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Let somebody in, and print an address that signs that person in, once, within 24 hours
    ///
    /// Names a person who is there already (by id, address or name): then a new address is made,
    /// and the one before is void. Else --name or --address, with --role, make a new person. An
    /// address also lets the Microsoft account with that sign-in name in.
    Invite(Invite),
    /// Change what somebody may do, from the next call on
    Role {
        /// The person: id, address or name
        person: String,
        /// reader, operator or administrator
        role: Role,
    },
    /// Let somebody in no more; sessions end at once
    Remove {
        /// The person: id, address or name
        person: String,
    },
}

#[derive(Args)]
struct Invite {
    /// Somebody who is there already: id, address or name
    #[arg(conflicts_with_all = ["name", "address", "role"], required_unless_present_any = ["name", "address"])]
    person: Option<String>,
    /// A name for people; the address unless given
    #[arg(long, requires = "role")]
    name: Option<String>,
    /// The name that the person signs in to Microsoft with
    #[arg(long, requires = "role")]
    address: Option<String>,
    /// reader, operator or administrator
    #[arg(long)]
    role: Option<Role>,
}

impl PersonCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open_beside().await?;
        with(client, async |client| match self.verb {
            Verb::List { json } => list(client, json).await,
            Verb::Invite(invite) => invite.run(client).await,
            Verb::Role { person, role } => {
                let person = find(client, &person).await?;
                let change = json!({"role": role.name()});
                let now = client
                    .patch(&["persons", &pick::id(&person)], &change)
                    .await?;
                output::say(format_args!("{} is {role} now.", cell(&now["name"])));
                Ok(())
            }
            Verb::Remove { person } => {
                let person = find(client, &person).await?;
                client.delete(&["persons", &pick::id(&person)]).await?;
                output::say(format_args!("Removed {}.", cell(&person["name"])));
                Ok(())
            }
        })
        .await
    }
}

impl Invite {
    async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let invited = if let Some(person) = &self.person {
            let id = pick::id(&find(client, person).await?);
            client.act(&["persons", &id, "invitation"], &[]).await?
        } else {
            let role = self.role.map(Role::name);
            let new = json!({"name": self.name, "address": self.address, "role": role});
            client.post(&["persons"], &new).await?
        };
        output::line(cell(&invited["signInUrl"]))?;
        if output::is_terminal() {
            output::hint(
                "It is shown this once and works once: hand it to that person over a way that \
                 others do not read.",
            );
        }
        Ok(())
    }
}

async fn list(client: &ApiClient, json: bool) -> anyhow::Result<()> {
    let answer = client.get(&["persons"], &[]).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let mut table = Table::new(["ID", "NAME", "ADDRESS", "ROLE", "MICROSOFT", "SIGNED IN"]);
    for person in pick::entries(&answer) {
        let known = if person["identity"].is_null() {
            "not yet"
        } else {
            "known"
        };
        table.row([
            pick::id(person),
            cell(&person["name"]),
            cell(&person["address"]),
            cell(&person["role"]),
            known.to_owned(),
            when::show(&person["signedInAt"]),
        ]);
    }
    Ok(table.print()?)
}

async fn find(client: &ApiClient, named: &str) -> anyhow::Result<Value> {
    let mut found: Vec<Value> = pick::all(client, &["persons"])
        .await?
        .into_iter()
        .filter(|person| {
            pick::id(person) == named
                || cell(&person["address"]) == named.to_lowercase()
                || cell(&person["name"]) == named
        })
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(person), true) => Ok(person),
        (None, _) => {
            anyhow::bail!("there is no person {named:?}; `postroom person list` shows them")
        }
        (Some(_), false) => Err(crate::trouble::usage(format!(
            "{named:?} names several people: give an id, as `postroom person list` shows it"
        ))),
    }
}
