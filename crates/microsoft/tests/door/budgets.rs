//! Gates, places, waiting.

use crate::support::{World, refusal, reply, reply_later, token};
use postroom_microsoft::{DoorError, GraphPath, GraphRequest};
use postroom_model::MailboxId;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn of(mailbox: &str) -> GraphRequest {
    GraphRequest::get(GraphPath::user(mailbox)).mailbox(&MailboxId::new(mailbox))
}

#[tokio::test]
async fn a_429_closes_the_gate_for_that_mailbox_only() {
    let asked = Arc::new(AtomicU32::new(0));
    let world = World::new(move |seen| {
        let busy = seen.path.ends_with("/busy") && asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            match (seen.is_token(), busy) {
                (true, _) => token("T"),
                (_, true) => reply_later(429, 30),
                _ => reply(200, json!({})),
            }
        }
    })
    .await;
    let who = world.user();
    let mut first = Box::pin(world.door.send(&who, of("busy")));
    let is_noted = async {
        let noted = || {
            let log = world.log.0.lock().expect("log");
            log.iter().any(|call| call.status == Some(429))
        };
        while !noted() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        biased;
        _ = &mut first => panic!("it did not wait for the gate"),
        () = is_noted => {}
    }
    let mut second = Box::pin(world.door.send(&who, of("busy")));
    let still = tokio::time::timeout(Duration::from_millis(50), &mut second);
    assert!(still.await.is_err(), "so does everybody else");
    assert_eq!(world.graph_calls(), 1);
    world.door.send(&who, of("idle")).await.expect("an answer");
    world.clock.advance(Duration::from_secs(30));
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(world.graph_calls(), 4);
}

#[tokio::test]
async fn a_gate_closed_for_long_is_an_error_that_says_until_when() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => reply_later(429, 600),
        }
    })
    .await;
    let who = world.user();
    let error = world.door.send(&who, of("busy")).await.expect_err("no");
    let wait = error.refusal().and_then(|refusal| refusal.retry_after);
    assert_eq!(wait, Some(Duration::from_secs(600)));
    let error = world.door.send(&who, of("busy")).await.expect_err("no");
    assert!(matches!(error, DoorError::Throttled { .. }), "{error}");
    assert_eq!(world.graph_calls(), 1);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => refusal(503, "serviceNotAvailable"),
        }
    })
    .await;
    let who = world.user();
    let error = world.ticking(world.door.send(&who, of("m"))).await;
    assert_eq!(error.expect_err("no").status(), Some(503));
    assert_eq!(world.graph_calls(), 5);
    let log = world.log.0.lock().expect("log");
    let attempts: Vec<u32> = log
        .iter()
        .filter(|call| call.mailbox.is_some())
        .map(|call| call.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn four_calls_at_once_per_mailbox() {
    let under_way = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let (now, peak) = (Arc::clone(&under_way), Arc::clone(&most));
    let world = World::new(move |seen| {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        async move {
            if seen.is_token() {
                return token("T");
            }
            let count = now.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(count, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            reply(200, json!({}))
        }
    })
    .await;
    let who = world.user();
    let calls = (0..20).map(|_| world.door.send(&who, of("m")));
    for answer in futures::future::join_all(calls).await {
        answer.expect("an answer");
    }
    assert_eq!(most.load(Ordering::SeqCst), 4);
}
