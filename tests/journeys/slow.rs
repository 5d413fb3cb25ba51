//! Microsoft answers slowly or not at all: a call ends by our limit, is logged and tried again where
//! that is safe, and nobody else waits for it.

use anyhow::Result;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::wait::until;
use postroom_tests::{Tenant, World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const TRIES: u32 = 2;

/// A door that loses its patience soon.
fn impatient() -> WorldOptions {
    let mut options = WorldOptions::default();
    options.door.answer_timeout = Duration::from_secs(3);
    options.door.idle_timeout = Duration::from_secs(3);
    options.door.max_attempts = TRIES;
    options.door.backoff_base = Duration::from_millis(10);
    options
}

async fn calls(world: &World) -> Result<Vec<Value>> {
    let calls = world.api.get("/calls?limit=500").await?;
    Ok(calls["value"].as_array().unwrap().clone())
}

fn says(call: &Value, text: &str) -> bool {
    call["error"]
        .as_str()
        .is_some_and(|error| error.contains(text))
}

/// While Microsoft does not answer for one mailbox, another one goes on and callers are answered;
/// once it answers again, nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_hangs_holds_up_nobody() -> Result<()> {
    let world = World::start(impatient()).await?;
    let one = world.serve(0).await?;
    let two = world.serve(1).await?;
    world.level(&one).await?;
    world.level(&two).await?;
    let tenant = Tenant::of(&world.sandbox).await?;
    tenant
        .change(&[one.id.as_str(), two.id.as_str()], 30, 5)
        .await?;
    const OFTEN: u32 = 10_000;
    let path = format!("/users/{}/", one.id);
    world
        .sandbox
        .sandbox()
        .fault(Fault::on(&path, FaultAction::Hang).times(OFTEN));
    let syncing = {
        let api = world.api.clone();
        let path = format!("/mailboxes/{}/sync?wait=60", one.id);
        tokio::spawn(async move { api.post(&path, &json!({})).await })
    };
    let sandbox = world.sandbox.sandbox();
    until("a call hangs", || {
        sandbox
            .faults()
            .waiting()
            .first()
            .is_some_and(|fault| fault.times < OFTEN)
    })
    .await?;

    let healthy = reqwest::get(format!("{}/healthz", world.api.url())).await?;
    assert_eq!(healthy.status(), 200);
    let read = world
        .api
        .get(&format!("/mailboxes/{}/messages?limit=5", one.id))
        .await?;
    assert_eq!(read["value"].as_array().unwrap().len(), 5);
    world.level(&two).await?;
    world.ensure_equal(&two).await?;

    // However long the above took: Microsoft has not answered for the first one since.
    let failed = syncing.await??;
    assert_eq!(failed["sync"]["state"], "failed", "{failed}");
    let error = failed["sync"]["error"].as_str().unwrap();
    assert!(error.contains("did not answer within 3 seconds"), "{error}");
    let calls = calls(&world).await?;
    for attempt in 1..=TRIES {
        assert!(
            calls.iter().any(|call| {
                call["mailbox"] == one.id.as_str()
                    && call["attempt"] == attempt
                    && call["status"].is_null()
                    && says(call, "did not answer within 3 seconds")
            }),
            "attempt {attempt} is not in the log"
        );
    }
    assert!(
        calls
            .iter()
            .all(|call| call["attempt"].as_u64() <= Some(u64::from(TRIES))),
        "more tries than allowed"
    );

    world.sandbox.sandbox().faults().clear();
    world.level(&one).await?;
    world.ensure_equal(&one).await?;
    world.stop().await;
    Ok(())
}

/// A single answer that never comes, and one that stops in the middle, are asked for again within
/// the same round.
#[tokio::test(flavor = "multi_thread")]
async fn one_lost_answer_is_asked_for_again() -> Result<()> {
    let world = World::start(impatient()).await?;
    let mailbox = world.serve(0).await?;
    for (action, said) in [
        (FaultAction::Hang, "did not answer within"),
        (
            FaultAction::Slow {
                milliseconds: 6_000_000,
            },
            "the answer stopped after",
        ),
    ] {
        world
            .sandbox
            .sandbox()
            .fault(Fault::on("/messages/delta", action));
        world.level(&mailbox).await?;
        world.ensure_equal(&mailbox).await?;
        assert!(world.sandbox.sandbox().faults().waiting().is_empty());
        let calls = calls(&world).await?;
        let lost = calls.iter().find(|call| says(call, said)).unwrap();
        assert!(
            calls.iter().any(|call| {
                call["path"] == lost["path"] && call["attempt"] == 2 && call["status"] == 200
            }),
            "{lost} was not tried again"
        );
    }
    world.stop().await;
    Ok(())
}

/// Sign-in that hangs: a call ends with a word, and the grant is not held against it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_service_that_hangs_ends_no_grant() -> Result<()> {
    let world = World::start(impatient()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let account = mailbox.account.clone();
    world.engine.expire_token(&account);
    world
        .sandbox
        .sandbox()
        .fault(Fault::on("/oauth2/v2.0/token", FaultAction::Hang).times(TRIES));
    let asked = world
        .api
        .request(Method::POST, &format!("/accounts/{account}/token"));
    world
        .api
        .refused(asked, 502, "microsoftUnreachable")
        .await?;
    let accounts = world.api.get("/accounts").await?;
    assert_eq!(accounts["value"][0]["state"], "active", "{accounts}");
    assert!(
        calls(&world)
            .await?
            .iter()
            .any(|call| says(call, "did not answer within")),
        "it is not in the log"
    );
    world
        .api
        .post(&format!("/accounts/{account}/token"), &json!({}))
        .await?;
    world.stop().await;
    Ok(())
}

/// A message whose draft or whose sending was carried out and never answered: the call is not
/// simply repeated, and it leaves once, with nothing left in Drafts.
#[tokio::test(flavor = "multi_thread")]
async fn a_sending_that_hangs_leaves_once() -> Result<()> {
    let world = World::start(impatient()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    for (path, perform) in [
        ("/messages", false),
        ("/messages", true),
        ("/send", false),
        ("/send", true),
    ] {
        let subject = format!("Hang {path} {perform}");
        let mut fault = Fault::on(path, FaultAction::Hang).method("POST");
        fault.perform = perform;
        world.sandbox.sandbox().fault(fault);
        let accepted = world
            .api
            .post(
                &format!("/mailboxes/{}/send", mailbox.id),
                &json!({
                    "subject": subject,
                    "body": {"contentType": "text", "content": "Hello"},
                    "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
                }),
            )
            .await?;
        let item = world
            .api
            .get(&format!(
                "/outbox/{}?wait=60",
                accepted["id"].as_str().unwrap()
            ))
            .await?;
        assert_eq!(item["status"], "sent", "{subject}: {item}");
        let sent = world.sandbox.sandbox().mail().sent();
        let times = sent.iter().filter(|one| one.subject == subject).count();
        assert_eq!(times, 1, "{subject}");
        world.ensure_no_drafts(&mailbox, &subject)?;
    }
    world.stop().await;
    Ok(())
}
