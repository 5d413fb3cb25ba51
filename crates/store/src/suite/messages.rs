//! Taking messages in.

use super::Ground;
use super::made::*;
use crate::contract::blobs::blob_ref;
use crate::contract::cursors::{Cursor, CursorKey};
use crate::contract::messages::Applied;
use bytes::Bytes;
use postroom_model::resource::attachment::AttachmentKind;
use postroom_model::resource::message::MessageRecord;

fn key(folder: &str) -> CursorKey {
    CursorKey {
        owner: "one".into(),
        kind: "messages",
        scope: folder.into(),
    }
}

fn without_attachments(message: &MessageRecord) -> MessageRecord {
    MessageRecord {
        attachments: None,
        ..message.clone()
    }
}

/// Rows, changes, count and cursor are there together, also after a restart.
pub async fn a_page_and_its_cursor_are_one(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut bare = message("b", "inbox", "1");
    bare.received_at = None;
    bare.sent_at = None;
    bare.conversation_id = None;
    bare.internet_message_id = None;
    let all = vec![message("a", "inbox", "1"), bare.clone()];
    let mut first = page("inbox", all, &[]);
    first.cursor = Cursor {
        link: "next".into(),
        complete: false,
        comparison: Some(comparison(0)),
    };
    let applied = ok!(store.apply_messages(&here(), &first, at(1)));
    assert_eq!(applied.created, 2);
    drop(store);
    let store = ground.open().await;
    assert_eq!(ok!(store.cursor(&key("inbox"))), Some(first.cursor));
    assert_eq!(ok!(store.cursor(&key("other"))), None);
    let kept = ok!(store.message(&here(), &"b".into())).expect("there");
    assert_eq!((kept.record, kept.number), (bare, 2));
    assert_eq!(ok!(store.count_messages(&here(), &"inbox".into())), 2);
    assert_eq!(
        ok!(store.mailbox(&here()))
            .expect("there")
            .sync
            .messages_done,
        2
    );
    let changes = words(&all_changes(store.as_ref()).await);
    assert_eq!(changes, ["message a created", "message b created"]);
}

/// A page that is read again after a crash is no news.
pub async fn a_page_again_changes_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut first = message("a", "inbox", "1");
    first.attachments = Some(vec![attachment("x", None)]);
    let first = page("inbox", vec![first], &["never"]);
    ok!(store.apply_messages(&here(), &first, at(1)));
    for seconds in 2..4 {
        let applied = ok!(store.apply_messages(&here(), &first, at(seconds)));
        assert_eq!(applied, Applied::default());
    }
    assert_eq!(all_changes(store.as_ref()).await.len(), 1);
    let changed = page("inbox", vec![message("a", "inbox", "2")], &[]);
    let applied = ok!(store.apply_messages(&here(), &changed, at(5)));
    assert_eq!(applied.updated, 1);
    let kept = ok!(store.message(&here(), &"a".into())).expect("there");
    assert_eq!((kept.record, kept.number), (message("a", "inbox", "2"), 1));
    assert_eq!(
        ok!(store.mailbox(&here()))
            .expect("there")
            .sync
            .messages_done,
        1
    );
}

/// Attachments are replaced as a whole; contents that are here stay here.
pub async fn attachments_come_and_stay(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let content = Bytes::from_static(b"hello");
    let blob = blob_ref(&content);
    let mut link = attachment("link", None);
    link.kind = AttachmentKind::Reference;
    let list = vec![
        attachment("z", Some(blob.clone())),
        attachment("y", None),
        link,
    ];
    // Somebody who does not know of attachments was here first.
    let bare = message("m", "inbox", "1");
    ok!(store.put_message(&here(), &bare, &[], None, at(0)));
    let mut whole = bare.clone();
    whole.attachments = Some(list.clone());
    let mut first = page("inbox", vec![whole.clone()], &[]);
    first.contents = vec![(blob.clone(), content)];
    assert_eq!(ok!(store.apply_messages(&here(), &first, at(1))).updated, 0);
    let id = "m".into();
    assert_eq!(ok!(store.attachments(&here(), &id)), list);
    let wanted = ok!(store.attachments_without_content(&here(), 9));
    assert_eq!(wanted, [("m".into(), attachment("y", None))]);

    let other = ok!(store.put_blob(Bytes::from_static(b"other"), at(1)));
    assert!(ok!(store.set_attachment_content(
        &here(),
        &id,
        &"y".into(),
        &other
    )));
    assert!(!ok!(store.set_attachment_content(
        &here(),
        &id,
        &"x".into(),
        &other
    )));
    let unknown = blob_ref(b"unknown");
    let refused = store
        .set_attachment_content(&here(), &id, &"y".into(), &unknown)
        .await;
    assert!(refused.is_err());
    assert!(ok!(store.attachments_without_content(&here(), 9)).is_empty());

    // The message changes; who tells it does not have the contents.
    let mut changed = message("m", "inbox", "2");
    changed.attachments = Some(vec![attachment("y", None), attachment("z", None)]);
    ok!(store.apply_messages(&here(), &page("inbox", vec![changed], &[]), at(2)));
    let kept = ok!(store.attachments(&here(), &id));
    assert_eq!(
        kept,
        [attachment("y", Some(other)), attachment("z", Some(blob))]
    );
    // One that says nothing of attachments takes none away.
    ok!(store.put_message(&here(), &message("m", "inbox", "3"), &[], None, at(3)));
    assert_eq!(ok!(store.attachments(&here(), &id)).len(), 2);
    // A content that is not here is not here yet, whatever the page says.
    let mut unknown_content = message("n", "inbox", "1");
    unknown_content.attachments = Some(vec![attachment("q", Some(unknown))]);
    ok!(store.apply_messages(&here(), &page("inbox", vec![unknown_content], &[]), at(4)));
    let wanted = ok!(store.attachments_without_content(&here(), 9));
    assert_eq!(wanted.len(), 1);
    // A content under another's name is refused, with all of its page.
    let mut wrong = page("inbox", vec![message("o", "inbox", "1")], &[]);
    wrong.contents = vec![(blob_ref(b"one"), Bytes::from_static(b"two"))];
    assert!(store.apply_messages(&here(), &wrong, at(5)).await.is_err());
    assert!(ok!(store.message(&here(), &"o".into())).is_none());
    assert_eq!(
        ok!(store.message(&here(), &id)).expect("there").record,
        without_attachments(&message("m", "inbox", "3"))
    );
}

