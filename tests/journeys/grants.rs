//! Keeping what users and administrators granted.

use crate::login::{log_in, refreshes};
use anyhow::{Context, Result};
use postroom_engine::grants::AccountChange;
use postroom_model::HeldClock;
use postroom_model::account::AccountState;
use postroom_sandbox::Challenge;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn quiet() -> WorldOptions {
    let mut options = WorldOptions::default();
    options.engine.people_interval = Duration::ZERO;
    options.door.backoff_base = Duration::from_millis(10);
    options
}

#[expect(clippy::disallowed_methods, reason = "where the held clock begins")]
fn held() -> WorldOptions {
    WorldOptions {
        clock: Some(HeldClock::at(jiff::Timestamp::now())),
        ..quiet()
    }
}

async fn account(world: &World, id: &str) -> Result<Value> {
    let accounts = world.api.get("/accounts").await?;
    let all = accounts["value"].as_array().context("a list")?;
    let found = all.iter().find(|one| one["id"] == id);
    found.cloned().context("the account")
}

async fn application(world: &World) -> Result<String> {
    let accounts = world.api.get("/accounts").await?;
    let all = accounts["value"].as_array().context("a list")?;
    let found = all.iter().find(|one| one["kind"] == "application");
    let found = found.context("the application")?;
    Ok(found["id"].as_str().context("an id")?.to_owned())
}

async fn token(world: &World, account: &str) -> Result<postroom_tests::api::Answer> {
    let path = format!("/accounts/{account}/token");
    world
        .api
        .answer(world.api.request(Method::POST, &path))
        .await
}

/// Signs the first user in and serves the own mailbox.
async fn with_mailbox(world: &World) -> Result<(String, String)> {
    let login = log_in(world, 0).await?;
    let account = login["account"].as_str().context("an id")?.to_owned();
    let mailbox = world
        .api
        .post("/mailboxes", &json!({"account": account}))
        .await?;
    let mailbox = mailbox["id"].as_str().context("an id")?.to_owned();
    assert_eq!(sync(world, &mailbox).await?["sync"]["state"], "upToDate");
    Ok((account, mailbox))
}

async fn sync(world: &World, mailbox: &str) -> Result<Value> {
    let path = format!("/mailboxes/{mailbox}/sync?wait=60");
    world.api.post(&path, &json!({})).await
}

fn heard(changes: &mut tokio::sync::broadcast::Receiver<AccountChange>) -> Vec<AccountState> {
    std::iter::from_fn(|| changes.try_recv().ok())
        .map(|change| change.now)
        .collect()
}

/// A token that is being fetched shows, and nothing of it is written.
#[tokio::test(flavor = "multi_thread")]
async fn refreshing_is_shown_while_it_lasts() -> Result<()> {
    let world = World::start(quiet()).await?;
    let login = log_in(&world, 0).await?;
    let id = login["account"].as_str().context("an id")?.to_owned();
    world.engine.expire_token(&id.as_str().into());
    world.sandbox.sandbox().fault(Fault::on(
        "/oauth2/v2.0/token",
        FaultAction::Delay {
            milliseconds: 3_000,
        },
    ));
    let asking = {
        let (api, id) = (world.api.clone(), id.clone());
        tokio::spawn(async move {
            let request = api.request(Method::POST, &format!("/accounts/{id}/token"));
            api.ok(request).await
        })
    };
    let mut seen = Value::Null;
    while !asking.is_finished() {
        let now = account(&world, &id).await?;
        if now["state"] == "refreshing" {
            seen = now;
            let written = world.engine.store().account(&id.as_str().into()).await?;
            assert_eq!(written.context("the account")?.state, AccountState::Active);
            break;
        }
    }
    assert!(seen["since"].is_string(), "it was never seen refreshing");
    asking.await??;
    assert_eq!(account(&world, &id).await?["state"], "active");
    world.stop().await;
    Ok(())
}

