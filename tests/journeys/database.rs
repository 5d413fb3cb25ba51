//! A PostgreSQL database that goes away, in the midst of everything, and comes back.

use crate::login::{log_in, refreshes};
use anyhow::{Context, Result};
use postroom_cluster::{Cluster, Stop, psql};
use postroom_engine::access::Caller;
use postroom_model::{AccountId, Dice, SystemDice};
use postroom_sandbox::Sandbox;
use postroom_tests::{Ground, Tenant, World, WorldOptions};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A world on a cluster of the test's own.
async fn world_on(cluster: &Cluster, options: WorldOptions) -> Result<World> {
    let sandbox = Sandbox::start(options.sandbox.clone()).await?;
    let database = cluster.create_database()?;
    let ground = Ground::at(&database.url())?;
    // The cluster is removed whole.
    std::mem::forget(database);
    World::start_on(ground, options, sandbox).await
}

/// The cluster is restarted at random moments, half of the times as by a power cut, while three
/// mailboxes are mirrored, mail changes and callers send. What was accepted leaves once, and the
/// mirror ends equal.
#[tokio::test(flavor = "multi_thread")]
async fn restarted_at_random_moments() -> Result<()> {
    let cluster = Arc::new(Cluster::start()?);
    let mut options = WorldOptions::default();
    options.sandbox.messages = 3_000;
    options.sandbox.mail.mailboxes_for_bulk = 3;
    let world = world_on(&cluster, options).await?;
    let mut mailboxes = Vec::new();
    for nth in 0..3 {
        mailboxes.push(world.serve(nth).await?);
    }
    let ids: Vec<&str> = mailboxes.iter().map(|one| one.id.as_str()).collect();
    let tenant = Tenant::of(&world.sandbox).await?;

    let over = Arc::new(AtomicBool::new(false));
    let restarting = {
        let (cluster, over) = (Arc::clone(&cluster), Arc::clone(&over));
        tokio::spawn(async move {
            let dice = SystemDice;
            let mut restarts = 0;
            while !over.load(Ordering::Relaxed) || restarts < 6 {
                tokio::time::sleep(Duration::from_secs_f64(0.3 + dice.fraction() * 1.5)).await;
                let how = if restarts % 2 == 0 {
                    Stop::Fast
                } else {
                    Stop::Immediate
                };
                let cluster = Arc::clone(&cluster);
                tokio::task::spawn_blocking(move || cluster.restart(how)).await??;
                restarts += 1;
            }
            anyhow::Ok(restarts)
        })
    };

    let mut accepted: BTreeMap<String, bool> = BTreeMap::new();
    for seed in 0..5 {
        tenant.change(&ids, 60, seed).await?;
        for (number, mailbox) in mailboxes.iter().enumerate() {
            let subject = format!("Sent in {seed} from {number}");
            let message = json!({
                "subject": subject,
                "body": {"contentType": "text", "content": "Hello"},
                "toRecipients": [{"emailAddress": {"address": "somebody@elsewhere.example"}}],
            });
            let path = format!("/mailboxes/{}/send", mailbox.id);
            let answer = world
                .api
                .answer(world.api.request(Method::POST, &path).json(&message))
                .await?;
            assert!(matches!(answer.status, 202 | 503), "{answer:?}");
            accepted.insert(subject, answer.status == 202);
            // Level or not: the database is away every now and then.
            let _ = world
                .engine
                .sync_mailbox(&mailbox.id, Duration::from_secs(20))
                .await;
        }
    }
    over.store(true, Ordering::Relaxed);
    let restarts = restarting.await??;
    assert!(restarts >= 6, "{restarts}");

    for mailbox in &mailboxes {
        world.level(mailbox).await?;
    }
    let outbox = world.api.get("/outbox?limit=500").await?;
    for item in outbox["value"].as_array().context("a list")? {
        let id = item["id"].as_str().context("an id")?;
        let item = world.api.get(&format!("/outbox/{id}?wait=60")).await?;
        assert_eq!(item["status"], "sent", "{item}");
    }
    let sent = world.sandbox.sandbox().mail().sent();
    for (subject, accepted) in &accepted {
        let times = sent.iter().filter(|one| one.subject == *subject).count();
        if *accepted {
            assert_eq!(times, 1, "{subject}");
        } else {
            // Unless it was written when the connection broke: then it left, once.
            assert!(times <= 1, "{subject}: {times}");
        }
    }
    for mailbox in &mailboxes {
        world.level(mailbox).await?;
        world.ensure_equal(mailbox).await?;
    }
    world.stop().await;
    Ok(())
}

/// While the database is away callers are told so and when to ask again, the process lives, and the
/// readiness check says no. Afterwards everything goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn away_and_back() -> Result<()> {
    let cluster = Cluster::start()?;
    let mut options = WorldOptions::default();
    options.sandbox.messages = 500;
    // Rounds by themselves, so that nobody has to ask.
    options.engine.sync_interval = Duration::from_secs(1);
    let world = world_on(&cluster, options).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let root = world.api.url().to_owned();

    cluster.stop(Stop::Fast)?;
    let tenant = Tenant::of(&world.sandbox).await?;
    tenant.change(&[mailbox.id.as_str()], 30, 1).await?;
    let answer = world
        .api
        .answer(
            world
                .api
                .request(Method::GET, &format!("/mailboxes/{}/messages", mailbox.id)),
        )
        .await?;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.body["code"], "storageFailed", "{answer:?}");
    let alive = reqwest::get(format!("{root}/healthz")).await?;
    assert_eq!(alive.status(), 200);
    let ready = reqwest::get(format!("{root}/readyz")).await?;
    assert_eq!(ready.status(), 503);

    cluster.resume()?;
    let mut level = false;
    for _ in 0..600 {
        level = world.ensure_equal(&mailbox).await.is_ok();
        if level {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if !level {
        world.ensure_equal(&mailbox).await?;
    }
    let ready = reqwest::get(format!("{root}/readyz")).await?;
    assert_eq!(ready.status(), 200);
    world.stop().await;
    Ok(())
}

/// Microsoft hands out a new refresh token while the database takes no writes. It is kept until it
/// can be written: with the former one used up, the user would have to sign in again.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_outlives_a_database_that_takes_no_writes() -> Result<()> {
    let cluster = Cluster::start()?;
    let mut options = WorldOptions::default();
    options.sandbox.strict_rotation = true;
    let world = world_on(&cluster, options).await?;
    let login = log_in(&world, 0).await?;
    let account = AccountId::new(login["account"].as_str().context("an account")?);
    let token = || world.engine.account_token(&Caller::Local, &account);
    token().await?;
    let before = refreshes(&world);

    world.engine.expire_token(&account);
    writable(&cluster, false)?;
    assert!(token().await.is_err(), "it could not be written");
    assert_eq!(refreshes(&world), before + 1);
    assert!(token().await.is_err(), "it still cannot be written");
    writable(&cluster, true)?;
    token().await?;
    assert_eq!(refreshes(&world), before + 1, "Microsoft was asked once");
    world.engine.expire_token(&account);
    token().await?;
    assert_eq!(refreshes(&world), before + 2);
    world.stop().await;
    Ok(())
}

/// Lets every session of the test's database write, or only read.
fn writable(cluster: &Cluster, may: bool) -> Result<()> {
    let admin = cluster.admin_url();
    let setting = if may { "off" } else { "on" };
    psql(
        &admin,
        &format!("ALTER DATABASE test_0 SET default_transaction_read_only = {setting}"),
    )?;
    psql(
        &admin,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test_0'",
    )?;
    Ok(())
}
