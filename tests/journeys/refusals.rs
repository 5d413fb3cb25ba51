//! Every AADSTS number, forced by the sandbox, through the public face: what it means in words, what
//! to do, what becomes of the account, and whether it is tried again.

use crate::login::log_in;
use anyhow::{Context, Result};
use postroom_model::HeldClock;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Microsoft takes the app's credential for wrong or over.
const CREDENTIAL: &[u32] = &[
    7_000_215, 7_000_222, 7_000_218, 700_027, 50_012, 700_030, 70_002, 700_025, 700_229, 700_021,
    700_024, 50_027,
];
/// The app is not here, or may not.
const APP: &[u32] = &[700_016, 700_011, 7_000_112, 70_001];
/// The user has to sign in again.
const SIGN_IN: &[u32] = &[
    70_000, 70_008, 700_082, 700_084, 70_043, 54_005, 501_481, 9_002_313, 50_055, 50_057, 50_126,
    50_034, 50_053, 53_003, 53_000, 53_001, 530_032, 530_035, 50_076, 50_079, 50_072, 50_074,
    50_078, 50_158, 50_105, 700_005, 50_020, 50_097, 50_132, 50_144, 500_121, 530_003, 53_002,
    53_004, 700_020, 16_000, 90_072,
];
/// The grant was taken back.
const REVOKED: &[u32] = &[50_173, 50_133];
/// Nobody has agreed.
const CONSENT: &[u32] = &[
    65_001, 65_004, 90_094, 90_095, 650_052, 650_056, 650_057, 65_005,
];
/// The request was wrong, and says nothing against the grant.
const REQUEST: &[u32] = &[
    70_011, 28_002, 500_011, 50_001, 700_022, 700_023, 90_002, 900_144, 50_011, 90_023, 900_561,
    9_001_023, 90_124, 90_130, 50_194, 700_054, 90_014, 1_002_012, 50_059, 50_128, 70_003, 700_051,
];
/// It passes by itself.
const PASSING: &[u32] = &[
    90_033, 90_006, 90_012, 90_024, 90_090, 50_033, 50_087, 70_012, 90_055, 50_196,
];

async fn world() -> Result<World> {
    let mut options = WorldOptions::default();
    // Nobody else asks for tokens.
    options.engine.people_interval = Duration::ZERO;
    // Microsoft asks for these pauses itself where they are to be obeyed.
    options.door.backoff_base = Duration::from_millis(20);
    World::start(options).await
}

/// The next request to the token endpoint is refused with this number.
fn refuse(world: &World, number: u32) {
    let fault = Fault::on("/oauth2/v2.0/token", FaultAction::entra(number));
    world.sandbox.sandbox().fault(fault);
}

async fn account(world: &World, id: &str) -> Result<Value> {
    let accounts = world.api.get("/accounts").await?;
    accounts["value"]
        .as_array()
        .context("a list")?
        .iter()
        .find(|one| one["id"] == id)
        .cloned()
        .context("the account")
}

async fn application(world: &World) -> Result<String> {
    let accounts = world.api.get("/accounts").await?;
    let all = accounts["value"].as_array().context("a list")?;
    let found = all.iter().find(|one| one["kind"] == "application");
    Ok(found.context("the application")?["id"]
        .as_str()
        .context("an id")?
        .to_owned())
}

/// Asks for a token with nothing remembered.
async fn ask(world: &World, account: &str) -> Result<postroom_tests::api::Answer> {
    world.engine.expire_token(&account.into());
    let path = format!("/accounts/{account}/token");
    world
        .api
        .answer(world.api.request(Method::POST, &path))
        .await
}

/// The answer names the number, and says what to do.
fn names(text: &str, number: u32) {
    assert!(
        text.contains(&format!("AADSTS{number}")),
        "{number}: {text}"
    );
    assert!(text.contains("What to do"), "{number}: {text}");
}

/// A user's refresh: state, reason, words; and the grant is still there when Microsoft relents.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_users_refresh() -> Result<()> {
    let world = world().await?;
    let login = log_in(&world, 0).await?;
    let id = login["account"].as_str().context("an id")?;
    let app = application(&world).await?;
    for (numbers, state) in [
        (CREDENTIAL, "active"),
        (APP, "active"),
        (SIGN_IN, "needsSignIn"),
        (REVOKED, "revoked"),
        (CONSENT, "consentMissing"),
        (REQUEST, "active"),
    ] {
        for number in numbers {
            refuse(&world, *number);
            // A scope that is refused is asked for once more, as what the sign-in was granted.
            refuse(&world, *number);
            let refused = ask(&world, id).await?;
            world.sandbox.sandbox().faults().clear();
            assert!(refused.status >= 400, "{number}: {}", refused.status);
            names(&refused.body.to_string(), *number);
            let now = account(&world, id).await?;
            assert_eq!(now["state"], state, "{number}: {now}");
            assert_eq!(
                now["reason"].is_null(),
                state == "active",
                "{number}: {now}"
            );
            if state != "active" {
                names(now["reason"].as_str().unwrap_or_default(), *number);
            }
            // A credential that is refused is the application's trouble.
            let its = account(&world, &app).await?;
            let over = numbers == CREDENTIAL;
            assert_eq!(its["state"] == "credentialExpired", over, "{number}: {its}");
            if over {
                assert_eq!(ask(&world, &app).await?.status, 200);
            }
            // The grant was kept: where Microsoft takes it again, the account acts again.
            let again = ask(&world, id).await?;
            assert_eq!(again.status, 200, "{number}: {}", again.body["detail"]);
            assert_eq!(account(&world, id).await?["state"], "active", "{number}");
        }
    }
    for number in PASSING {
        refuse(&world, *number);
        let again = ask(&world, id).await?;
        assert_eq!(again.status, 200, "{number}: {}", again.body["detail"]);
        assert_eq!(account(&world, id).await?["state"], "active", "{number}");
    }
    world.stop().await;
    Ok(())
}