/// Revoked at Microsoft: the next call notices it, everybody is told once, and signing in again
/// brings back the same account with its mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_is_said_once_and_a_sign_in_brings_all_back() -> Result<()> {
    let world = World::start(quiet()).await?;
    let (id, mailbox) = with_mailbox(&world).await?;
    let mut changes = world.engine.account_changes();
    world.sandbox.sandbox().revoke(&world.user(0)?);
    for _ in 0..5 {
        world.engine.expire_token(&id.as_str().into());
        let refused = token(&world, &id).await?;
        assert_eq!(refused.body["code"], "needsSignIn", "{refused:?}");
        assert_eq!(sync(&world, &mailbox).await?["sync"]["state"], "failed");
    }
    assert_eq!(heard(&mut changes), [AccountState::Revoked]);
    let revoked = account(&world, &id).await?;
    assert_eq!(revoked["state"], "revoked", "{revoked}");
    let reason = revoked["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("AADSTS50173"), "{revoked}");
    // It is still so, and since the same time, after a restart.
    let world = world.restart().await?;
    assert_eq!(account(&world, &id).await?["since"], revoked["since"]);
    let mut changes = world.engine.account_changes();
    assert!(token(&world, &id).await?.status >= 400);
    let login = log_in(&world, 0).await?;
    assert_eq!(login["account"], id.as_str());
    assert_eq!(heard(&mut changes), [AccountState::Active]);
    let back = account(&world, &id).await?;
    assert_eq!(
        (&back["state"], &back["reason"]),
        (&json!("active"), &Value::Null)
    );
    let level = sync(&world, &mailbox).await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    world.stop().await;
    Ok(())
}

/// A secret that was taken away is noticed at the next call, whoever makes it, and said once; when
/// it is good again, so is the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_credential_is_said_once() -> Result<()> {
    let world = World::start(quiet()).await?;
    let login = log_in(&world, 0).await?;
    let user = login["account"].as_str().context("an id")?.to_owned();
    let app = application(&world).await?;
    let client = world.sandbox.client_id.clone();
    let secrets = world
        .sandbox
        .sandbox()
        .app(&client)
        .context("the app")?
        .secrets;
    let mut changes = world.engine.account_changes();
    world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.secrets.clear());
    for _ in 0..3 {
        // A user's refresh finds it out: it is the application that cannot act.
        world.engine.expire_token(&user.as_str().into());
        assert!(token(&world, &user).await?.status >= 400);
        world.engine.expire_token(&app.as_str().into());
        let refused = token(&world, &app).await?;
        assert_eq!(refused.body["code"], "credentialExpired", "{refused:?}");
    }
    assert_eq!(heard(&mut changes), [AccountState::CredentialExpired]);
    assert_eq!(account(&world, &user).await?["state"], "active");
    world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.secrets = secrets);
    world.engine.expire_token(&app.as_str().into());
    assert_eq!(token(&world, &app).await?.status, 200);
    assert_eq!(heard(&mut changes), [AccountState::Active]);
    world.engine.expire_token(&user.as_str().into());
    assert_eq!(token(&world, &user).await?.status, 200);
    world.stop().await;
    Ok(())
}

/// An application that nobody uses: the look once a day finds that its credential is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_credential_is_looked_at() -> Result<()> {
    let world = World::start(held()).await?;
    let app = application(&world).await?;
    let client = world.sandbox.client_id.clone();
    world.sandbox.sandbox().alter_app(&client, |app| {
        for secret in &mut app.secrets {
            secret.expires = jiff::Timestamp::UNIX_EPOCH;
        }
    });
    assert_eq!(account(&world, &app).await?["state"], "active");
    let mut changes = world.engine.account_changes();
    for _ in 0..3 {
        world.pass(DAY);
        world.engine.look_after_grants().await?;
    }
    assert_eq!(heard(&mut changes), [AccountState::CredentialExpired]);
    let over = account(&world, &app).await?;
    assert!(
        over["reason"]
            .as_str()
            .is_some_and(|why| why.contains("AADSTS7000222"))
    );
    world.stop().await;
    Ok(())
}

