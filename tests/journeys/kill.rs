//! Killed at any instant, nothing is lost and nothing leaves twice.

use anyhow::{Context, Result};
use postroom_model::{Dice, SystemDice};
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_sandbox::{Options, Sandbox};
use postroom_store::MasterKey;
use postroom_tests::compare::ensure_equal;
use postroom_tests::process::{MASTER_KEY, Program};
use postroom_tests::wait::until;
use postroom_tests::{Api, Ground, Tenant};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const KILLS: u32 = 20;

/// Three mailboxes, 5,000 messages, a server that is killed twenty times on the way, while
/// somebody else changes the mail and callers send. What was accepted leaves once, what was not
/// accepted at most once, and the mirror ends equal.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_at_random_moments() -> Result<()> {
    let mut options = Options {
        messages: 5_000,
        ..Options::default()
    };
    options.mail.mailboxes_for_bulk = 3;
    let sandbox = Sandbox::start(options).await?;
    let ground = Ground::new()?;
    let program = Program::on(&ground)?;
    program.connect(&sandbox)?;
    let addresses: Vec<String> = sandbox.users[..3]
        .iter()
        .map(|user| user.user_principal_name.clone())
        .collect();
    for address in &addresses {
        program.run(&["mailbox", "add", "--connection", "Sandbox", address])?;
    }
    let key = program
        .run(&["key", "create", "--name", "kill", "--scope", "admin"])?
        .trim()
        .to_owned();
    let tenant = Tenant::of(&sandbox).await?;
    let dice = SystemDice;
    let mut accepted: BTreeMap<String, bool> = BTreeMap::new();
    for number in 0..KILLS {
        let server = program.serve()?;
        server.ready().await?;
        let subject = format!("Before kill {number}");
        let api = Api::new(&server.url, &key);
        let sending = {
            let subject = subject.clone();
            let path = format!("/mailboxes/{}/send", addresses[0]);
            tokio::spawn(async move {
                let message = json!({
                    "subject": subject,
                    "body": {"contentType": "text", "content": "Hello"},
                    "toRecipients": [{"emailAddress": {"address": "somebody@elsewhere.example"}}],
                });
                let answer = api
                    .answer(api.request(Method::POST, &path).json(&message))
                    .await;
                matches!(answer, Ok(answer) if answer.status == 202)
            })
        };
        let moment = Duration::from_secs_f64(dice.fraction() * 0.8);
        let ids: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let changing = tenant.change(&ids, 5, u64::from(number));
        let (_, changed) = tokio::join!(tokio::time::sleep(moment), changing);
        changed?;
        server.kill()?;
        accepted.insert(subject, sending.await?);
    }

    let server = program.serve()?;
    server.ready().await?;
    let api = Api::new(&server.url, &key);
    for address in &addresses {
        let mut level = json!(null);
        for _ in 0..5 {
            level = api
                .post(&format!("/mailboxes/{address}/sync?wait=60"), &json!({}))
                .await?;
            if level["sync"]["state"] == "upToDate" {
                break;
            }
        }
        assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    }
    let outbox = api.get("/outbox?limit=500").await?;
    for item in outbox["value"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        let mut item = item.clone();
        for _ in 0..3 {
            item = api.get(&format!("/outbox/{id}?wait=60")).await?;
            if !matches!(item["status"].as_str(), Some("queued" | "sending")) {
                break;
            }
        }
        assert_eq!(item["status"], "sent", "{item}");
    }
    let sent = sandbox.sandbox().mail().sent();
    for (subject, accepted) in &accepted {
        let times = sent.iter().filter(|one| one.subject == *subject).count();
        if *accepted {
            assert_eq!(times, 1, "{subject}");
        } else {
            assert!(times <= 1, "{subject}: {times}");
        }
    }
    for address in &addresses {
        api.post(&format!("/mailboxes/{address}/sync?wait=60"), &json!({}))
            .await?;
    }
    assert!(server.terminate()?, "SIGTERM ends it well");

    let store = ground.open(MasterKey::parse(MASTER_KEY)?, None).await?;
    for mailbox in store.mailboxes().await? {
        ensure_equal(store.as_ref(), &mailbox, &sandbox).await?;
    }
    sandbox.shutdown().await;
    Ok(())
}

