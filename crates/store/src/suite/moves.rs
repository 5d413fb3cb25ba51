//! Messages that go from folder to folder, and those that are lost on the way.

use super::Ground;
use super::made::*;
use crate::contract::Store;
use crate::contract::cursors::Cursor;
use postroom_model::FolderId;

async fn number(store: &dyn Store, id: &str) -> Option<(FolderId, u64)> {
    let found = ok!(store.message(&here(), &id.into()));
    found.map(|it| (it.record.folder, it.number))
}

async fn round(store: &dyn Store, seconds: i64) -> u64 {
    let leaving = ok!(store.leaving(&here(), None, 1000));
    ok!(store.settle(&here(), &leaving, at(seconds)))
}

/// The new folder's page comes before the old one's.
pub async fn arriving_first(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    ok!(store.apply_messages(
        &here(),
        &page("b", vec![message("x", "b", "1")], &[]),
        at(1)
    ));
    ok!(store.apply_messages(
        &here(),
        &page("a", vec![message("m", "a", "1")], &[]),
        at(1)
    ));
    let came = ok!(store.apply_messages(
        &here(),
        &page("b", vec![message("m", "b", "1")], &[]),
        at(2)
    ));
    assert_eq!((came.created, came.updated), (0, 1));
    let left = ok!(store.apply_messages(&here(), &page("a", vec![], &["m"]), at(2)));
    assert_eq!(left.leaving, 0);
    assert_eq!(round(store, 3).await, 0);
    assert_eq!(number(store, "m").await, Some(("b".into(), 2)));
    let changes = words(&all_changes(store).await);
    assert_eq!(changes[1..], ["message m created", "message m updated"]);
}

/// The old folder's page comes before the new one's: the message is not deleted meanwhile.
pub async fn leaving_first(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    ok!(store.apply_messages(
        &here(),
        &page("a", vec![message("m", "a", "1")], &[]),
        at(1)
    ));
    let left = ok!(store.apply_messages(&here(), &page("a", vec![], &["m", "m", "x"]), at(2)));
    assert_eq!(left.leaving, 1);
    assert!(number(store, "m").await.is_some());
    let came = ok!(store.apply_messages(
        &here(),
        &page("b", vec![message("m", "b", "1")], &[]),
        at(2)
    ));
    assert_eq!(came.updated, 1);
    assert_eq!(round(store, 3).await, 0);
    assert_eq!(number(store, "m").await, Some(("b".into(), 1)));
    assert_eq!(ok!(store.count_messages(&here(), &"a".into())), 0);
    assert_eq!(ok!(store.count_messages(&here(), &"b".into())), 1);
    assert_eq!(all_changes(store).await.len(), 2);
}

/// What came nowhere else by the end of the round was deleted; what came again was not.
pub async fn what_left_and_came_nowhere_is_settled(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let all: Vec<_> = ["m", "n", "o", "p"].map(|id| message(id, "a", "1")).into();
    ok!(store.apply_messages(&here(), &page("a", all.clone(), &[]), at(1)));
    ok!(store.apply_messages(&here(), &page("a", vec![], &["m", "n", "o"]), at(2)));
    assert_eq!(
        ok!(store.leaving(&here(), None, 2)),
        ["m".into(), "n".into()]
    );
    assert_eq!(
        ok!(store.leaving(&here(), Some(&"n".into()), 2)),
        ["o".into()]
    );
    // Unchanged, but here: neither a change nor leaving any more.
    ok!(store.apply_messages(&here(), &page("a", vec![all[1].clone()], &[]), at(3)));
    let gone = ["m", "m", "n", "p", "x"].map(Into::into);
    assert_eq!(ok!(store.settle(&here(), &gone, at(4))), 1);
    assert_eq!(ok!(store.settle(&here(), &gone, at(4))), 0);
    assert_eq!(ok!(store.leaving(&here(), None, 9)), ["o".into()]);
    let changes = words(&all_changes(store).await);
    assert_eq!(changes[4..], ["message m deleted"]);
    assert_eq!(
        ok!(store.mailbox(&here()))
            .expect("there")
            .sync
            .messages_done,
        3
    );
}