/// 200 days without a call: refreshed again and again, never ended. Microsoft ends a grant after 90.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_grant_is_kept_for_200_days() -> Result<()> {
    let world = World::start(held()).await?;
    let mut ids = Vec::new();
    for nth in 0..3 {
        let login = log_in(&world, nth).await?;
        ids.push(login["account"].as_str().context("an id")?.to_owned());
    }
    let mut changes = world.engine.account_changes();
    for _ in 0..200 {
        world.pass(DAY);
        world.engine.look_after_grants().await?;
    }
    // Every 12 to 14 days each.
    let made = refreshes(&world);
    assert!((3 * 14..=3 * 17).contains(&made), "{made} refreshes");
    assert!(heard(&mut changes).is_empty());
    for id in &ids {
        assert_eq!(account(&world, id).await?["state"], "active");
        assert_eq!(token(&world, id).await?.status, 200);
    }
    world.stop().await;
    Ok(())
}

/// The engine does it by itself, also after it was off for weeks.
#[tokio::test(flavor = "multi_thread")]
async fn idle_grants_are_refreshed_by_themselves() -> Result<()> {
    let world = World::start(held()).await?;
    let login = log_in(&world, 0).await?;
    let id = login["account"].as_str().context("an id")?.to_owned();
    let before = account(&world, &id).await?["expiresAt"].clone();
    world.pass(DAY * 30);
    let world = world.restart().await?;
    postroom_tests::wait::until("the grant is refreshed", || refreshes(&world) == 1).await?;
    let mut after = before.clone();
    for _ in 0..500 {
        after = account(&world, &id).await?["expiresAt"].clone();
        if after != before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_ne!(after, before);
    world.stop().await;
    Ok(())
}

/// Without a network an idle grant stays, and is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_grant_outlives_a_lost_network() -> Result<()> {
    let mut options = held();
    options.door.max_attempts = 1;
    let world = World::start(options).await?;
    let login = log_in(&world, 0).await?;
    let id = login["account"].as_str().context("an id")?.to_owned();
    let mut changes = world.engine.account_changes();
    world
        .sandbox
        .sandbox()
        .fault(Fault::on("/oauth2/v2.0/token", FaultAction::Drop).times(10_000));
    world.pass(DAY * 20);
    for _ in 0..24 {
        world.engine.look_after_grants().await?;
        world.pass(Duration::from_secs(60 * 60));
    }
    // The watch can just be trying.
    let state = account(&world, &id).await?["state"].clone();
    assert!(state == "active" || state == "refreshing", "{state}");
    assert_eq!(refreshes(&world), 0);
    world.sandbox.sandbox().faults().clear();
    world.pass(Duration::from_secs(2 * 60 * 60));
    world.engine.look_after_grants().await?;
    assert_eq!(refreshes(&world), 1);
    assert!(heard(&mut changes).is_empty());
    world.stop().await;
    Ok(())
}

/// Revoked with continuous access evaluation: no access token outlives it.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_at_once_is_noticed_at_once() -> Result<()> {
    let world = World::start(quiet()).await?;
    let (id, mailbox) = with_mailbox(&world).await?;
    world.sandbox.sandbox().revoke_at_once(&world.user(0)?);
    let failed = sync(&world, &mailbox).await?;
    assert_eq!(failed["sync"]["state"], "failed", "{failed}");
    assert_eq!(account(&world, &id).await?["state"], "revoked");
    log_in(&world, 0).await?;
    let level = sync(&world, &mailbox).await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    world.stop().await;
    Ok(())
}

