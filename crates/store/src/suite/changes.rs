//! The change feed.

use super::Ground;
use super::made::*;
use crate::contract::changes::ChangeQuery;
use crate::contract::{Store, StoreError};
use postroom_model::change::{Change, ChangedResource};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

async fn write_some(store: Arc<dyn Store>, mailbox: &'static str, writer: i64) {
    for number in 0..15 {
        let id = format!("{writer}-{number}");
        if number % 5 == 4 {
            ok!(store.accept_outbox(&outbox_item(&id, mailbox, number), None));
        } else {
            let one = message(&id, "a", "1");
            ok!(store.put_message(&mailbox.into(), &one, &[], None, at(number)));
        }
        // A write that fails must not take a number.
        if number % 7 == 3 {
            let twice = outbox_item("twice", mailbox, 0);
            let _ = store.accept_outbox(&twice, None).await;
        }
    }
}

fn assert_gapless(changes: &[Change]) {
    let mut next: HashMap<&str, u64> = HashMap::new();
    for change in changes {
        let next = next.entry(change.mailbox.as_str()).or_insert(1);
        assert_eq!(change.number, *next, "{change:?}");
        *next += 1;
    }
}

/// 1, 2, 3 … in each mailbox, whoever writes.
pub async fn numbers_have_no_gaps_under_many_writers(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one", "two"]).await;
    let writers = (0..8).map(|writer| {
        let mailbox = if writer % 2 == 0 { "one" } else { "two" };
        tokio::spawn(write_some(store.clone(), mailbox, writer))
    });
    for writer in futures::future::join_all(writers).await {
        writer.expect("ran");
    }
    let changes = all_changes(store.as_ref()).await;
    assert_eq!(changes.len(), 8 * 15 + 1);
    assert_gapless(&changes);
    drop(store);
    let store = ground.open().await;
    assert_eq!(all_changes(store.as_ref()).await, changes);
}

/// A reader that follows the cursor while others write misses nothing and sees nothing twice.
pub async fn a_follower_sees_each_once_whoever_writes(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one", "two"]).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let mailbox = if writer % 2 == 0 { "one" } else { "two" };
            tokio::spawn(write_some(store.clone(), mailbox, writer))
        })
        .collect();
    let mut seen = Vec::new();
    let mut query = ChangeQuery {
        limit: 7,
        ..ChangeQuery::default()
    };
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = ok!(store.changes(&query));
        query.since = Some(page.cursor);
        let empty = page.changes.is_empty();
        seen.extend(page.changes);
        if done && empty {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.len(), 4 * 15 + 1);
    assert_gapless(&seen);
    // Each change's own cursor goes on behind it.
    let (rest, _) = changes_since(store.as_ref(), Some(seen[9].cursor.clone())).await;
    assert_eq!(rest, seen[10..]);
}

/// A reader that lost something is told so.
pub async fn cursors_of_nobody_and_of_the_forgotten_are_refused(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let start = ok!(store.latest_change());
    for number in 0..6 {
        let one = message(&format!("m{number}"), "a", "1");
        ok!(store.put_message(&here(), &one, &[], None, at(number)));
    }
    let all = all_changes(store.as_ref()).await;
    assert_eq!(ok!(store.prune_changes(at(3))), 3);
    assert_eq!(ok!(store.prune_changes(at(3))), 0);
    for since in ["", "1", "x y", start.as_str(), all[1].cursor.as_str()] {
        let query = ChangeQuery {
            since: Some(since.into()),
            limit: 9,
            ..ChangeQuery::default()
        };
        let refused = store.changes(&query).await;
        assert!(
            matches!(refused, Err(StoreError::CursorExpired)),
            "{since}: {refused:?}"
        );
    }
    let (rest, end) = changes_since(store.as_ref(), Some(all[2].cursor.clone())).await;
    assert_eq!(rest, all[3..]);
    assert_eq!(all_changes(store.as_ref()).await, rest);
    assert_eq!(end, ok!(store.latest_change()));
    assert_eq!(ok!(store.prune_changes(at(100))), 3);
    assert_eq!(
        changes_since(store.as_ref(), Some(end.clone())).await,
        (vec![], end)
    );
    assert!(all_changes(store.as_ref()).await.is_empty());
}

/// A filter that matches little still moves on.
pub async fn filters_do_not_hold_up_the_cursor(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one", "two", "three"]).await;
    write_some(store.clone(), "one", 1).await;
    write_some(store.clone(), "two", 2).await;
    let end = ok!(store.latest_change());
    let ask = async |mailboxes: Option<&[&str]>, resources: &[ChangedResource], limit| {
        let query = ChangeQuery {
            since: None,
            mailboxes: mailboxes.map(|list| list.iter().map(|id| (*id).into()).collect()),
            resources: resources.to_vec(),
            limit,
        };
        ok!(store.changes(&query))
    };
    let outbox = [ChangedResource::Outbox];
    let two = ask(Some(&["two", "never"]), &outbox, 100).await;
    assert_eq!(two.changes.len(), 3);
    assert_eq!(two.cursor, end);
    let part = ask(Some(&["two"]), &outbox, 2).await;
    assert_eq!(part.changes, two.changes[..2]);
    assert_eq!(part.cursor, two.changes[1].cursor);
    for nobody in [&["never"][..], &[], &["three"]] {
        let none = ask(Some(nobody), &[], 100).await;
        assert!(none.changes.is_empty());
        assert_eq!(none.cursor, end);
    }
    assert_eq!(ask(None, &[ChangedResource::Folder], 5).await.changes, []);
}

/// Whoever waits is woken after the commit.
pub async fn readers_are_woken(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut feed = store.watch_changes();
    feed.borrow_and_update();
    let since = ok!(store.latest_change());
    let waiting = tokio::spawn(async move {
        let woken = tokio::time::timeout(Duration::from_secs(20), feed.changed()).await;
        woken.expect("in time").expect("the store is open");
    });
    let one = message("m", "a", "1");
    ok!(store.put_message(&here(), &one, &[], None, at(1)));
    waiting.await.expect("woken");
    assert_eq!(changes_since(store.as_ref(), Some(since)).await.0.len(), 1);
}
