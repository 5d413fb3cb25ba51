//! Is the mirror equal to the tenant, message by message?

use anyhow::{Context, Result, bail};
use futures::TryStreamExt;
use postroom_model::mailbox::Mailbox;
use postroom_model::resource::attachment::AttachmentKind;
use postroom_sandbox::Running;
use postroom_sandbox::mail::Snapshot;
use postroom_store::Store;
use postroom_store::contract::messages::{MessageQuery, Position};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What a message is to this comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    folder: String,
    internet_message_id: String,
    subject: String,
    is_read: bool,
    is_draft: bool,
    change_key: String,
    categories: Vec<String>,
    headers: Vec<(String, String)>,
    body: String,
    attachments: BTreeSet<(String, bool, String)>,
}

/// Fails unless a mailbox of the tenant and its mirror are equal.
pub async fn ensure_equal(store: &dyn Store, mailbox: &Mailbox, sandbox: &Running) -> Result<()> {
    let tenant = sandbox
        .sandbox()
        .mail()
        .snapshot(mailbox.id.as_str())
        .with_context(|| format!("the tenant has no mailbox {}", mailbox.id))?;
    let found = differences(store, mailbox, &tenant).await?;
    if let Some(first) = found.first() {
        bail!(
            "{}: {} of {} messages and {} folders differ, the first: {first}",
            mailbox.address,
            found.len(),
            tenant.messages.len(),
            tenant.folders.len()
        );
    }
    Ok(())
}

/// The differences between a mailbox of the tenant and its mirror, in words; empty when equal.
async fn differences(
    store: &dyn Store,
    mailbox: &Mailbox,
    tenant: &Snapshot,
) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    let theirs: BTreeMap<String, (String, bool)> = tenant
        .folders
        .iter()
        .map(|folder| (folder.id.clone(), (folder.name.clone(), folder.hidden)))
        .collect();
    let ours: BTreeMap<String, (String, bool)> = store
        .folders(&mailbox.id)
        .await?
        .into_iter()
        .map(|folder| {
            (
                folder.id.to_string(),
                (folder.display_name, folder.is_hidden),
            )
        })
        .collect();
    compare(&theirs, &ours, "folder", &mut differences);

    let theirs: BTreeMap<String, Seen> = tenant
        .messages
        .iter()
        .map(|message| {
            let seen = Seen {
                folder: message.folder_id.clone(),
                internet_message_id: message.internet_message_id.clone(),
                subject: message.subject.clone(),
                is_read: message.is_read,
                is_draft: message.is_draft,
                change_key: message.change_key.clone(),
                categories: message.categories.clone(),
                headers: message.headers.clone(),
                body: message.body_sha256.clone(),
                attachments: message
                    .attachments
                    .iter()
                    .map(|one| (one.name.clone(), one.inline, one.sha256.clone()))
                    .collect(),
            };
            (message.immutable_id.clone(), seen)
        })
        .collect();
    let ours = read(store, mailbox).await?;
    compare(&theirs, &ours, "message", &mut differences);
    Ok(differences)
}

fn compare<T: PartialEq + std::fmt::Debug>(
    theirs: &BTreeMap<String, T>,
    ours: &BTreeMap<String, T>,
    what: &str,
    differences: &mut Vec<String>,
) {
    for (id, expected) in theirs {
        match ours.get(id) {
            None => differences.push(format!("{what} {id} is missing: {expected:?}")),
            Some(found) if found != expected => {
                differences.push(format!("{what} {id}: {expected:?} but {found:?}"));
            }
            Some(_) => {}
        }
    }
    for (id, found) in ours {
        if !theirs.contains_key(id) {
            differences.push(format!("{what} {id} should not be there: {found:?}"));
        }
    }
}

async fn read(store: &dyn Store, mailbox: &Mailbox) -> Result<BTreeMap<String, Seen>> {
    let mut all = BTreeMap::new();
    let mut after: Option<Position> = None;
    loop {
        let page = store
            .list_messages(
                &mailbox.id,
                &MessageQuery {
                    after: after.take(),
                    with_body: true,
                    limit: 200,
                    ..MessageQuery::default()
                },
            )
            .await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = Some(Position {
            received_micros: last.record.received_at.map_or(0, |at| at.as_microsecond()),
            id: last.record.id.clone(),
        });
        for message in page {
            let record = message.record;
            let json: Value = serde_json::from_str(&record.json)?;
            let mut attachments = BTreeSet::new();
            for attachment in store.attachments(&mailbox.id, &record.id).await? {
                let digest = match (&attachment.kind, &attachment.blob) {
                    (AttachmentKind::Reference, _) => {
                        let json: Value = serde_json::from_str(&attachment.json)?;
                        sha256(json["sourceUrl"].as_str().unwrap_or_default().as_bytes())
                    }
                    (_, Some(blob)) => {
                        let reader = store
                            .read_blob(&blob.hash)
                            .await?
                            .context("an attachment's content")?;
                        let pieces: Vec<_> = reader.pieces.try_collect().await?;
                        sha256(&pieces.concat())
                    }
                    (_, None) => "no content".to_owned(),
                };
                attachments.insert((attachment.name, attachment.is_inline, digest));
            }
            let strings = |value: &Value| -> Vec<String> {
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|one| one.as_str().map(str::to_owned))
                    .collect()
            };
            let headers = json["internetMessageHeaders"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|header| {
                    let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
                    (text("name"), text("value"))
                })
                .collect();
            let seen = Seen {
                folder: record.folder.to_string(),
                internet_message_id: record.internet_message_id.unwrap_or_default(),
                subject: record.subject,
                is_read: record.is_read,
                is_draft: record.is_draft,
                change_key: record.change_key.unwrap_or_default(),
                categories: strings(&json["categories"]),
                headers,
                body: sha256(record.body.as_bytes()),
                attachments,
            };
            all.insert(record.id.to_string(), seen);
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
