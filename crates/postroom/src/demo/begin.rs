//! The demo's beginning: a connection, a signed-in user, three mirrored mailboxes, a key.

use super::{Stage, sign_in};
use crate::client::{ApiClient, ApiProblem};
use crate::commands::mailbox;
use crate::{output, pick};
use anyhow::{Context, bail};
use serde_json::{Value, json};

/// The connection's name.
const NAME: &str = "Sandbox";

/// What there is after the beginning.
pub(crate) struct Play {
    /// A key with all scopes.
    pub(crate) key: String,
    /// The mirrored mailboxes; the first is the signed-in user's own.
    pub(crate) mailboxes: Vec<Value>,
}

/// Makes the beginning.
pub(crate) async fn begin(
    stage: &Stage,
    client: &ApiClient,
    talkative: bool,
) -> anyhow::Result<Play> {
    let say = |text: &str| {
        if talkative {
            output::say(text);
        }
    };
    let connection = connect(stage, client).await?;
    let connection = pick::id(&connection);
    let Some((first, others)) = stage.sandbox.users.split_first() else {
        bail!("nobody is in the sandbox");
    };
    say(&format!(
        "Signing {} in, as a browser would …",
        first.user_principal_name
    ));
    let login = client
        .post(
            &["connections", &connection, "logins"],
            &json!({"loginHint": first.user_principal_name}),
        )
        .await?;
    let address = login["authorizeUrl"]
        .as_str()
        .context("an address to sign in at")?;
    sign_in::sign_in(address, &first.user_principal_name, &first.password).await?;
    let login = client
        .get(&["logins", &pick::id(&login)], &[("wait", "10")])
        .await?;
    if login["status"] != "completed" {
        bail!(
            "the demo's sign-in is {}: {}",
            login["status"],
            login["error"]
        );
    }
    let mut ids = vec![add(client, &json!({"account": login["account"]})).await?];
    for user in others.iter().take(2) {
        let body = json!({"connection": connection, "address": user.user_principal_name});
        ids.push(add(client, &body).await?);
    }
    say("Mirroring three mailboxes …");
    let mailboxes = mailbox::level(client, &ids).await?;
    let made = client
        .post(&["keys"], &json!({"name": "demo", "scopes": ["admin"]}))
        .await?;
    let key = made["key"].as_str().context("a key")?.to_owned();
    Ok(Play { key, mailboxes })
}

/// The connection to the sandbox; in a data folder that is used again, the same one, pointed at
/// where the sandbox is now.
async fn connect(stage: &Stage, client: &ApiClient) -> anyhow::Result<Value> {
    let sandbox = &stage.sandbox;
    let ends = sandbox
        .sandbox()
        .app(&sandbox.client_id)
        .and_then(|app| app.secrets.first().map(|secret| secret.expires.to_string()));
    let mut body = json!({
        "name": NAME,
        "tenantId": sandbox.tenant_id,
        "clientId": sandbox.client_id,
        "credential": {"secret": sandbox.client_secret, "expiresAt": ends},
        "authorityUrl": sandbox.authority_url,
        "graphUrl": sandbox.graph_url,
    });
    let there = pick::all(client, &["connections"])
        .await?
        .into_iter()
        .find(|connection| connection["name"] == NAME);
    match there {
        None => client.post(&["connections"], &body).await,
        Some(connection) => {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("name");
            }
            let path = ["connections", &pick::id(&connection)];
            client.patch(&path, &body).await
        }
    }
}

/// Adds a mailbox; one that is there already will do.
async fn add(client: &ApiClient, body: &Value) -> anyhow::Result<String> {
    match client.post(&["mailboxes"], body).await {
        Ok(mailbox) => Ok(pick::id(&mailbox)),
        Err(error) => match error.downcast_ref::<ApiProblem>() {
            Some(problem) if problem.code == "conflict" => problem
                .existing
                .clone()
                .context("the mailbox that is there"),
            _ => Err(error),
        },
    }
}
