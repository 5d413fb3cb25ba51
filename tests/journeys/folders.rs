//! Folders that callers make, beside the mirror that reads the tree.

use anyhow::{Context, Result, ensure};
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// What was listed before a folder was made or renamed does not take that back.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_under_way_does_not_take_a_new_folder_away() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let api = &world.api;
    let at = format!("/mailboxes/{}", mailbox.id);
    let new = |name: &str| json!({"displayName": name, "parentFolderId": "inbox"});
    let old = api.post(&format!("{at}/folders"), &new("Old name")).await?;
    let old = format!("{at}/folders/{}", old["id"].as_str().context("an id")?);

    // The round has read the tree by delta, and waits for the list below the root.
    let milliseconds = 2_000;
    let wait = FaultAction::Delay { milliseconds };
    let met = Fault::on("/mailFolders?", wait).method("GET");
    world.sandbox.sandbox().fault(met);
    world
        .engine
        .sync_mailbox(&mailbox.id, Duration::ZERO)
        .await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let made = api.post(&format!("{at}/folders"), &new("Made")).await?;
    let made = format!("{at}/folders/{}", made["id"].as_str().context("an id")?);
    let rename = json!({"displayName": "New name"});
    api.ok(api.request(Method::PATCH, &old).json(&rename))
        .await?;
    let mut seen = 0;
    for _ in 0..40 {
        api.get(&made).await?;
        let renamed = api.get(&old).await?;
        ensure!(renamed["displayName"] == "New name", "{renamed}");
        let now = api.get(&at).await?;
        seen += usize::from(now["sync"]["state"] == "syncing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(seen > 5, "the round was over before: {seen}");
    world.level(&mailbox).await?;
    api.get(&made).await?;

    // Nor is one that is deleted brought back.
    api.ok(api.request(Method::DELETE, &made)).await?;
    world.level(&mailbox).await?;
    let gone = api.get(&made).await?;
    let path = gone["path"].as_str().context("a path")?;
    ensure!(!path.contains("Inbox"), "{path}");
    world.stop().await;
    Ok(())
}
