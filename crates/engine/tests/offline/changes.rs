//! The change feed.

use crate::support::{code, world};
use postroom_engine::access::Caller;
use postroom_model::key::Scope;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_empty_feed_has_a_cursor_and_a_bounded_wait() {
    let world = world().await;
    let engine = &world.engine;
    let latest = Some("latest".to_owned());
    let minute = Duration::from_secs(60);
    let page = engine
        .changes(&Caller::Local, latest, 10, minute)
        .await
        .unwrap();
    assert!(page.changes.is_empty());
    let began = Instant::now();
    let wait = Duration::from_millis(50);
    let next = engine
        .changes(&Caller::Local, Some(page.cursor), 10, wait)
        .await
        .unwrap();
    assert!(next.changes.is_empty());
    assert!(began.elapsed() >= wait);
    let rubbish = Some("rubbish".to_owned());
    let page = engine.changes(&Caller::Local, rubbish, 10, Duration::ZERO);
    assert_eq!(code(page.await), "cursorExpired");
}

#[tokio::test]
async fn who_reads_no_mail_sees_no_changes() {
    let world = world().await;
    let engine = &world.engine;
    let stranger = world.caller(&[Scope::PeopleRead], None).await;
    let page = engine.changes(&stranger, None, 10, Duration::ZERO).await;
    assert_eq!(code(page), "scopeMissing");
    let sender = world.caller(&[Scope::MailSend], None).await;
    let page = engine.changes(&sender, None, 10, Duration::ZERO).await;
    assert!(page.is_ok());
}
