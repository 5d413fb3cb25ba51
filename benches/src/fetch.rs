//! The floor of fetching: the same pages, thrown away.

use crate::tenant::Address;
use anyhow::{Context, Result};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Client;
use serde_json::Value;

/// Where from.
#[derive(Args)]
pub(crate) struct Fetch {
    /// The tenant's address as JSON
    address: String,
}

const SELECT: &str = "id,changeKey,createdDateTime,lastModifiedDateTime,categories,subject,\
    bodyPreview,body,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,\
    receivedDateTime,sentDateTime,hasAttachments,importance,isRead,isDraft,\
    isReadReceiptRequested,isDeliveryReceiptRequested,flag,inferenceClassification,\
    conversationId,conversationIndex,internetMessageId,parentFolderId,webLink,\
    internetMessageHeaders";

impl Fetch {
    pub(crate) async fn run(self) -> Result<()> {
        let address: Address = serde_json::from_str(&self.address)?;
        let http = Client::new();
        let token = token(&http, &address).await?;
        let base = format!("{}/v1.0/users/{}", address.root, address.user);
        let mut folders = Vec::new();
        let mut next = Some(format!("{base}/mailFolders/delta?$select=id"));
        while let Some(url) = next {
            let page: Value = serde_json::from_slice(&get(&http, &token, &url).await?)?;
            folders.extend(
                page["value"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|folder| folder["id"].as_str().map(str::to_owned)),
            );
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        let urls: Vec<_> = folders
            .into_iter()
            .map(|folder| {
                format!(
                    "{base}/mailFolders/{folder}/messages/delta?$select={SELECT}\
                     &$expand=attachments&$orderby=receivedDateTime%20desc"
                )
            })
            .collect();
        stream::iter(urls)
            .map(|url| all(&http, &token, url))
            .buffer_unordered(4)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }
}

async fn token(http: &Client, address: &Address) -> Result<String> {
    let scope = format!("{}/.default", address.root);
    let answer: Value = http
        .post(format!(
            "{}/{}/oauth2/v2.0/token",
            address.root, address.tenant_id
        ))
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &address.client_id),
            ("client_secret", &address.client_secret),
            ("scope", &scope),
        ])
        .send()
        .await?
        .json()
        .await?;
    Ok(answer["access_token"]
        .as_str()
        .context("a token")?
        .to_owned())
}

async fn get(http: &Client, token: &str, url: &str) -> Result<Vec<u8>> {
    let answer = http
        .get(url)
        .bearer_auth(token)
        .header("prefer", "IdType=\"ImmutableId\", odata.maxpagesize=50")
        .send()
        .await?
        .error_for_status()?;
    Ok(answer.bytes().await?.to_vec())
}

async fn all(http: &Client, token: &str, first: String) -> Result<()> {
    let mut next = Some(first);
    while let Some(url) = next {
        next = next_link(&get(http, token, &url).await?);
    }
    Ok(())
}

/// Finds the link without reading the JSON: it stands near the end or near the beginning.
fn next_link(page: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\"@odata.nextLink\":\"";
    let at = page.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let end = page[at..].iter().position(|byte| *byte == b'"')? + at;
    String::from_utf8(page[at..end].to_vec()).ok()
}
