//! Sign-ins that go astray: returns that nobody asked for, that come twice, late or for somebody
//! else; addresses that are pasted; clocks that are wrong; authorities that answer nonsense.

use crate::login::log_in;
use anyhow::{Context, Result, bail};
use postroom_model::HeldClock;
use postroom_sandbox::SignedIn;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn begin(world: &World, body: &Value) -> Result<Value> {
    let path = format!("/connections/{}/logins", world.connection.id);
    world.api.post(&path, body).await
}

async fn login(world: &World, begun: &Value) -> Result<Value> {
    let id = begun["id"].as_str().context("an id")?;
    world.api.get(&format!("/logins/{id}")).await
}

/// Where the browser is sent after this user signed in; it does not go there.
fn returns_to(world: &World, begun: &Value, nth: usize) -> Result<String> {
    let user = &world.sandbox.users[nth];
    let address = begun["authorizeUrl"].as_str().context("an address")?;
    let ended = world
        .sandbox
        .sandbox()
        .sign_in(address, &user.user_principal_name, &user.password);
    match ended {
        SignedIn::Redirect(to) => Ok(to),
        SignedIn::Page(page) => bail!("a page: {page}"),
    }
}

async fn visit(address: &str) -> Result<(u16, String)> {
    let answer = reqwest::get(address).await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

async fn users(world: &World) -> Result<Vec<Value>> {
    let accounts = world.api.get("/accounts").await?;
    let all = accounts["value"].as_array().context("a list")?;
    let users = all.iter().filter(|one| one["kind"] == "user");
    Ok(users.cloned().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn returns_that_nobody_asked_for_change_nothing() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let begun = begin(&world, &json!({})).await?;
    let callback = format!("{}/auth/callback", world.api.url());
    for query in [
        "",
        "?code=1.abc",
        "?code=1.abc&state=",
        "?code=1.abc&state=nobodys",
        "?error=access_denied&state=nobodys",
    ] {
        let (status, page) = visit(&format!("{callback}{query}")).await?;
        assert_eq!(status, 400, "{query}: {page}");
        assert!(!page.contains("1.abc"), "{page}");
    }
    assert_eq!(login(&world, &begun).await?["status"], "pending");
    assert_eq!(users(&world).await?, Vec::<Value>::new());
    // The right one is taken all the same.
    let (status, _) = visit(&returns_to(&world, &begun, 0)?).await?;
    assert_eq!(status, 200);
    assert_eq!(login(&world, &begun).await?["status"], "completed");
    world.stop().await;
    Ok(())
}

/// A return that comes twice, and a code that is shown again with another sign-in's state.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let first = begin(&world, &json!({})).await?;
    let address = returns_to(&world, &first, 0)?;
    assert_eq!(visit(&address).await?.0, 200);
    let (status, page) = visit(&address).await?;
    assert!(page.contains("finished already"), "{status} {page}");
    let second = begin(&world, &json!({})).await?;
    let state = |begun: &Value| -> Result<String> {
        let address = url::Url::parse(begun["authorizeUrl"].as_str().context("an address")?)?;
        let found = address.query_pairs().find(|(name, _)| name == "state");
        Ok(found.context("a state")?.1.into_owned())
    };
    let replayed = address.replace(&state(&first)?, &state(&second)?);
    let (status, page) = visit(&replayed).await?;
    assert_eq!(status, 400);
    assert!(page.contains("AADSTS54005"), "{page}");
    let failed = login(&world, &second).await?;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(users(&world).await?.len(), 1);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_after_the_end_is_too_late() -> Result<()> {
    let clock = HeldClock::at(now());
    let options = WorldOptions {
        clock: Some(clock),
        ..WorldOptions::default()
    };
    let world = World::start(options).await?;
    let begun = begin(&world, &json!({"expiresIn": 60})).await?;
    let address = returns_to(&world, &begun, 0)?;
    world.pass(Duration::from_secs(61));
    let (status, page) = visit(&address).await?;
    assert_eq!(status, 400, "{page}");
    assert!(page.contains("in time"), "{page}");
    assert_eq!(login(&world, &begun).await?["status"], "expired");
    assert_eq!(users(&world).await?, Vec::<Value>::new());
    world.stop().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "where the held clock begins")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Two at once for one user: both finish, one account comes of them, and it can act.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_sign_ins_at_once_both_finish() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let known = log_in(&world, 0).await?;
    for _ in 0..5 {
        let (one, two) = (
            begin(&world, &json!({})).await?,
            begin(&world, &json!({})).await?,
        );
        let addresses = (returns_to(&world, &one, 0)?, returns_to(&world, &two, 0)?);
        let (first, second) = tokio::join!(visit(&addresses.0), visit(&addresses.1));
        assert_eq!((first?.0, second?.0), (200, 200));
        for begun in [&one, &two] {
            let ended = login(&world, begun).await?;
            assert_eq!(ended["status"], "completed", "{ended}");
            assert_eq!(ended["account"], known["account"]);
        }
        let id = known["account"].as_str().context("an id")?;
        world.engine.expire_token(&id.into());
        let token = format!("/accounts/{id}/token");
        world
            .api
            .ok(world.api.request(Method::POST, &token))
            .await?;
    }
    assert_eq!(users(&world).await?.len(), 1);
    world.stop().await;
    Ok(())
}

/// Somebody else signs in than was expected: that is another account, and the first one keeps its
/// grant.
#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_another_account() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let expected = log_in(&world, 0).await?;
    let id: postroom_model::AccountId = expected["account"].as_str().context("an id")?.into();
    let grant = world.engine.store().grant(&id).await?.context("a grant")?;
    let hint = world.user(0)?;
    let begun = begin(&world, &json!({"loginHint": hint})).await?;
    visit(&returns_to(&world, &begun, 1)?).await?;
    let ended = login(&world, &begun).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_ne!(ended["account"], expected["account"]);
    let kept = world.engine.store().grant(&id).await?.context("a grant")?;
    assert_eq!(kept.refresh_token, grant.refresh_token);
    let names: Vec<Value> = users(&world)
        .await?
        .iter()
        .map(|user| user["userPrincipalName"].clone())
        .collect();
    assert_eq!(names, [json!(world.user(0)?), json!(world.user(1)?)]);
    world.stop().await;
    Ok(())
}