/// The application: what only a user can mend ends nothing of its. The check names every number.
#[tokio::test(flavor = "multi_thread")]
async fn of_the_application_and_in_its_check() -> Result<()> {
    let world = world().await?;
    let id = application(&world).await?;
    for (numbers, state) in [
        (CREDENTIAL, "credentialExpired"),
        (APP, "active"),
        (SIGN_IN, "active"),
        (REVOKED, "active"),
        (CONSENT, "consentMissing"),
        (REQUEST, "active"),
    ] {
        for number in numbers {
            refuse(&world, *number);
            let path = format!("/connections/{}/check", world.connection.id);
            let report = world.api.post(&path, &json!({})).await?;
            assert_eq!(report["ok"], false, "{number}: {report}");
            let steps = report["steps"].as_array().context("steps")?;
            // Whether the application is there is a step before its credential.
            let step = steps.iter().find(|step| {
                matches!(step["name"].as_str(), Some("application" | "credential"))
                    && step["ok"] == false
            });
            let step = step.with_context(|| format!("{number}: {report}"))?;
            let detail = step["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(&format!("AADSTS{number}")), "{step}");
            assert!(
                step["hint"].as_str().is_some_and(|hint| hint.len() > 10),
                "{step}"
            );
            let now = account(&world, &id).await?;
            assert_eq!(now["state"], state, "{number}: {now}");
            let again = ask(&world, &id).await?;
            assert_eq!(again.status, 200, "{number}: {}", again.body["detail"]);
            assert_eq!(account(&world, &id).await?["state"], "active", "{number}");
        }
    }
    world.stop().await;
    Ok(())
}

/// A mirror says it, too, and goes on when Microsoft relents.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_mailboxs_round() -> Result<()> {
    let world = world().await?;
    let login = log_in(&world, 0).await?;
    let id = login["account"].as_str().context("an id")?;
    let mailbox = world
        .api
        .post("/mailboxes", &json!({"account": id}))
        .await?;
    let sync = format!(
        "/mailboxes/{}/sync?wait=60",
        mailbox["id"].as_str().context("an id")?
    );
    world.api.post(&sync, &json!({})).await?;
    for number in [7_000_222, 700_016, 53_003, 50_173, 65_001, 500_011] {
        world.engine.expire_token(&id.into());
        refuse(&world, number);
        let failed = world.api.post(&sync, &json!({})).await?;
        assert_eq!(failed["sync"]["state"], "failed", "{failed}");
        names(failed["sync"]["error"].as_str().unwrap_or_default(), number);
        world.engine.expire_token(&id.into());
        let level = world.api.post(&sync, &json!({})).await?;
        assert_eq!(level["sync"]["state"], "upToDate", "{number}: {level}");
    }
    for number in PASSING {
        world.engine.expire_token(&id.into());
        refuse(&world, *number);
        let level = world.api.post(&sync, &json!({})).await?;
        assert_eq!(level["sync"]["state"], "upToDate", "{number}: {level}");
    }
    world.stop().await;
    Ok(())
}

async fn begin(world: &World, body: &Value) -> Result<Value> {
    let path = format!("/connections/{}/logins", world.connection.id);
    world.api.post(&path, body).await
}

/// What the authorization endpoint brings back to the callback is told to the user and to the
/// caller.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_sign_in_at_the_authorize_address() -> Result<()> {
    let world = world().await?;
    let user = &world.sandbox.users[0];
    for numbers in [CREDENTIAL, APP, SIGN_IN, REVOKED, CONSENT, REQUEST, PASSING] {
        for number in numbers {
            // That one never comes back; and the user who says no is told so without a number.
            if [50_011, 65_004].contains(number) {
                continue;
            }
            let login = begin(&world, &json!({})).await?;
            // The probe beside it asks for no permissions.
            let fault = Fault::on("Mail.ReadWrite", FaultAction::entra(*number));
            world.sandbox.sandbox().fault(fault);
            let address = login["authorizeUrl"].as_str().context("an address")?;
            let (_, page) = sign_in(
                address,
                &user.user_principal_name,
                &user.password,
                Does::Accepts,
            )
            .await?;
            names(&page, *number);
            let path = format!("/logins/{}", login["id"].as_str().context("an id")?);
            let login = world.api.get(&path).await?;
            assert_eq!(login["status"], "failed", "{number}: {login}");
            names(login["error"].as_str().unwrap_or_default(), *number);
        }
    }
    world.stop().await;
    Ok(())
}