/// Not after a deletion, nor after going away and coming back.
pub async fn numbers_are_never_given_again(ground: &dyn Ground) {
    let store = ground.open().await;
    let opened = store.as_ref();
    with_mailboxes(opened, &["one"]).await;
    let put = async |store: &dyn Store, id: &str, folder: &str| {
        let one = message(id, folder, "1");
        ok!(store.put_message(&here(), &one, &[], None, at(1)));
    };
    put(opened, "m", "a").await;
    put(opened, "n", "a").await;
    ok!(opened.delete_message(&here(), &"n".into(), at(2)));
    put(opened, "n", "a").await;
    assert_eq!(number(opened, "n").await, Some(("a".into(), 3)));
    put(opened, "m", "b").await;
    put(opened, "m", "a").await;
    assert_eq!(number(opened, "m").await, Some(("a".into(), 4)));
    drop(store);
    let store = ground.open().await;
    put(store.as_ref(), "o", "a").await;
    assert_eq!(number(store.as_ref(), "o").await, Some(("a".into(), 5)));
}

/// A full delta from nothing: what no page of it had is leaving.
pub async fn a_comparison_by_pages_finds_the_lost(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let all: Vec<_> = ["m", "n", "o"].map(|id| message(id, "a", "1")).into();
    ok!(store.apply_messages(&here(), &page("a", all.clone(), &[]), at(1)));
    ok!(store.apply_messages(
        &here(),
        &page("b", vec![message("x", "b", "1")], &[]),
        at(1)
    ));
    for (index, complete) in [(0, false), (2, true)] {
        let mut part = page("a", vec![all[index].clone()], &[]);
        part.cursor = Cursor {
            link: "link".into(),
            complete,
            comparison: Some(comparison(5)),
        };
        let applied = ok!(store.apply_messages(&here(), &part, at(6)));
        assert_eq!(applied.leaving, u64::from(complete));
        assert_eq!(applied.updated, 0);
    }
    assert_eq!(ok!(store.leaving(&here(), None, 9)), ["n".into()]);
    assert_eq!(round(store, 7).await, 1);
    assert_eq!(
        ok!(store.mailbox(&here()))
            .expect("there")
            .sync
            .messages_done,
        3
    );
}

/// Lists of ids and change keys: what differs is given back, what no list had is leaving.
pub async fn a_comparison_by_list_finds_the_lost(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let all: Vec<_> = ["m", "n", "o", "p"].map(|id| message(id, "a", "1")).into();
    ok!(store.apply_messages(&here(), &page("a", all, &["p"]), at(1)));
    ok!(store.apply_messages(&here(), &page("a", vec![], &["p"]), at(1)));
    ok!(store.apply_messages(
        &here(),
        &page("b", vec![message("x", "b", "1")], &[]),
        at(1)
    ));
    let key = |key: &str| Some(key.to_owned());
    let listed = [
        ("m".into(), key("1")),
        ("n".into(), key("2")),
        ("x".into(), key("1")),
        ("new".into(), key("1")),
        ("p".into(), key("1")),
    ];
    let folder = "a".into();
    let fetch = ok!(store.compare(&here(), &folder, &listed, comparison(5)));
    assert_eq!(fetch, ["n".into(), "x".into(), "new".into()]);
    // It was listed, so it is here after all.
    assert!(ok!(store.leaving(&here(), None, 9)).is_empty());
    let fetched = message("n", "a", "2");
    ok!(store.put_message(&here(), &fetched, &[], Some(comparison(5)), at(6)));
    assert_eq!(
        ok!(store.finish_comparison(&here(), &folder, comparison(5))),
        1
    );
    assert_eq!(ok!(store.leaving(&here(), None, 9)), ["o".into()]);
    assert_eq!(
        ok!(store.finish_comparison(&here(), &"none".into(), comparison(5))),
        0
    );
}

/// A write during a comparison is newer than what the comparison could see.
pub async fn what_was_put_meanwhile_counts_as_seen(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let old = page(
        "a",
        vec![message("old", "a", "1"), message("lost", "a", "1")],
        &[],
    );
    ok!(store.apply_messages(&here(), &old, at(1)));
    // The comparison begins at 5.
    ok!(store.put_message(&here(), &message("new", "a", "1"), &[], None, at(6)));
    ok!(store.put_message(&here(), &message("old", "a", "1"), &[], None, at(6)));
    assert_eq!(
        ok!(store.finish_comparison(&here(), &"a".into(), comparison(5))),
        1
    );
    assert_eq!(ok!(store.leaving(&here(), None, 9)), ["lost".into()]);
    // What is seen by an older comparison later on stays seen by the newer one.
    ok!(store.compare(
        &here(),
        &"a".into(),
        &[("new".into(), Some("1".into()))],
        comparison(3)
    ));
    assert_eq!(
        ok!(store.finish_comparison(&here(), &"a".into(), comparison(5))),
        0
    );
}