/// A redirect URI that leads nowhere: the address is pasted.
#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_address_ends_a_sign_in() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let uri = "https://portal.example/done?from=postroom";
    let client = world.sandbox.client_id.clone();
    world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.redirect_uris.push(uri.to_owned()));
    let begun = begin(&world, &json!({"redirectUri": uri})).await?;
    let address = returns_to(&world, &begun, 0)?;
    assert!(address.starts_with(uri), "{address}");
    let path = format!(
        "/logins/{}/redirect",
        begun["id"].as_str().context("an id")?
    );
    let paste = |url: &str| {
        let request = world.api.request(Method::POST, &path);
        request.json(&json!({"url": url}))
    };
    let other = begin(&world, &json!({"redirectUri": uri})).await?;
    let others = returns_to(&world, &other, 0)?;
    let cut = address.split("code=").next().context("a beginning")?;
    for wrong in ["", "portal", uri, cut, &others] {
        world
            .api
            .refused(paste(wrong), 400, "invalidRequest")
            .await?;
    }
    assert_eq!(login(&world, &begun).await?["status"], "pending");
    let ended = world.api.ok(paste(&format!("  {address}\n"))).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    world.api.refused(paste(&address), 409, "conflict").await?;
    world.stop().await;
    Ok(())
}

/// A clock that is wrong by an hour, a day, years: the application works, and a user's sign-in that
/// cannot be judged says that it is the clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_named() -> Result<()> {
    const DAY: i64 = 24 * 60 * 60;
    for (seconds, signs_in) in [
        (60, true),
        (-60, true),
        (2 * 3_600, false),
        (-3_600, false),
        (DAY, false),
        (-DAY, false),
        (5 * 365 * DAY, false),
        (-5 * 365 * DAY, false),
    ] {
        let wrong = now() + jiff::SignedDuration::from_secs(seconds);
        let mut options = WorldOptions {
            clock: Some(HeldClock::at(wrong)),
            ..WorldOptions::default()
        };
        options.engine.people_interval = Duration::ZERO;
        let world = World::start(options).await?;
        let mailbox = world.serve(0).await?;
        world.level(&mailbox).await?;
        let begun = begin(&world, &json!({})).await?;
        let (_, page) = visit(&returns_to(&world, &begun, 0)?).await?;
        let ended = login(&world, &begun).await?;
        if signs_in {
            assert_eq!(ended["status"], "completed", "{seconds}: {ended}");
        } else {
            assert_eq!(ended["status"], "failed", "{seconds}: {ended}");
            let error = ended["error"].as_str().unwrap_or_default();
            assert!(error.contains("set the clock"), "{seconds}: {error}");
            assert!(page.contains("set the clock"), "{seconds}: {page}");
        }
        world.stop().await;
    }
    Ok(())
}

