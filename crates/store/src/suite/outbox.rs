//! The outbox.

use super::Ground;
use super::made::*;
use crate::contract::idempotency::{Claimed, IdempotencyClaim};
use crate::contract::outbox::OutboxQuery;
use bytes::Bytes;
use postroom_model::outbox::{OutboxStatus, OutboxStep, OutgoingAttachment};

/// The item, the idempotent answer and the change are one write.
pub async fn accepted_is_kept_and_told(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut claim = IdempotencyClaim {
        key: Some("key".into()),
        idempotency_key: "again".into(),
        request_hash: "r".into(),
        status: 202,
        body: "accepted".into(),
    };
    ok!(store.claim_idempotency(&claim, at(1), at(0)));
    let item = outbox_item("o", "one", 1);
    ok!(store.accept_outbox(&item, Some(&claim)));
    // The same id again is refused, with all that comes with it.
    claim.body = "twice".into();
    assert!(store.accept_outbox(&item, Some(&claim)).await.is_err());
    drop(store);
    let store = ground.open().await;
    assert_eq!(ok!(store.outbox_item(&item.id)), Some(item.clone()));
    let answer = ok!(store.claim_idempotency(&claim, at(2), at(0)));
    let wanted = Claimed::Answered {
        status: 202,
        body: "accepted".into(),
    };
    assert_eq!(answer, wanted);
    let mut sent = item.clone();
    sent.step = OutboxStep::Drafting;
    sent.attempts = 1;
    assert!(ok!(store.save_outbox(&item, &sent, at(3))));
    // A step is no status: nobody is told of it.
    assert_eq!(
        words(&all_changes(store.as_ref()).await),
        ["outbox o created"]
    );
    let was = sent.clone();
    sent.status = OutboxStatus::Sent;
    sent.sent_at = Some(at(4));
    sent.message_id = Some("draft".into());
    sent.reason = Some("sent".into());
    assert!(ok!(store.save_outbox(&was, &sent, at(4))));
    assert_eq!(ok!(store.outbox_item(&item.id)), Some(sent));
    let changes = words(&all_changes(store.as_ref()).await);
    assert_eq!(changes, ["outbox o created", "outbox o updated"]);
}

/// Compare and set: who comes second has seen something that is no more.
pub async fn of_two_writers_one_wins(ground: &dyn Ground) {
    let store = ground.open().await;
    let item = outbox_item("o", "one", 1);
    ok!(store.accept_outbox(&item, None));
    let writers = (0..8).map(|number| {
        let (store, was) = (store.clone(), item.clone());
        tokio::spawn(async move {
            let mut now = was.clone();
            now.status = OutboxStatus::Sending;
            now.reason = Some(format!("by {number}"));
            ok!(store.save_outbox(&was, &now, at(2)))
        })
    });
    let results = futures::future::join_all(writers).await;
    let won = results
        .into_iter()
        .filter(|it| matches!(it, Ok(true)))
        .count();
    assert_eq!(won, 1);
    let mut cancelled = item.clone();
    cancelled.status = OutboxStatus::Cancelled;
    assert!(!ok!(store.save_outbox(&item, &cancelled, at(3))));
    assert_eq!(all_changes(store.as_ref()).await.len(), 2);
}

/// What is queued or being sent is due at its time, the oldest first.
pub async fn due_ones_in_order(ground: &dyn Ground) {
    let store = ground.open().await;
    assert_eq!(ok!(store.next_due_outbox()), None);
    for (id, made, due, status) in [
        ("later", 1, 50, OutboxStatus::Queued),
        ("second", 3, 4, OutboxStatus::Sending),
        ("first", 2, 9, OutboxStatus::Queued),
        ("sent", 0, 0, OutboxStatus::Sent),
        ("doubtful", 0, 0, OutboxStatus::Uncertain),
    ] {
        let mut item = outbox_item(id, "one", made);
        item.due_at = at(due);
        item.status = status;
        ok!(store.accept_outbox(&item, None));
    }
    assert_eq!(ok!(store.next_due_outbox()), Some(at(4)));
    let ids = |items: Vec<postroom_model::outbox::OutboxItem>| -> Vec<String> {
        items.into_iter().map(|it| it.id.into_string()).collect()
    };
    assert_eq!(ids(ok!(store.due_outbox(at(9), 9))), ["first", "second"]);
    assert_eq!(ids(ok!(store.due_outbox(at(9), 1))), ["first"]);
    assert_eq!(ids(ok!(store.due_outbox(at(8), 9))), ["second"]);
    assert!(ids(ok!(store.due_outbox(at(3), 9))).is_empty());
}

/// Pages of any mailboxes and statuses.
pub async fn lists_newest_first_in_pages(ground: &dyn Ground) {
    let store = ground.open().await;
    for number in 0..12_i64 {
        let mailbox = if number % 2 == 0 { "one" } else { "two" };
        let mut item = outbox_item(&format!("o{number:02}"), mailbox, number / 4);
        if number % 3 == 0 {
            item.status = OutboxStatus::Failed;
        }
        ok!(store.accept_outbox(&item, None));
    }
    let list = async |mailboxes: Option<&[&str]>, statuses: &[OutboxStatus]| {
        let mut query = OutboxQuery {
            mailboxes: mailboxes.map(|list| list.iter().map(|id| (*id).into()).collect()),
            statuses: statuses.to_vec(),
            after: None,
            limit: 2,
        };
        let mut found = Vec::new();
        loop {
            let page = ok!(store.list_outbox(&query));
            let Some(last) = page.last() else { break };
            query.after = Some(last.id.clone());
            found.extend(page.into_iter().map(|it| it.id.as_str()[1..].to_owned()));
        }
        found.join(" ")
    };
    assert_eq!(list(None, &[]).await, "11 10 09 08 07 06 05 04 03 02 01 00");
    assert_eq!(list(Some(&["one"]), &[]).await, "10 08 06 04 02 00");
    let failed = [OutboxStatus::Failed, OutboxStatus::Sent];
    assert_eq!(list(None, &failed).await, "09 06 03 00");
    assert_eq!(list(Some(&["one", "three"]), &failed).await, "06 00");
    assert_eq!(list(Some(&[]), &[]).await, "");
}

/// An item whose attachment is not here could never leave: it is not accepted.
pub async fn needs_its_contents(ground: &dyn Ground) {
    let store = ground.open().await;
    let content = Bytes::from_static(b"attached");
    let mut item = outbox_item("o", "one", 1);
    let blob = crate::contract::blobs::blob_ref(&content);
    item.message.attachments.push(OutgoingAttachment {
        name: "a.txt".into(),
        content_type: "text/plain".into(),
        is_inline: false,
        content_id: None,
        blob: blob.hash.clone(),
        size: blob.size,
    });
    assert!(store.accept_outbox(&item, None).await.is_err());
    assert_eq!(ok!(store.outbox_item(&item.id)), None);
    ok!(store.put_blob(content, at(1)));
    ok!(store.accept_outbox(&item, None));
    assert_eq!(ok!(store.outbox_item(&item.id)), Some(item.clone()));
    assert_eq!(ok!(store.collect_blobs(at(100))), 0);
    assert!(ok!(store.read_blob(&blob.hash)).is_some());
}
