//! The mirror is equal to the tenant.

use anyhow::Result;
use postroom_tests::compare::differences;
use postroom_tests::{Tenant, World, WorldOptions};

async fn assert_equal(world: &World, mailbox: &postroom_model::mailbox::Mailbox) -> Result<()> {
    let tenant = world
        .sandbox
        .sandbox()
        .mail()
        .snapshot(mailbox.id.as_str())
        .unwrap();
    let found = differences(world.engine.store().as_ref(), mailbox, &tenant).await?;
    assert!(
        found.is_empty(),
        "{} of {} differ, the first: {}",
        found.len(),
        tenant.messages.len(),
        found[0]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_brings_everything() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    assert_equal(&world, &mailbox).await?;
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
        assert_equal(&world, mailbox).await?;
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
            assert_equal(&world, mailbox).await?;
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
    assert_equal(&world, &mailbox).await?;
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
