//! Mailboxes.

use super::Ground;
use super::made::*;
use crate::contract::StoreError;
use postroom_model::mailbox::{SyncPhase, SyncState};
use postroom_model::outbox::OutboxStatus;

/// Addresses are found in any case; ids are new.
pub async fn found_by_address_without_regard_to_case(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["two", "one"]).await;
    let refused = store.insert_mailbox(&mailbox("one", "c", "a")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    let found = ok!(store.mailbox_by_address("ONE@Contoso.example")).expect("found");
    assert_eq!(found, mailbox("one", "c", "a"));
    let order: Vec<_> = ok!(store.mailboxes()).into_iter().map(|it| it.id).collect();
    assert_eq!(order, ["one".into(), "two".into()]);
    ok!(store.put_account(&account("u", "c", Some("user"))));
    assert!(ok!(store.update_mailbox(
        &here(),
        &"u".into(),
        "z@contoso.example",
        None
    )));
    assert!(!ok!(store.update_mailbox(
        &"x".into(),
        &"u".into(),
        "z",
        None
    )));
    let kept = ok!(store.mailbox(&here())).expect("there");
    assert_eq!(kept.account, "u".into());
    assert_eq!(
        (kept.address.as_str(), kept.display_name),
        ("z@contoso.example", None)
    );
    assert!(ok!(store.mailbox_by_address("one@contoso.example")).is_none());
}

/// What is ours alone survives the mailbox, and so do the numbers it counted up to.
pub async fn removal_keeps_outbox_and_numbers(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let first = page("inbox", vec![message("m", "inbox", "1")], &[]);
    ok!(store.apply_messages(&here(), &first, at(1)));
    let item = outbox_item("o", "one", 2);
    ok!(store.accept_outbox(&item, None));
    assert!(ok!(store.remove_mailbox(&here())));
    assert!(!ok!(store.remove_mailbox(&here())));
    assert!(ok!(store.message(&here(), &"m".into())).is_none());
    assert!(all_changes(store.as_ref()).await.is_empty());
    let key = crate::contract::cursors::CursorKey {
        owner: "one".into(),
        kind: "messages",
        scope: "inbox".into(),
    };
    assert_eq!(ok!(store.cursor(&key)), None);
    let mut sent = item.clone();
    sent.status = OutboxStatus::Sent;
    assert!(ok!(store.save_outbox(&item, &sent, at(3))));
    ok!(store.insert_mailbox(&mailbox("one", "c", "a")));
    assert_eq!(
        ok!(store.mailbox(&here()))
            .expect("there")
            .sync
            .messages_done,
        0
    );
    ok!(store.apply_messages(&here(), &first, at(4)));
    let again = ok!(store.message(&here(), &"m".into())).expect("there");
    assert_eq!(again.number, 2);
    let numbers: Vec<_> = all_changes(store.as_ref())
        .await
        .iter()
        .map(|it| it.number)
        .collect();
    assert_eq!(numbers, [3, 4]);
}

/// The count is the store's own.
pub async fn sync_state_does_not_set_the_count(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let first = page("inbox", vec![message("m", "inbox", "1")], &[]);
    ok!(store.apply_messages(&here(), &first, at(1)));
    let mut state = SyncState {
        state: SyncPhase::Failed,
        messages_done: 77,
        messages_total: Some(9),
        last_synced_at: Some(at(1)),
        last_proven_at: None,
        error: Some("no network".into()),
    };
    ok!(store.set_sync_state(&here(), &state));
    state.messages_done = 1;
    assert_eq!(ok!(store.mailbox(&here())).expect("there").sync, state);
}