/// A new token with the claims is fetched without anybody noticing: for a user, and for the
/// application.
#[tokio::test(flavor = "multi_thread")]
async fn a_claims_challenge_is_answered_silently() -> Result<()> {
    let world = World::start(quiet()).await?;
    let (id, mailbox) = with_mailbox(&world).await?;
    let served = world.serve(1).await?;
    world.level(&served).await?;
    let mut changes = world.engine.account_changes();
    let client = world.sandbox.client_id.clone();
    for who in [world.user(0)?, client] {
        assert!(
            world
                .sandbox
                .sandbox()
                .challenge(&who, Some(Challenge::NewToken))
        );
    }
    let before = refreshes(&world);
    assert_eq!(sync(&world, &mailbox).await?["sync"]["state"], "upToDate");
    assert_eq!(refreshes(&world) - before, 1);
    world.level(&served).await?;
    assert!(heard(&mut changes).is_empty());
    assert_eq!(account(&world, &id).await?["state"], "active");
    world.stop().await;
    Ok(())
}

/// Claims that take the user: the account says so, and the next sign-in carries them.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_takes_a_sign_in_with_the_claims() -> Result<()> {
    let world = World::start(quiet()).await?;
    let (id, mailbox) = with_mailbox(&world).await?;
    let mut changes = world.engine.account_changes();
    let step_up = Challenge::StepUp("c1".into());
    world
        .sandbox
        .sandbox()
        .challenge(&world.user(0)?, Some(step_up));
    for _ in 0..3 {
        assert_eq!(sync(&world, &mailbox).await?["sync"]["state"], "failed");
        world.engine.expire_token(&id.as_str().into());
    }
    assert_eq!(heard(&mut changes), [AccountState::NeedsSignIn]);
    let waits = account(&world, &id).await?;
    assert_eq!(waits["state"], "needsSignIn", "{waits}");
    assert!(
        waits["reason"]
            .as_str()
            .is_some_and(|why| why.contains("AADSTS50076"))
    );

    // A restart forgets nothing of it.
    let world = world.restart().await?;
    let path = format!("/connections/{}/logins", world.connection.id);
    let other = json!({"loginHint": world.user(1)?});
    let other = world.api.post(&path, &other).await?;
    assert!(
        !other["authorizeUrl"]
            .as_str()
            .unwrap_or_default()
            .contains("acrs")
    );
    let login = world.api.post(&path, &json!({})).await?;
    let address = login["authorizeUrl"].as_str().context("an address")?;
    assert!(
        address.contains("acrs") && address.contains("cp1"),
        "{address}"
    );
    let user = &world.sandbox.users[0];
    let (name, password) = (&user.user_principal_name, &user.password);
    sign_in(address, name, password, Does::Accepts).await?;
    assert_eq!(account(&world, &id).await?["state"], "active");
    let level = sync(&world, &mailbox).await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    // It is met: the next one asks for nothing more.
    let login = world.api.post(&path, &json!({})).await?;
    assert!(
        !login["authorizeUrl"]
            .as_str()
            .unwrap_or_default()
            .contains("acrs")
    );
    world.stop().await;
    Ok(())
}

/// An application cannot be asked for a second factor: the policy is named, and nothing is ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_a_policy_blocks_says_so() -> Result<()> {
    let world = World::start(quiet()).await?;
    let served = world.serve(0).await?;
    world.level(&served).await?;
    let client = world.sandbox.client_id.clone();
    let step_up = Challenge::StepUp("c1".into());
    world.sandbox.sandbox().challenge(&client, Some(step_up));
    let failed = sync(&world, served.id.as_str()).await?;
    assert_eq!(failed["sync"]["state"], "failed", "{failed}");
    let error = failed["sync"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("AADSTS53003"), "{error}");
    let app = application(&world).await?;
    assert_eq!(account(&world, &app).await?["state"], "active");
    world.sandbox.sandbox().challenge(&client, None);
    world.engine.expire_token(&app.as_str().into());
    world.level(&served).await?;
    world.stop().await;
    Ok(())
}

