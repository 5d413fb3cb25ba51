//! A message leaves once, whatever happens on the way.

use anyhow::{Context, Result};
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};

fn message(subject: &str) -> Value {
    json!({
        "subject": subject,
        "body": {"contentType": "html", "content": "<p>Hello</p>"},
        "toRecipients": [{"emailAddress": {"address": "somebody@elsewhere.example"}}],
        "attachments": [
            {"name": "a.txt", "contentType": "text/plain", "contentBytes": "aGVsbG8="},
            {"name": "b.txt", "contentType": "text/plain", "contentBytes": "d29ybGQ="},
        ],
    })
}

async fn send(world: &World, mailbox: &str, subject: &str) -> Result<Value> {
    let accepted = world
        .api
        .post(&format!("/mailboxes/{mailbox}/send"), &message(subject))
        .await?;
    let id = accepted["id"].as_str().unwrap();
    let mut item = Value::Null;
    for _ in 0..3 {
        item = world.api.get(&format!("/outbox/{id}?wait=60")).await?;
        if !matches!(item["status"].as_str(), Some("queued" | "sending")) {
            break;
        }
    }
    Ok(item)
}

fn times_sent(world: &World, subject: &str) -> usize {
    world
        .sandbox
        .sandbox()
        .mail()
        .sent()
        .iter()
        .filter(|sent| sent.subject == subject)
        .count()
}

/// Every call on the way is answered with every kind of fault, before or after it was carried out.
#[tokio::test(flavor = "multi_thread")]
async fn faults_on_the_way_send_it_once() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let mut number = 0;
    for path in ["/messages", "/send"] {
        for perform in [false, true] {
            for action in [
                FaultAction::Drop,
                FaultAction::Cut,
                FaultAction::Html { status: 200 },
                FaultAction::Status {
                    status: 504,
                    retry_after: None,
                    code: None,
                    headers: Default::default(),
                },
                FaultAction::Status {
                    status: 429,
                    retry_after: Some(1),
                    code: None,
                    headers: Default::default(),
                },
            ] {
                // A refusal that says "not done" and did it would be a lie of Microsoft's.
                if perform && matches!(&action, FaultAction::Status { status: 429, .. }) {
                    continue;
                }
                number += 1;
                let subject = format!("Fault {number}");
                let mut fault = Fault::on(path, action.clone()).method("POST");
                fault.perform = perform;
                world.sandbox.sandbox().fault(fault);
                let item = send(&world, mailbox.id.as_str(), &subject).await?;
                assert_eq!(
                    item["status"], "sent",
                    "{path} {perform} {action:?}: {item}"
                );
                assert_eq!(
                    times_sent(&world, &subject),
                    1,
                    "{path} {perform} {action:?}"
                );
                // A draft that a lost answer left behind would be sent by hand, one day.
                world
                    .ensure_no_drafts(&mailbox, &subject)
                    .with_context(|| format!("{path} {perform} {action:?}"))?;
                world.sandbox.sandbox().faults().clear();
            }
        }
    }
    world.stop().await;
    Ok(())
}

/// The answer to a reply stays in the conversation, and its copy lies in Sent Items.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_stays_in_its_conversation() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let list = world
        .api
        .get(&format!(
            "/mailboxes/{}/messages?folder=inbox&limit=1",
            mailbox.id
        ))
        .await?;
    let original = &list["value"][0];
    let id = original["id"].as_str().unwrap();
    let accepted = world
        .api
        .post(
            &format!("/mailboxes/{}/messages/{id}/reply", mailbox.id),
            &json!({
                "body": {"contentType": "html", "content": "<p>Our <b>answer</b></p>"},
                "attachments": [
                    {"name": "one.txt", "contentType": "text/plain", "contentBytes": "aGVsbG8="},
                    {"name": "two.txt", "contentType": "text/plain", "contentBytes": "d29ybGQ="},
                ],
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
    assert_eq!(item["status"], "sent", "{item}");
    assert_eq!(item["conversationId"], original["conversationId"]);
    world.level(&mailbox).await?;
    let sent = world
        .api
        .get(&format!(
            "/mailboxes/{}/messages/{}",
            mailbox.id,
            item["messageId"].as_str().unwrap()
        ))
        .await?;
    let folder = world
        .api
        .get(&format!("/mailboxes/{}/folders", mailbox.id))
        .await?;
    let sent_items = folder["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|folder| folder["wellKnownName"] == "sentitems")
        .unwrap();
    assert_eq!(sent["parentFolderId"], sent_items["id"]);
    let body = sent["body"]["content"].as_str().unwrap();
    assert!(body.contains("Our <b>answer</b>"), "{body}");
    assert_eq!(sent["attachments"].as_array().unwrap().len(), 2);
    world.stop().await;
    Ok(())
}

/// The same `Idempotency-Key` is the same message.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_is_one_message() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let path = format!("/mailboxes/{}/send", mailbox.id);
    let call = |body: &Value| {
        world
            .api
            .request(Method::POST, &path)
            .header("idempotency-key", "order-17")
            .json(body)
    };
    let first = world.api.ok(call(&message("Once"))).await?;
    let second = world.api.ok(call(&message("Once"))).await?;
    assert_eq!(first, second);
    world
        .api
        .refused(call(&message("Another")), 422, "idempotencyMismatch")
        .await?;
    world
        .api
        .get(&format!(
            "/outbox/{}?wait=60",
            first["id"].as_str().unwrap()
        ))
        .await?;
    assert_eq!(times_sent(&world, "Once"), 1);
    world.stop().await;
    Ok(())
}
