//! The mirrored directory.

use anyhow::{Context, Result};
use postroom_model::resource::person::PersonSource;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_store::contract::calls::CallQuery;
use postroom_store::contract::people::StoredPerson;
use postroom_tests::{World, WorldOptions};
use std::time::{Duration, Instant};

/// Waits until the connection's people are as wanted.
async fn people_when(
    world: &World,
    wanted: impl Fn(&[StoredPerson]) -> bool,
) -> Result<Vec<StoredPerson>> {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        let people = world.engine.store().people(&world.connection.id).await?;
        if wanted(&people) {
            return Ok(people);
        }
        anyhow::ensure!(Instant::now() < until, "still: {people:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The tenant's users, asked live.
async fn users(world: &World) -> Result<Vec<serde_json::Value>> {
    let path = format!("/connections/{}/users?limit=500", world.connection.id);
    let answer = world.api.get(&path).await?;
    Ok(answer["value"].as_array().context("a list")?.clone())
}

/// Everybody in the directory is there with what the directory says, without anybody asking, and the
/// mirror of mail does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_directory_is_read() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let users = users(&world).await?;
    let people = people_when(&world, |people| people.len() == users.len()).await?;
    for user in &users {
        let id = user["id"].as_str().context("an id")?;
        let found = people.iter().find(|it| it.record.id == id);
        let found = &found.with_context(|| format!("{user} is missing"))?.record;
        assert_eq!(found.source, PersonSource::Directory);
        for (name, kept) in [
            ("userPrincipalName", &found.user_principal_name),
            ("displayName", &found.display_name),
            ("mail", &found.mail),
            ("jobTitle", &found.job_title),
            ("department", &found.department),
            ("officeLocation", &found.office_location),
            ("mobilePhone", &found.mobile_phone),
        ] {
            assert_eq!(kept.as_deref(), user[name].as_str(), "{name} of {user}");
        }
        assert_eq!(found.account_enabled, user["accountEnabled"].as_bool());
    }
    // The owner of a mailbox is one of them, under the same id.
    assert!(people.iter().any(|it| it.record.id == mailbox.id.as_str()));
    world.stop().await;
    Ok(())
}

/// Where the directory may not be read, people are the owners of mailboxes; mail goes on. Who was
/// known by the permission is known no longer, until it is given again.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_owners_are_known() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let everybody = people_when(&world, |people| people.len() > 1).await?;
    let client = world.sandbox.client_id.clone();
    let mut permissions = Vec::new();
    world.sandbox.sandbox().alter_app(&client, |app| {
        permissions = app.application.clone();
        app.application
            .retain(|it| !it.starts_with("User.") && !it.starts_with("Directory."));
    });
    let world = world.restart().await?;
    let owners = people_when(&world, |people| people.len() == 1).await?;
    assert_eq!(owners[0].record.id, mailbox.id.as_str());
    assert_eq!(owners[0].record.source, PersonSource::Mailbox);
    assert_eq!(owners[0].record.mail.as_ref(), Some(&mailbox.address));
    assert_eq!(owners[0].record.department, None);
    world.level(&mailbox).await?;
    world.sandbox.sandbox().alter_app(&client, |app| {
        app.application = permissions.clone();
    });
    // Somebody leaves meanwhile.
    let leaver = world.user(2)?;
    world.sandbox.sandbox().directory().delete(&leaver);
    let world = world.restart().await?;
    let people = people_when(&world, |people| people.len() + 1 == everybody.len()).await?;
    let is_leaver = |it: &StoredPerson| it.record.user_principal_name.as_ref() == Some(&leaver);
    assert!(everybody.iter().any(is_leaver) && !people.iter().any(is_leaver));
    world.stop().await;
    Ok(())
}

/// An answer that never came takes nobody out.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_reading_takes_nobody_out() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let everybody = people_when(&world, |people| people.len() > 1).await?;
    let busy = FaultAction::Status {
        status: 500,
        retry_after: None,
        code: None,
        headers: Default::default(),
    };
    let fault = Fault::on("/users?", busy).times(1000);
    world.sandbox.sandbox().fault(fault);
    let world = world.restart().await?;
    let until = Instant::now() + Duration::from_secs(40);
    let failed = CallQuery {
        failed: true,
        limit: 10,
        ..CallQuery::default()
    };
    // Until the reading has met the fault.
    while world.engine.store().list_calls(&failed).await?.is_empty() {
        anyhow::ensure!(Instant::now() < until, "the directory was not asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let people = world.engine.store().people(&world.connection.id).await?;
    assert_eq!(people, everybody);
    world.stop().await;
    Ok(())
}
