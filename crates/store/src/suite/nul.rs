//! U+0000, which some databases cannot hold.

use super::Ground;
use super::made::*;
use crate::contract::changes::ChangeQuery;
use crate::contract::folders::FolderPage;
use crate::contract::messages::{MessageQuery, Position};

/// In what is mirrored, U+FFFD stands in its place.
pub async fn is_replaced_in_what_is_mirrored(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let mut one = message("m", "a", "1");
    one.subject = "sub\0ject".into();
    one.from_name = "\0".into();
    one.body = "<p>\0</p>".into();
    one.internet_message_id = Some("<a\0b>".into());
    one.json = r#"{"id":"m","x":"a\u0000b\\u0000","y":"\\\u0000"}"#.into();
    let mut file = attachment("x", None);
    file.name = "na\0me".into();
    file.json = r#"{"name":"na\u0000me"}"#.into();
    one.attachments = Some(vec![file.clone()]);
    for _ in 0..2 {
        ok!(store.put_message(&here(), &one, &[], None, at(1)));
    }
    let kept = ok!(store.message(&here(), &"m".into()))
        .expect("there")
        .record;
    assert_eq!(kept.subject, "sub\u{fffd}ject");
    assert_eq!(kept.from_name, "\u{fffd}");
    assert_eq!(kept.body, "<p>\u{fffd}</p>");
    assert_eq!(kept.internet_message_id.as_deref(), Some("<a\u{fffd}b>"));
    assert_eq!(
        kept.json,
        r#"{"id":"m","x":"a\ufffdb\\u0000","y":"\\\ufffd"}"#
    );
    let kept = ok!(store.attachments(&here(), &"m".into()));
    assert_eq!(kept[0].name, "na\u{fffd}me");
    assert_eq!(kept[0].json, r#"{"name":"na\ufffdme"}"#);
    // What was replaced is no change when it comes again, with a change key or without.
    one.change_key = None;
    ok!(store.put_message(&here(), &one, &[], None, at(2)));
    let again = ok!(store.put_message(&here(), &one, &[], None, at(3)));
    assert_eq!(again.updated, 0);

    let mut odd = folder("f", None);
    odd.display_name = "fol\0der".into();
    let tree = FolderPage {
        folders: vec![odd],
        removed: Vec::new(),
        whole: true,
        cursor: None,
    };
    let before = all_changes(store).await.len();
    for _ in 0..2 {
        ok!(store.apply_folders(&here(), &tree, at(4)));
    }
    let kept = ok!(store.folder(&here(), "f")).expect("there");
    assert_eq!(kept.display_name, "fol\u{fffd}der");
    assert_eq!(all_changes(store).await.len(), before + 1);
}

/// An id with it is nobody's: whoever asks is told that nothing is there.
pub async fn in_an_id_is_not_there(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    ok!(store.put_message(&here(), &message("m", "a", "1"), &[], None, at(1)));
    let odd = "m\0";
    assert_eq!(ok!(store.message(&here(), &odd.into())), None);
    assert_eq!(ok!(store.message(&odd.into(), &"m".into())), None);
    assert!(ok!(store.attachments(&here(), &odd.into())).is_empty());
    assert_eq!(ok!(store.message_mime(&here(), &odd.into())), None);
    assert!(!ok!(store.delete_message(&here(), &odd.into(), at(2))));
    assert_eq!(ok!(store.settle(&here(), &[odd.into()], at(2))), 0);
    assert_eq!(ok!(store.count_messages(&here(), &odd.into())), 0);
    assert_eq!(ok!(store.folder(&here(), odd)), None);
    assert_eq!(ok!(store.mailbox(&odd.into())), None);
    assert_eq!(ok!(store.mailbox_by_address(odd)), None);
    assert!(!ok!(store.remove_mailbox(&odd.into())));
    assert_eq!(ok!(store.connection(&odd.into())), None);
    assert_eq!(ok!(store.account(&odd.into())), None);
    assert_eq!(ok!(store.account_of(&"c".into(), Some(odd))), None);
    assert_eq!(ok!(store.key(&odd.into())), None);
    assert_eq!(ok!(store.outbox_item(&odd.into())), None);
    assert!(ok!(store.login(&odd.into())).is_none());
    assert!(ok!(store.call(&odd.into())).is_none());
    assert_eq!(ok!(store.setting(odd)), None);
    assert!(ok!(store.read_blob(odd)).is_none());
    let missing = ok!(store.compare(&here(), &"a".into(), &[(odd.into(), None)], 1));
    assert_eq!(missing, [odd.into()]);
    let removed = page("a", Vec::new(), &[odd]);
    assert_eq!(
        ok!(store.apply_messages(&here(), &removed, at(3))).leaving,
        0
    );
    let changes = ChangeQuery {
        mailboxes: Some(vec![odd.into()]),
        limit: 9,
        ..ChangeQuery::default()
    };
    assert!(ok!(store.changes(&changes)).changes.is_empty());
    let none = MessageQuery {
        limit: 9,
        ..MessageQuery::default()
    };
    for query in [
        MessageQuery {
            folder: Some(odd.into()),
            ..none.clone()
        },
        MessageQuery {
            conversation_id: Some(odd.into()),
            ..none.clone()
        },
        MessageQuery {
            subject: Some(odd.into()),
            ..none.clone()
        },
        MessageQuery {
            search: Some(odd.into()),
            ..none.clone()
        },
    ] {
        assert!(ok!(store.list_messages(&here(), &query)).is_empty());
    }
    let behind = MessageQuery {
        after: Some(Position {
            received_micros: i64::MIN,
            id: "m".into(),
        }),
        ..none
    };
    assert!(ok!(store.list_messages(&here(), &behind)).is_empty());
}
