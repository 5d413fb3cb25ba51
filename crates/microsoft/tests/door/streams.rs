//! Answers piece by piece, and lists page by page.

use crate::support::{World, cut, reply, token};
use futures::StreamExt as _;
use postroom_microsoft::graph::{Page, pages};
use postroom_microsoft::{BudgetSettings, DoorSettings, GraphPath, GraphRequest};
use postroom_model::MailboxId;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_stream_holds_its_place_until_it_is_dropped() {
    let settings = DoorSettings {
        budgets: BudgetSettings {
            per_mailbox_concurrent: 1,
            ..BudgetSettings::default()
        },
        ..DoorSettings::default()
    };
    let world = World::with(settings, |seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => reply(200, json!({})),
        }
    })
    .await;
    let who = world.user();
    let request = || {
        let path = GraphPath::user("m").lit("photo").lit("$value");
        GraphRequest::get(path).mailbox(&MailboxId::new("m"))
    };
    let mut stream = world.door.stream(&who, request()).await.expect("answer");
    let mut second = Box::pin(world.door.stream(&who, request()));
    let waits = tokio::time::timeout(Duration::from_millis(50), &mut second);
    assert!(waits.await.is_err());
    let mut all = Vec::new();
    while let Some(piece) = stream.body.next().await {
        all.extend_from_slice(&piece.expect("a piece"));
    }
    assert_eq!(all, b"{}");
    drop(stream);
    second.await.expect("an answer");
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so_and_is_in_the_log() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => cut("abc"),
        }
    })
    .await;
    let request = GraphRequest::get(GraphPath::user("m"));
    let stream = world.door.stream(&world.user(), request).await;
    let pieces: Vec<_> = stream.expect("an answer").body.collect().await;
    assert!(pieces.last().is_some_and(Result::is_err));
    let log = world.log.0.lock().expect("log");
    let call = log.last().expect("an entry");
    assert!(
        call.error
            .as_deref()
            .is_some_and(|e| e.contains("broke off"))
    );
    assert_eq!(call.response_bytes, 3);
}

#[tokio::test]
async fn pages_follow_links_and_repeat_headers() {
    let world = World::new(|seen| async move {
        if seen.is_token() {
            return token("T");
        }
        let root = format!("http://{}", seen.header("host"));
        assert!(seen.header("prefer").contains("odata.maxpagesize=2"));
        match seen.path.contains("skip") {
            true => reply(200, json!({ "value": [3] })),
            false => {
                let link = format!("{root}/v1.0/users?skip=2");
                reply(200, json!({ "value": [1, 2], "@odata.nextLink": link }))
            }
        }
    })
    .await;
    let who = world.user();
    let request = GraphRequest::get(GraphPath::new("users")).prefer("odata.maxpagesize=2");
    let pages: Vec<_> = pages::<Value>(&world.door, &who, request).collect().await;
    let all: Vec<Value> = pages
        .into_iter()
        .map(|page| page.expect("a page"))
        .flat_map(|page: Page<Value>| page.value)
        .collect();
    assert_eq!(all, [1, 2, 3]);
}