/// The MIME form of an older state is no longer the message's.
pub async fn mime_goes_with_a_change(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let id = "m".into();
    let mime = ok!(store.put_blob(Bytes::from_static(b"MIME"), at(0)));
    assert!(!ok!(store.set_message_mime(&here(), &id, &mime)));
    ok!(store.put_message(&here(), &message("m", "inbox", "1"), &[], None, at(1)));
    assert_eq!(ok!(store.message_mime(&here(), &id)), None);
    assert!(ok!(store.set_message_mime(&here(), &id, &mime)));
    ok!(store.put_message(&here(), &message("m", "inbox", "1"), &[], None, at(2)));
    assert_eq!(ok!(store.message_mime(&here(), &id)), Some(mime));
    ok!(store.put_message(&here(), &message("m", "inbox", "2"), &[], None, at(3)));
    assert_eq!(ok!(store.message_mime(&here(), &id)), None);
}

/// A mirror may still be reading when its mailbox is removed.
pub async fn a_page_for_a_gone_mailbox_does_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    ok!(store.remove_mailbox(&here()));
    let first = page("inbox", vec![message("m", "inbox", "1")], &["x"]);
    let applied = ok!(store.apply_messages(&here(), &first, at(1)));
    assert_eq!(applied, Applied::default());
    let one = message("m", "inbox", "1");
    let applied = ok!(store.put_message(&here(), &one, &[], None, at(1)));
    assert_eq!(applied, Applied::default());
    assert_eq!(ok!(store.cursor(&key("inbox"))), None);
    assert!(ok!(store.compare(&here(), &"inbox".into(), &[("m".into(), None)], 1)).is_empty());
    assert_eq!(ok!(store.finish_comparison(&here(), &"inbox".into(), 1)), 0);
    assert_eq!(ok!(store.settle(&here(), &["m".into()], at(2))), 0);
    assert!(!ok!(store.delete_message(&here(), &"m".into(), at(2))));
    assert!(all_changes(store.as_ref()).await.is_empty());
}

/// What a call of ours did is written without a cursor.
pub async fn puts_and_deletes_one(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let one = message("m", "drafts", "1");
    assert_eq!(
        ok!(store.put_message(&here(), &one, &[], None, at(1))).created,
        1
    );
    assert_eq!(
        ok!(store.put_message(&here(), &one, &[], None, at(1))).created,
        0
    );
    assert_eq!(ok!(store.cursor(&key("drafts"))), None);
    assert!(ok!(store.delete_message(&here(), &"m".into(), at(2))));
    assert!(!ok!(store.delete_message(&here(), &"m".into(), at(3))));
    assert_eq!(
        ok!(store.mailbox(&here()))
            .expect("there")
            .sync
            .messages_done,
        0
    );
    let changes = words(&all_changes(store.as_ref()).await);
    assert_eq!(changes, ["message m created", "message m deleted"]);
}

/// Without change keys, only another content is a change.
pub async fn messages_without_change_keys_are_compared(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut one = message("m", "inbox", "1");
    one.change_key = None;
    ok!(store.put_message(&here(), &one, &[], None, at(1)));
    let applied = ok!(store.put_message(&here(), &one, &[], None, at(2)));
    assert_eq!(applied, Applied::default());
    one.is_read = true;
    assert_eq!(
        ok!(store.put_message(&here(), &one, &[], None, at(3))).updated,
        1
    );
}