/// The server is killed while it waits for Microsoft's answer to each call that a reply takes,
/// carried out or not. After the next start the reply has left once, and no draft of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_at_each_call_of_a_reply() -> Result<()> {
    let sandbox = Sandbox::start(Options {
        messages: 0,
        ..Options::default()
    })
    .await?;
    let ground = Ground::new()?;
    let program = Program::on(&ground)?;
    program.connect(&sandbox)?;
    let address = sandbox.users[0].user_principal_name.clone();
    program.run(&["mailbox", "add", "--connection", "Sandbox", &address])?;
    let key = program
        .run(&["key", "create", "--name", "kill", "--scope", "admin"])?
        .trim()
        .to_owned();
    let mut server = program.serve()?;
    server.ready().await?;
    let api = Api::new(&server.url, &key);
    let mailbox = api
        .post(&format!("/mailboxes/{address}/sync?wait=60"), &json!({}))
        .await?;
    assert_eq!(mailbox["sync"]["state"], "upToDate", "{mailbox}");
    let mailbox = mailbox["id"].as_str().context("an id")?;
    let list = format!("/mailboxes/{address}/messages?folder=inbox&limit=1");
    let original = api.get(&list).await?["value"][0]["id"].clone();
    let reply = format!(
        "/mailboxes/{address}/messages/{}/reply",
        original.as_str().context("a message")?
    );
    let drafts = || -> Result<usize> {
        let tenant = sandbox.sandbox().mail().snapshot(mailbox);
        let messages = tenant.context("the mailbox")?.messages;
        Ok(messages.iter().filter(|one| one.is_draft).count())
    };
    let before = drafts()?;
    let mut replies = 0;
    for (method, call) in [
        ("POST", "/createReply"),
        ("PATCH", "/messages/"),
        ("POST", "/attachments"),
        ("POST", "/send"),
    ] {
        for perform in [false, true] {
            let carried_out = || -> u64 {
                let routes = sandbox.sandbox().stats().routes;
                let matching = routes
                    .iter()
                    .filter(|(route, _)| route.starts_with(method) && route.contains(call));
                matching.map(|(_, times)| times).sum()
            };
            let times = carried_out();
            let mut fault = Fault::on(call, FaultAction::Hang).method(method);
            fault.perform = perform;
            sandbox.sandbox().fault(fault);
            let accepted = Api::new(&server.url, &key)
                .post(
                    &reply,
                    &json!({
                        "body": {"contentType": "html", "content": "<p>Yes</p>"},
                        "attachments": [
                            {"name": "a.txt", "contentType": "text/plain", "contentBytes": "aGVsbG8="},
                        ],
                    }),
                )
                .await?;
            replies += 1;
            until(&format!("{method} {call} hangs"), || {
                let hangs = sandbox.sandbox().faults().waiting().is_empty();
                hangs && (!perform || carried_out() > times)
            })
            .await?;
            server.kill()?;
            server = program.serve()?;
            server.ready().await?;
            let api = Api::new(&server.url, &key);
            let path = format!(
                "/outbox/{}?wait=60",
                accepted["id"].as_str().context("an id")?
            );
            let mut item = api.get(&path).await?;
            for _ in 0..2 {
                if matches!(item["status"].as_str(), Some("queued" | "sending")) {
                    item = api.get(&path).await?;
                }
            }
            let case = format!("{method} {call}, carried out: {perform}");
            assert_eq!(item["status"], "sent", "{case}: {item}");
            assert_eq!(sandbox.sandbox().mail().sent().len(), replies, "{case}");
            assert_eq!(drafts()?, before, "{case}");
        }
    }
    assert!(server.terminate()?, "SIGTERM ends it well");
    sandbox.shutdown().await;
    Ok(())
}
