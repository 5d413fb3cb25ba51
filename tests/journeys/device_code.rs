//! Signing in with a code on another device.

use anyhow::{Context, Result};
use postroom_model::HeldClock;
use postroom_sandbox::AppRegistration;
use postroom_sandbox::faults::{EntraFault, Fault, FaultAction};
use postroom_tests::browser::{Does, enter_code};
use postroom_tests::wait::until;
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A world whose time the test moves on.
async fn held() -> Result<World> {
    World::start(held_options()).await
}

fn held_options() -> WorldOptions {
    WorldOptions {
        clock: Some(HeldClock::at(now())),
        ..WorldOptions::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "where the held clock begins")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

async fn begin(world: &World, connection: &str) -> Result<Value> {
    let login = world
        .api
        .post(
            &format!("/connections/{connection}/logins"),
            &json!({"method": "deviceCode"}),
        )
        .await?;
    assert_eq!(login["status"], "pending", "{login}");
    assert!(login.get("authorizeUrl").is_none(), "{login}");
    Ok(login)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

async fn type_code(world: &World, login: &Value, nth: usize, does: Does) -> Result<String> {
    let user = &world.sandbox.users[nth];
    let (_, page) = enter_code(
        text(login, "verificationUri"),
        text(login, "userCode"),
        &user.user_principal_name,
        &user.password,
        does,
    )
    .await?;
    Ok(page)
}

/// The login when it has ended, while time passes.
async fn ended(world: &World, login: &Value) -> Result<Value> {
    let path = format!("/logins/{}", text(login, "id"));
    for _ in 0..3_000 {
        let login = world.api.get(&path).await?;
        if login["status"] != "pending" {
            return Ok(login);
        }
        world.pass(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    anyhow::bail!("the sign-in does not end")
}

/// How often Microsoft was asked and said that the user has not finished.
fn pending_polls(world: &World) -> u64 {
    let stats = world.sandbox.sandbox().stats();
    stats.refusals.get(&70_016).copied().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_on_another_device_and_reads_the_own_mailbox() -> Result<()> {
    let world = held().await?;
    let login = begin(&world, world.connection.id.as_str()).await?;
    assert!(text(&login, "message").contains(text(&login, "userCode")));
    world.pass(Duration::from_secs(5));
    until("a poll is answered", || pending_polls(&world) == 1).await?;
    let page = type_code(&world, &login, 0, Does::Accepts).await?;
    assert!(page.contains("You have signed in"), "{page}");
    let login = ended(&world, &login).await?;
    assert_eq!(login["status"], "completed", "{login}");
    let mailbox = world
        .api
        .post("/mailboxes", &json!({"account": login["account"]}))
        .await?;
    let sync = format!("/mailboxes/{}/sync?wait=60", text(&mailbox, "id"));
    let level = world.api.post(&sync, &json!({})).await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    // There is no address to be given.
    let path = format!("/logins/{}/redirect", text(&login, "id"));
    let given = world.api.request(Method::POST, &path);
    let given = given.json(&json!({"url": "http://localhost/?code=a&state=b"}));
    world.api.refused(given, 400, "invalidRequest").await?;
    world.stop().await;
    Ok(())
}

/// A public client has no credential and sends none.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_signs_in_without_a_credential() -> Result<()> {
    let world = held().await?;
    let client_id = "11111111-2222-4333-8444-555555555555";
    let mut app = AppRegistration::new(client_id, "A public client");
    app.public = true;
    app.delegated = ["User.Read", "Mail.ReadWrite", "Mail.Send"]
        .map(str::to_owned)
        .to_vec();
    world.sandbox.sandbox().put_app(app);
    let connection = world
        .api
        .post(
            "/connections",
            &json!({
                "name": "Public",
                "tenantId": world.sandbox.tenant_id,
                "clientId": client_id,
                "authorityUrl": world.sandbox.authority_url,
                "graphUrl": world.sandbox.graph_url,
            }),
        )
        .await?;
    let login = begin(&world, text(&connection, "id")).await?;
    type_code(&world, &login, 1, Does::Accepts).await?;
    let login = ended(&world, &login).await?;
    assert_eq!(login["status"], "completed", "{login}");
    let token = format!("/accounts/{}/token", text(&login, "account"));
    world
        .api
        .ok(world.api.request(Method::POST, &token))
        .await?;
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_declines_ends_it() -> Result<()> {
    let world = held().await?;
    let login = begin(&world, world.connection.id.as_str()).await?;
    type_code(&world, &login, 0, Does::Declines).await?;
    let login = ended(&world, &login).await?;
    assert_eq!(login["status"], "failed", "{login}");
    assert!(text(&login, "error").contains("said no"), "{login}");
    world.stop().await;
    Ok(())
}

/// A wrong code is told to the one who typed it; nobody else's sign-in ends by it. One that nobody
/// types is over in time.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_forgotten_codes() -> Result<()> {
    let world = held().await?;
    let login = begin(&world, world.connection.id.as_str()).await?;
    let mut wrong = login.clone();
    wrong["userCode"] = "BBBBBBBBB".into();
    let page = type_code(&world, &wrong, 0, Does::Accepts).await?;
    assert!(page.contains("AADSTS70018"), "{page}");
    world.pass(Duration::from_secs(5));
    until("a poll is answered", || pending_polls(&world) == 1).await?;
    world.pass(Duration::from_secs(900));
    let over = ended(&world, &login).await?;
    assert_eq!(over["status"], "expired", "{over}");
    let page = type_code(&world, &login, 0, Does::Accepts).await?;
    assert!(page.contains("AADSTS70019"), "{page}");
    world.stop().await;
    Ok(())
}

/// The server's own end is no end: the code is still good, and asked about again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_asking() -> Result<()> {
    let world = held().await?;
    let login = begin(&world, world.connection.id.as_str()).await?;
    let world = world.restart().await?;
    type_code(&world, &login, 0, Does::Accepts).await?;
    let login = ended(&world, &login).await?;
    assert_eq!(login["status"], "completed", "{login}");
    world.stop().await;
    Ok(())
}

/// Networks that are lost, pages of proxies and busy services end nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_network_ends_nothing() -> Result<()> {
    let world = held().await?;
    let login = begin(&world, world.connection.id.as_str()).await?;
    for action in [
        FaultAction::Drop,
        FaultAction::Html { status: 200 },
        FaultAction::GarbageJson,
        FaultAction::status(503, None),
        FaultAction::status(503, Some(7)),
        FaultAction::entra(90_033),
    ] {
        world.sandbox.sandbox().fault(Fault::on("/token", action));
    }
    for _ in 0..60 {
        world.pass(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let login_now = world
        .api
        .get(&format!("/logins/{}", text(&login, "id")))
        .await?;
    assert_eq!(login_now["status"], "pending", "{login_now}");
    type_code(&world, &login, 0, Does::Accepts).await?;
    let login = ended(&world, &login).await?;
    assert_eq!(login["status"], "completed", "{login}");
    assert!(world.sandbox.sandbox().faults().waiting().is_empty());
    world.stop().await;
    Ok(())
}

/// RFC 8628, section 3.5: five seconds more between two polls.
#[tokio::test(flavor = "multi_thread")]
async fn slow_down_is_obeyed() -> Result<()> {
    let world = held().await?;
    begin(&world, world.connection.id.as_str()).await?;
    let slow = EntraFault {
        number: 70_016,
        error: Some("slow_down".into()),
        ..EntraFault::default()
    };
    let slow = Fault::on("/token", FaultAction::Entra(slow));
    world.sandbox.sandbox().fault(slow);
    world.pass(Duration::from_secs(5));
    until("the first poll is answered", || pending_polls(&world) == 1).await?;
    // The pause begins when the answer is there, a moment after it was counted.
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.pass(Duration::from_secs(5));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        pending_polls(&world),
        1,
        "it asked again after five seconds"
    );
    for _ in 0..10 {
        world.pass(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until("the second poll is answered", || pending_polls(&world) == 2).await?;
    world.stop().await;
    Ok(())
}

/// What the sign-in service says to the first request is told to whoever asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_not_given_is_an_error() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let path = format!("/connections/{}/logins", world.connection.id);
    for (action, status, code) in [
        (FaultAction::entra(700_016), 502, "microsoftRefused"),
        (FaultAction::entra(65_001), 409, "consentMissing"),
        (
            FaultAction::Html { status: 200 },
            502,
            "microsoftUnreachable",
        ),
        (
            FaultAction::edit("user_code", Value::Null),
            502,
            "microsoftUnreachable",
        ),
        (
            FaultAction::edit("verification_uri", json!("javascript:alert(1)")),
            502,
            "microsoftUnreachable",
        ),
    ] {
        world
            .sandbox
            .sandbox()
            .fault(Fault::on("/devicecode", action).times(9));
        let begun = world.api.request(Method::POST, &path);
        let begun = begun.json(&json!({"method": "deviceCode"}));
        world
            .api
            .refused(begun, status, code)
            .await
            .with_context(|| code.to_owned())?;
        world.sandbox.sandbox().faults().clear();
    }
    world.stop().await;
    Ok(())
}
