//! U+0000, which some databases cannot hold.

use super::Ground;
use super::calls::call;
use super::made::*;
use crate::contract::StoreError;
use crate::contract::alerts::AlertRound;
use crate::contract::audit::AuditQuery;
use crate::contract::changes::ChangeQuery;
use crate::contract::connections::ConnectionWrite;
use crate::contract::folders::FolderPage;
use crate::contract::messages::{MessageQuery, Position};
use postroom_model::account::AccountState;
use postroom_model::alert::AlertChange;
use postroom_model::audit::{Outcome, Subject};
use postroom_model::login::LoginStatus;

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

/// The same in names, reasons and notes: whoever writes them must not find a store that is out of
/// order.
pub async fn is_replaced_in_what_people_write(ground: &dyn Ground) {
    const ODD: &str = "o\0dd";
    const KEPT: &str = "o\u{fffd}dd";
    let kept = Some(KEPT.to_owned());
    let odd = || Some(ODD.to_owned());
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;

    let mut one = connection("odd");
    (one.name, one.redirect_uri) = (ODD.into(), odd());
    ok!(store.insert_connection(&one, None));
    let was = ok!(store.connection(&one.id)).expect("there");
    ok!(store.update_connection(ConnectionWrite {
        was: &was,
        now: &one,
        credential: None,
        ends: None,
    }));
    let found = ok!(store.connection(&one.id)).expect("there");
    assert_eq!((found.name.as_str(), &found.redirect_uri), (KEPT, &kept));
    // Two names that are kept alike are one.
    one.id = "odd2".into();
    let again = store.insert_connection(&one, None).await;
    assert!(
        matches!(again, Err(StoreError::Conflict { .. })),
        "{again:?}"
    );

    let mut user = account("u", "c", Some("user"));
    (user.user_principal_name, user.display_name, user.reason) = (odd(), odd(), odd());
    ok!(store.put_account(&user));
    let found = ok!(store.account(&user.id)).expect("there");
    assert_eq!(
        [found.user_principal_name, found.display_name, found.reason],
        [(); 3].map(|()| kept.clone())
    );
    ok!(store.set_account_state(&user.id, AccountState::Revoked, Some("\0"), at(2), None));
    let found = ok!(store.account(&user.id)).expect("there");
    assert_eq!(found.reason.as_deref(), Some("\u{fffd}"));

    let mut mailbox = ok!(store.mailbox(&here())).expect("there");
    mailbox.sync.error = odd();
    ok!(store.set_sync_state(&here(), &mailbox.sync));
    ok!(store.update_mailbox(&here(), &mailbox.account, ODD, Some(ODD)));
    let found = ok!(store.mailbox(&here())).expect("there");
    assert_eq!((found.address.as_str(), &found.display_name), (KEPT, &kept));
    assert_eq!(found.sync.error, kept);

    let mut key = key("k");
    key.name = ODD.into();
    ok!(store.insert_key(&key, &[1; 32]));
    ok!(store.update_key(&key));
    assert_eq!(ok!(store.key(&key.id)).expect("there").name, KEPT);

    let mut person = person("p");
    (person.name, person.address) = (ODD.into(), odd());
    ok!(store.insert_person(&person));
    ok!(store.update_person(&person));
    let found = ok!(store.person(&person.id)).expect("there");
    assert_eq!((found.name.as_str(), &found.address), (KEPT, &kept));
    assert_eq!(ok!(store.person_by_address(ODD)), None);

    let mut alert = alert("a", "s", 1);
    (alert.title, alert.hint, alert.subject.name) = (ODD.into(), ODD.into(), ODD.into());
    let step = alert_step(&alert, None, AlertChange::Raised);
    ok!(store.apply_alerts(&AlertRound {
        steps: vec![step],
        mail: None
    }));
    ok!(store.acknowledge_alert(&alert.id, ODD, at(2)));
    let found = ok!(store.alert(&alert.id)).expect("there");
    assert_eq!(
        [&*found.title, &*found.hint, &*found.subject.name],
        [KEPT; 3]
    );
    assert_eq!(found.acknowledged_by, kept);
    assert_eq!(ok!(store.alert_events(None, 9)).events.len(), 1);

    let mut entry = audit_entry("e", 1);
    entry.actor.name = ODD.into();
    entry.outcome = Outcome::Begun;
    entry.details.insert("name".into(), ODD.into());
    ok!(store.insert_audit(std::slice::from_ref(&entry)));
    entry.subject = Some(Subject {
        kind: "key".into(),
        id: odd(),
        name: odd(),
    });
    entry.outcome = Outcome::Done;
    assert!(ok!(store.finish_audit(&entry)));
    let query = AuditQuery {
        limit: 9,
        ..AuditQuery::default()
    };
    let found = ok!(store.list_audit(&query)).pop().expect("there");
    assert_eq!(found.actor.name, KEPT);
    let subject = found.subject.expect("there");
    assert_eq!([subject.id, subject.name], [kept.clone(), kept.clone()]);
    for (actor, subject) in [(odd(), None), (None, odd())] {
        let query = AuditQuery {
            actor,
            subject,
            ..query.clone()
        };
        assert!(ok!(store.list_audit(&query)).is_empty());
    }

    let mut device = device_login("d", "c");
    if let Some(device) = &mut device.device {
        device.message = odd();
    }
    ok!(store.insert_login(&device));
    assert!(ok!(store.fail_login(&device.id, LoginStatus::Failed, ODD)));
    let found = ok!(store.login(&device.id)).expect("there");
    assert_eq!(found.error, kept);
    assert_eq!(found.device.expect("a code").message, kept);

    let mut item = outbox_item("o", "one", 1);
    item.reason = odd();
    ok!(store.accept_outbox(&item, None));
    assert!(ok!(store.save_outbox(&item, &item, at(2))));
    let found = ok!(store.outbox_item(&item.id)).expect("there");
    assert_eq!(found.reason, kept);

    let mut call = call(1);
    call.error = odd();
    ok!(store.record_calls(std::slice::from_ref(&call)));
    assert_eq!(ok!(store.call(&call.id)).expect("there").error, kept);
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
    assert!(!ok!(store.remove_account(&odd.into())));
    assert!(!ok!(store.remove_credential(&"c".into(), &odd.into())));
    assert!(!ok!(store.remove_person(&odd.into())));
    assert!(!ok!(store.acknowledge_alert(&odd.into(), "Ada", at(2))));
    assert!(!ok!(store.fail_login(
        &odd.into(),
        LoginStatus::Failed,
        "no"
    )));
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
