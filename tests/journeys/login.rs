//! Signing in on behalf of a user, and staying signed in.

use anyhow::Result;
use postroom_engine::access::Caller;
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::{World, WorldOptions};
use serde_json::{Value, json};
use std::time::Duration;

async fn begin(world: &World) -> Result<(String, String)> {
    let login = world
        .api
        .post(
            &format!("/connections/{}/logins", world.connection.id),
            &json!({}),
        )
        .await?;
    Ok((
        login["id"].as_str().unwrap().to_owned(),
        login["authorizeUrl"].as_str().unwrap().to_owned(),
    ))
}

/// Signs a user in, in the sandbox's page.
pub(crate) async fn log_in(world: &World, nth: usize) -> Result<Value> {
    let (id, authorize_url) = begin(world).await?;
    let user = &world.sandbox.users[nth];
    let waiting = {
        let api = world.api.clone();
        let id = id.clone();
        tokio::spawn(async move { api.get(&format!("/logins/{id}?wait=60")).await })
    };
    let (_, page) = sign_in(
        &authorize_url,
        &user.user_principal_name,
        &user.password,
        Does::Accepts,
    )
    .await?;
    assert!(page.to_lowercase().contains("clos"), "{page}");
    let login = waiting.await??;
    assert_eq!(login["status"], "completed", "{login}");
    Ok(login)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_and_reads_the_own_mailbox() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let login = log_in(&world, 0).await?;

    let mailbox = world
        .api
        .post("/mailboxes", &json!({"account": login["account"]}))
        .await?;
    let id = mailbox["id"].as_str().unwrap();
    let level = world
        .api
        .post(&format!("/mailboxes/{id}/sync?wait=60"), &json!({}))
        .await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    let list = world.api.get(&format!("/mailboxes/{id}/messages")).await?;
    assert!(!list["value"].as_array().unwrap().is_empty());
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_declines_is_told_and_so_is_the_caller() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let (id, authorize_url) = begin(&world).await?;
    let user = &world.sandbox.users[0];
    sign_in(
        &authorize_url,
        &user.user_principal_name,
        &user.password,
        Does::Declines,
    )
    .await?;
    let login = world.api.get(&format!("/logins/{id}?wait=10")).await?;
    assert_eq!(login["status"], "failed", "{login}");
    assert!(login["error"].as_str().is_some_and(|text| text.len() > 10));
    world.stop().await;
    Ok(())
}

/// Tokens live for seconds, fifty callers at once, restarts in between: one refresh each time, and
/// none lost. Microsoft's clock moves by hand, so nothing here waits for time to pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_hour_of_refreshes_in_fast_motion() -> Result<()> {
    let mut options = WorldOptions::default();
    options.sandbox.access_token_lifetime = Duration::from_secs(60);
    let mut world = World::start(options).await?;
    let login = log_in(&world, 0).await?;
    let account = postroom_model::AccountId::new(login["account"].as_str().unwrap());
    for minute in 0..60 {
        if minute % 20 == 19 {
            world = world.restart().await?;
        }
        // The token is taken back, as at its end: everybody needs a new one at once.
        world.engine.expire_token(&account);
        let before = refreshes(&world);
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let engine = world.engine.clone();
                let account = account.clone();
                tokio::spawn(async move { engine.account_token(&Caller::Local, &account).await })
            })
            .collect();
        for caller in callers {
            caller.await??;
        }
        assert_eq!(refreshes(&world) - before, 1, "minute {minute}");
    }
    let accounts = world.api.get("/accounts").await?;
    assert!(
        accounts["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|account| account["state"] == "active"),
        "{accounts}"
    );
    world.stop().await;
    Ok(())
}

/// How many refreshes Microsoft has answered.
pub(crate) fn refreshes(world: &World) -> u64 {
    world
        .sandbox
        .sandbox()
        .stats()
        .grants
        .get("refresh_token")
        .copied()
        .unwrap_or(0)
}

/// Neither the data folder nor the call log nor any answer shows a secret or a token.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_anywhere() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let login = log_in(&world, 0).await?;
    let account = postroom_model::AccountId::new(login["account"].as_str().unwrap());
    let token = world.engine.account_token(&Caller::Local, &account).await?;
    let grant = world.engine.store().grant(&account).await?.unwrap();
    let key = world.key().to_owned();
    let texts = vec![
        world.sandbox.client_secret.clone(),
        token.token.reveal().to_owned(),
        grant.refresh_token.reveal().to_owned(),
        key,
    ];
    let mut answers = String::new();
    for path in [
        "/connections",
        "/accounts",
        "/keys",
        "/calls?limit=500",
        "/mailboxes",
        "/outbox",
        "/keys/self",
    ] {
        answers.push_str(&world.api.get(path).await?.to_string());
    }
    let calls = world.api.get("/calls?limit=500").await?;
    for call in calls["value"].as_array().unwrap() {
        let id = call["id"].as_str().unwrap();
        answers.push_str(&world.api.get(&format!("/calls/{id}")).await?.to_string());
    }
    for text in &texts {
        assert!(!answers.contains(text.as_str()), "an answer has a secret");
    }
    let ground = world.stop().await;
    assert_eq!(ground.secrets_in(&texts)?, Vec::<String>::new());
    Ok(())
}
