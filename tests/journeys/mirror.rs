//! The mirror is equal to the tenant.

use anyhow::Result;
use postroom_tests::{Tenant, World, WorldOptions};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_brings_everything() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    world.ensure_equal(&mailbox).await?;
    world.stop().await;
    Ok(())
}

/// Three mailboxes and 5,000 messages with attachments, and a thousand changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_leave_it_equal() -> Result<()> {
    let mut options = WorldOptions::default();
    options.sandbox.messages = 5_000;
    options.sandbox.mail.mailboxes_for_bulk = 3;
    let world = World::start(options).await?;
    let mut mailboxes = Vec::new();
    for nth in 0..3 {
        mailboxes.push(world.serve(nth).await?);
    }
    for mailbox in &mailboxes {
        world.level(mailbox).await?;
        world.ensure_equal(mailbox).await?;
    }
    let tenant = Tenant::of(&world.sandbox).await?;
    let ids: Vec<&str> = mailboxes
        .iter()
        .map(|mailbox| mailbox.id.as_str())
        .collect();
    for seed in 0..4 {
        tenant.change(&ids, 250, seed).await?;
        for mailbox in &mailboxes {
            world.level(mailbox).await?;
            world.ensure_equal(mailbox).await?;
        }
    }
    world.stop().await;
    Ok(())
}

/// An expired delta token means a comparison of the whole folder, not a wiped mirror: numbers stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_delta_token_keeps_the_mirror() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let before = numbers(&world, &mailbox).await?;
    let tenant = Tenant::of(&world.sandbox).await?;
    tenant.change(&[mailbox.id.as_str()], 40, 7).await?;
    world.sandbox.sandbox().mail().expire_delta_tokens();
    world.level(&mailbox).await?;
    world.ensure_equal(&mailbox).await?;
    let after = numbers(&world, &mailbox).await?;
    let kept = before.iter().filter(|one| after.contains(one)).count();
    assert!(kept > before.len() / 3, "{kept} of {}", before.len());
    world.stop().await;
    Ok(())
}

async fn numbers(
    world: &World,
    mailbox: &postroom_model::mailbox::Mailbox,
) -> Result<std::collections::HashSet<(String, String, u64)>> {
    let query = postroom_store::contract::messages::MessageQuery {
        limit: 500,
        ..Default::default()
    };
    Ok(world
        .engine
        .store()
        .list_messages(&mailbox.id, &query)
        .await?
        .into_iter()
        .map(|one| {
            (
                one.record.folder.into_string(),
                one.record.id.into_string(),
                one.number,
            )
        })
        .collect())
}

/// Real and broken mail of other libraries' test data is mirrored as the tenant shows it.
#[tokio::test(flavor = "multi_thread")]
async fn real_and_broken_mail_is_mirrored() -> Result<()> {
    let Some(corpus) = corpus() else {
        eprintln!("POSTROOM_MAIL_CORPUS is not set: no real mail was tried");
        return Ok(());
    };
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let mut loaded = 0;
    for entry in std::fs::read_dir(corpus)? {
        let path = entry?.path();
        if path.is_dir() {
            let report = world
                .sandbox
                .sandbox()
                .import(mailbox.id.as_str(), &path)
                .unwrap();
            loaded += report.loaded;
        }
    }
    assert!(loaded > 0, "no message in POSTROOM_MAIL_CORPUS");
    world.level(&mailbox).await?;
    world.ensure_equal(&mailbox).await?;
    // Whatever is in it, callers get JSON, and files with sound names.
    let mut cursor = String::new();
    loop {
        let list = world
            .api
            .get(&format!(
                "/mailboxes/{}/messages?limit=500&fields=body,subject,from{cursor}",
                mailbox.id
            ))
            .await?;
        for message in list["value"].as_array().unwrap() {
            let id = message["id"].as_str().unwrap();
            world
                .api
                .get(&format!("/mailboxes/{}/messages/{id}", mailbox.id))
                .await?;
        }
        match list["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    world.stop().await;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the mail is, whoever runs the tests says"
)]
fn corpus() -> Option<String> {
    std::env::var("POSTROOM_MAIL_CORPUS").ok()
}
