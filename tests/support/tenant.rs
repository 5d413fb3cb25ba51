//! Somebody else who changes the tenant's mail: a client of Graph that shares no code with ours.

use anyhow::{Context, Result, ensure};
use postroom_model::{Dice, SeededDice};
use postroom_sandbox::Running;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A client with the application's token.
pub struct Tenant {
    http: Client,
    graph: String,
    token: String,
}

impl Tenant {
    /// Signs in as the application.
    pub async fn of(sandbox: &Running) -> Result<Self> {
        Self::at(
            &sandbox.authority_url,
            &sandbox.graph_url,
            &sandbox.tenant_id,
            &sandbox.client_id,
            &sandbox.client_secret,
        )
        .await
    }

    /// Signs in as the application, somewhere.
    pub async fn at(
        authority: &str,
        graph: &str,
        tenant: &str,
        client_id: &str,
        client_secret: &str,
    ) -> Result<Self> {
        let http = Client::new();
        let scope = format!("{graph}/.default");
        let answer: Value = http
            .post(format!("{authority}/{tenant}/oauth2/v2.0/token"))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", client_id),
                ("client_secret", client_secret),
                ("scope", &scope),
            ])
            .send()
            .await?
            .json()
            .await?;
        let token = answer["access_token"]
            .as_str()
            .with_context(|| format!("a token: {answer}"))?
            .to_owned();
        Ok(Self {
            http,
            graph: format!("{graph}/v1.0"),
            token,
        })
    }

    /// A call that has to succeed.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.graph)
        };
        let mut request = self
            .http
            .request(method.clone(), url)
            .bearer_auth(&self.token)
            .header("prefer", "IdType=\"ImmutableId\"");
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{method} {path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// All folder ids of a mailbox.
    pub async fn folders(&self, mailbox: &str) -> Result<Vec<String>> {
        self.all(&format!("/users/{mailbox}/mailFolders/delta?$select=id"))
            .await
    }

    /// All message ids of a mailbox.
    pub async fn messages(&self, mailbox: &str) -> Result<Vec<String>> {
        self.all(&format!("/users/{mailbox}/messages?$select=id&$top=1000"))
            .await
    }

    async fn all(&self, path: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.call(Method::GET, &path, None).await?;
            for item in page["value"].as_array().into_iter().flatten() {
                if let Some(id) = item["id"].as_str() {
                    ids.push(id.to_owned());
                }
            }
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        Ok(ids)
    }

    /// Random changes: new messages, edits, moves, moves there and back, deletes.
    pub async fn change(&self, mailboxes: &[&str], count: usize, seed: u64) -> Result<()> {
        let dice = SeededDice::new(seed);
        let pick = |len: usize| (dice.fraction() * len as f64) as usize;
        let mut known = Vec::new();
        for mailbox in mailboxes {
            known.push((
                *mailbox,
                self.folders(mailbox).await?,
                self.messages(mailbox).await?,
            ));
        }
        for number in 0..count {
            let (mailbox, folders, messages) = {
                let at = pick(known.len());
                &mut known[at]
            };
            let kind = pick(10);
            if kind < 3 || messages.is_empty() {
                let folder = &folders[pick(folders.len())];
                let message = json!({
                    "subject": format!("Change {number}"),
                    "body": {"contentType": "html", "content": format!("<p>Change {number}</p>")},
                    "toRecipients": [{"emailAddress": {"address": "somebody@elsewhere.example"}}],
                });
                let path = format!("/users/{mailbox}/mailFolders/{folder}/messages");
                let made = self.call(Method::POST, &path, Some(&message)).await?;
                messages.push(made["id"].as_str().context("an id")?.to_owned());
                continue;
            }
            let at = pick(messages.len());
            let path = format!("/users/{mailbox}/messages/{}", messages[at]);
            match kind {
                3 | 4 => {
                    let change = json!({
                        "isRead": number % 2 == 0,
                        "categories": [format!("Change {number}")],
                    });
                    self.call(Method::PATCH, &path, Some(&change)).await?;
                }
                5 => {
                    let change = json!({"isRead": number % 2 == 1});
                    self.call(Method::PATCH, &path, Some(&change)).await?;
                }
                6 => {
                    let to = &folders[pick(folders.len())];
                    self.move_to(&path, to).await?;
                }
                7 | 8 => {
                    let now = self
                        .call(Method::GET, &format!("{path}?$select=parentFolderId"), None)
                        .await?;
                    let home = now["parentFolderId"]
                        .as_str()
                        .context("a folder")?
                        .to_owned();
                    let to = &folders[pick(folders.len())];
                    self.move_to(&path, to).await?;
                    self.move_to(&path, &home).await?;
                }
                _ => {
                    self.call(Method::DELETE, &path, None).await?;
                    // From Deleted Items it goes for good: it is known no more.
                    messages.swap_remove(at);
                }
            }
        }
        Ok(())
    }

    async fn move_to(&self, path: &str, folder: &str) -> Result<()> {
        let to = json!({"destinationId": folder});
        self.call(Method::POST, &format!("{path}/move"), Some(&to))
            .await?;
        Ok(())
    }
}