/// Tokens without an end, with one of nothing, in words, or too far: calls go through all the same.
#[tokio::test(flavor = "multi_thread")]
async fn odd_lifetimes_and_refresh_tokens_do_no_harm() -> Result<()> {
    let world = World::start(quiet()).await?;
    let (id, mailbox) = with_mailbox(&world).await?;
    let grant = async || -> Result<String> {
        let grant = world.engine.store().grant(&id.as_str().into()).await?;
        Ok(grant.context("a grant")?.refresh_token.reveal().to_owned())
    };
    for (name, value) in [
        ("expires_in", Value::Null),
        ("expires_in", json!(0)),
        ("expires_in", json!("3600")),
        ("expires_in", json!("soon")),
        ("expires_in", json!(1e30)),
        ("refresh_in", json!("never")),
        ("scope", Value::Null),
        ("token_type", Value::Null),
    ] {
        let fault = FaultAction::edit(name, value.clone());
        world
            .sandbox
            .sandbox()
            .fault(Fault::on("/oauth2/v2.0/token", fault));
        world.engine.expire_token(&id.as_str().into());
        let before = refreshes(&world);
        let level = sync(&world, &mailbox).await?;
        assert_eq!(
            level["sync"]["state"], "upToDate",
            "{name} {value}: {level}"
        );
        assert_eq!(refreshes(&world) - before, 1, "{name} {value}");
    }
    // No new refresh token: the one that is there stays. The same again: it stays, too.
    let old = grant().await?;
    for value in [Value::Null, json!(""), json!(old)] {
        let fault = FaultAction::edit("refresh_token", value.clone());
        world
            .sandbox
            .sandbox()
            .fault(Fault::on("/oauth2/v2.0/token", fault));
        world.engine.expire_token(&id.as_str().into());
        assert_eq!(token(&world, &id).await?.status, 200, "{value}");
        assert_eq!(grant().await?, old, "{value}");
    }
    world.stop().await;
    Ok(())
}

/// An authority that answers with anything but what it should: said, and nothing is ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_answers_nonsense_ends_nothing() -> Result<()> {
    let mut options = quiet();
    options.door.max_attempts = 2;
    let world = World::start(options).await?;
    let (id, mailbox) = with_mailbox(&world).await?;
    let mut changes = world.engine.account_changes();
    for action in [
        FaultAction::Html { status: 200 },
        FaultAction::Html { status: 404 },
        FaultAction::Html { status: 502 },
        FaultAction::Drop,
        FaultAction::Cut,
        FaultAction::GarbageJson,
        FaultAction::TruncatedJson,
        FaultAction::status(503, None),
        FaultAction::status(503, Some(1)),
        FaultAction::edit("access_token", Value::Null),
        FaultAction::edit("access_token", json!("")),
        FaultAction::Answer {
            status: 200,
            content_type: "application/json".into(),
            body: String::new(),
        },
        FaultAction::Answer {
            status: 400,
            content_type: "application/json".into(),
            body: "{}".into(),
        },
    ] {
        let fault = Fault::on("/oauth2/v2.0/token", action.clone()).times(2);
        world.sandbox.sandbox().fault(fault);
        world.engine.expire_token(&id.as_str().into());
        let refused = token(&world, &id).await?;
        assert!(refused.status >= 500, "{action:?}: {refused:?}");
        assert!(
            refused.body["detail"]
                .as_str()
                .is_some_and(|text| text.len() > 20),
            "{refused:?}"
        );
        world.sandbox.sandbox().faults().clear();
        world.engine.expire_token(&id.as_str().into());
        let level = sync(&world, &mailbox).await?;
        assert_eq!(level["sync"]["state"], "upToDate", "{action:?}: {level}");
    }
    assert!(heard(&mut changes).is_empty());
    world.stop().await;
    Ok(())
}