/// The same when the code is redeemed; a fault that passes leaves the sign-in open.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_sign_ins_code() -> Result<()> {
    let world = world().await?;
    let user = &world.sandbox.users[0];
    let come_back = async |number: u32| -> Result<(String, Value)> {
        let login = begin(&world, &json!({})).await?;
        refuse(&world, number);
        let address = login["authorizeUrl"].as_str().context("an address")?;
        let (last, page) = sign_in(
            address,
            &user.user_principal_name,
            &user.password,
            Does::Accepts,
        )
        .await?;
        let path = format!("/logins/{}", login["id"].as_str().context("an id")?);
        names(&page, number);
        Ok((last.into(), world.api.get(&path).await?))
    };
    for number in [
        54_005, 70_008, 501_481, 9_002_313, 700_005, 7_000_215, 7_000_222, 700_025, 700_016,
        53_003, 50_105, 65_001, 50_076, 90_002, 500_112, 50_148,
    ] {
        let (_, login) = come_back(number).await?;
        assert_eq!(login["status"], "failed", "{number}: {login}");
        names(login["error"].as_str().unwrap_or_default(), number);
    }
    for number in [90_033, 50_196] {
        let (address, login) = come_back(number).await?;
        assert_eq!(login["status"], "pending", "{number}: {login}");
        // The user reloads the page, as it says.
        let page = reqwest::get(address).await?;
        assert_eq!(page.status(), 200);
        let path = format!("/logins/{}", login["id"].as_str().context("an id")?);
        let login = world.api.get(&path).await?;
        assert_eq!(login["status"], "completed", "{number}: {login}");
    }
    world.stop().await;
    Ok(())
}

/// The same while a device code is asked about.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_device_code() -> Result<()> {
    let mut options = WorldOptions {
        clock: Some(HeldClock::at(jiff::Timestamp::UNIX_EPOCH)),
        ..WorldOptions::default()
    };
    options.engine.people_interval = Duration::ZERO;
    let world = World::start(options).await?;
    for (number, status) in [
        (70_016, "pending"),
        (90_033, "pending"),
        (50_196, "pending"),
        (70_019, "expired"),
        (70_018, "failed"),
        (90_120, "failed"),
        (53_003, "failed"),
        (50_105, "failed"),
        (65_001, "failed"),
        (700_016, "failed"),
        (7_000_215, "failed"),
        (7_000_218, "failed"),
        (700_025, "failed"),
    ] {
        let login = begin(&world, &json!({"method": "deviceCode"})).await?;
        refuse(&world, number);
        let path = format!("/logins/{}", login["id"].as_str().context("an id")?);
        let mut now = login;
        for _ in 0..600 {
            world.pass(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
            now = world.api.get(&path).await?;
            let asked = world.sandbox.sandbox().faults().waiting().is_empty();
            if now["status"] != "pending" || (asked && status == "pending") {
                break;
            }
            // As time passes the application asks for tokens, too, and can have met it.
            if asked {
                refuse(&world, number);
            }
        }
        world.sandbox.sandbox().faults().clear();
        assert_eq!(now["status"], status, "{number}: {now}");
        if status == "failed" {
            names(now["error"].as_str().unwrap_or_default(), number);
        }
        let id = now["id"].as_str().context("an id")?.into();
        let over = postroom_model::login::LoginStatus::Failed;
        world
            .engine
            .store()
            .fail_login(&id, over, "the end")
            .await?;
    }
    world.stop().await;
    Ok(())
}

/// `Retry-After` is obeyed where a call waits so long, and a call that does not wait says when.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_time_to_come_back() -> Result<()> {
    let world = world().await?;
    let id = application(&world).await?;
    let began = std::time::Instant::now();
    world.sandbox.sandbox().fault(Fault::on(
        "/oauth2/v2.0/token",
        FaultAction::status(503, Some(1)),
    ));
    assert_eq!(ask(&world, &id).await?.status, 200);
    assert!(began.elapsed() >= Duration::from_secs(1));
    world.sandbox.sandbox().fault(Fault::on(
        "/oauth2/v2.0/token",
        FaultAction::status(429, Some(3_600)),
    ));
    let refused = ask(&world, &id).await?;
    assert!(refused.status >= 400, "{refused:?}");
    assert_eq!(account(&world, &id).await?["state"], "active");
    world.stop().await;
    Ok(())
}