/// An ID token that this tenant's keys did not sign is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_id_token_is_refused() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    // {"alg":"RS256","kid":"x"}, {"alg":"none"}, and no token at all.
    for forged in [
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.c2ln",
        "eyJhbGciOiJub25lIn0.e30.",
        "x",
    ] {
        let begun = begin(&world, &json!({})).await?;
        let address = returns_to(&world, &begun, 0)?;
        let fault = FaultAction::edit("id_token", json!(forged));
        world
            .sandbox
            .sandbox()
            .fault(Fault::on("/oauth2/v2.0/token", fault));
        visit(&address).await?;
        let ended = login(&world, &begun).await?;
        assert_eq!(ended["status"], "failed", "{forged}: {ended}");
        let error = ended["error"].as_str().unwrap_or_default();
        assert!(error.contains("ID token"), "{error}");
    }
    assert_eq!(users(&world).await?, Vec::<Value>::new());
    world.stop().await;
    Ok(())
}

/// Keys that cannot be read: the code is not used up, and the same return is taken when they can.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_waits_for_the_keys() -> Result<()> {
    let mut options = WorldOptions::default();
    options.door.max_attempts = 1;
    let world = World::start(options).await?;
    for action in [
        FaultAction::Drop,
        FaultAction::Html { status: 200 },
        FaultAction::status(503, None),
        FaultAction::GarbageJson,
        FaultAction::edit("keys", json!([])),
    ] {
        // What is known from before would do.
        world.engine.ask_anew(&world.connection.id);
        let begun = begin(&world, &json!({})).await?;
        let address = returns_to(&world, &begun, 0)?;
        let fault = Fault::on("/discovery/v2.0/keys", action.clone());
        world.sandbox.sandbox().fault(fault);
        let (status, page) = visit(&address).await?;
        assert_eq!(status, 400, "{action:?}: {page}");
        assert!(page.contains("try again"), "{action:?}: {page}");
        assert_eq!(login(&world, &begun).await?["status"], "pending");
        assert_eq!(visit(&address).await?.0, 200, "{action:?}");
        assert_eq!(login(&world, &begun).await?["status"], "completed");
    }
    world.stop().await;
    Ok(())
}

/// An authority that answers nonsense where the code is redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_place_of_tokens_is_said() -> Result<()> {
    let mut options = WorldOptions::default();
    options.door.max_attempts = 1;
    let world = World::start(options).await?;
    for (action, lost) in [
        (FaultAction::Drop, false),
        (FaultAction::Html { status: 200 }, false),
        (FaultAction::status(503, None), false),
        (FaultAction::status(503, Some(3)), false),
        (FaultAction::GarbageJson, false),
        // The code is used up by these.
        (FaultAction::Cut, true),
        (FaultAction::TruncatedJson, true),
        (FaultAction::edit("refresh_token", Value::Null), true),
        (FaultAction::edit("id_token", Value::Null), true),
        (FaultAction::edit("access_token", Value::Null), true),
    ] {
        let begun = begin(&world, &json!({})).await?;
        let address = returns_to(&world, &begun, 0)?;
        let fault = Fault::on("/oauth2/v2.0/token", action.clone());
        world.sandbox.sandbox().fault(fault);
        let (status, page) = visit(&address).await?;
        assert_eq!(status, 400, "{action:?}: {page}");
        assert!(page.contains("try again"), "{action:?}: {page}");
        assert_eq!(login(&world, &begun).await?["status"], "pending");
        let (status, page) = visit(&address).await?;
        let ended = login(&world, &begun).await?;
        if lost {
            assert_eq!(status, 400, "{action:?}");
            assert!(page.contains("AADSTS54005"), "{action:?}: {page}");
            assert_eq!(ended["status"], "failed", "{action:?}: {ended}");
        } else {
            assert_eq!(status, 200, "{action:?}: {page}");
            assert_eq!(ended["status"], "completed", "{action:?}: {ended}");
        }
    }
    world.stop().await;
    Ok(())
}

/// An authority whose discovery document is none: no sign-in begins, and it is said why.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_place_of_discovery_is_said() -> Result<()> {
    let mut options = WorldOptions::default();
    options.door.max_attempts = 1;
    let world = World::start(options).await?;
    let path = format!("/connections/{}/logins", world.connection.id);
    for action in [
        FaultAction::Drop,
        FaultAction::Cut,
        FaultAction::Html { status: 200 },
        FaultAction::GarbageJson,
        FaultAction::status(503, Some(1)),
        FaultAction::edit("token_endpoint", Value::Null),
    ] {
        world.engine.ask_anew(&world.connection.id);
        let fault = Fault::on("/.well-known/openid-configuration", action.clone()).times(2);
        world.sandbox.sandbox().fault(fault);
        let begun = world.api.request(Method::POST, &path).json(&json!({}));
        let refused = world.api.answer(begun).await?;
        assert!(refused.status >= 500, "{action:?}: {refused:?}");
        assert!(
            refused.body["detail"]
                .as_str()
                .is_some_and(|text| text.len() > 20)
        );
        world.sandbox.sandbox().faults().clear();
    }
    begin(&world, &json!({})).await?;
    world.stop().await;
    Ok(())
}
