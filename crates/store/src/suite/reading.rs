//! Lists of messages.

use super::Ground;
use super::made::*;
use crate::contract::Store;
use crate::contract::messages::{MessageQuery, Position};

async fn ids(store: &dyn Store, query: MessageQuery) -> Vec<String> {
    let query = MessageQuery {
        limit: 100,
        ..query
    };
    let list = ok!(store.list_messages(&here(), &query));
    list.into_iter()
        .map(|it| it.record.id.into_string())
        .collect()
}

/// Equal times, missing times, times before 1970: every page follows the one before.
pub async fn pages_in_order_even_with_equal_times(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one", "two"]).await;
    let mut all = Vec::new();
    for number in 0..40_i64 {
        let folder = if number % 3 == 0 { "a" } else { "b" };
        let mut one = message(&format!("m{:02}", (number * 7) % 40), folder, "1");
        one.received_at = match number % 8 {
            0 => None,
            1 => jiff::Timestamp::from_second(-5).ok(),
            _ => Some(at(number / 10)),
        };
        ok!(store.put_message(&here(), &one, &[], None, at(1)));
        ok!(store.put_message(&"two".into(), &one, &[], None, at(1)));
        let time = one.received_at.map_or(0, |time| time.as_microsecond());
        all.push((time, one.id, folder));
    }
    all.sort();
    all.reverse();
    for folder in [None, Some("a")] {
        let mut query = MessageQuery {
            folder: folder.map(Into::into),
            limit: 3,
            ..MessageQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let list = ok!(store.list_messages(&here(), &query));
            let Some(last) = list.last() else { break };
            let time = last.record.received_at;
            query.after = Some(Position {
                received_micros: time.map_or(0, |time| time.as_microsecond()),
                id: last.record.id.clone(),
            });
            assert!(list.iter().all(|it| it.record.body.is_empty()));
            found.extend(list.into_iter().map(|it| it.record.id));
        }
        let wanted = all
            .iter()
            .filter(|it| folder.is_none_or(|folder| it.2 == folder));
        let wanted: Vec<_> = wanted.map(|it| it.1.clone()).collect();
        assert_eq!(found, wanted);
    }
}

/// Parts of texts, as people write them.
pub async fn text_without_regard_to_case_in_any_alphabet(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let mut one = message("1", "a", "1");
    one.subject = "Rechnung ÄPFEL 100%".into();
    one.from_name = "Иван Петров".into();
    one.body = "<p>Grüße aus Köln</p>".into();
    let mut two = message("2", "a", "1");
    two.subject = "invoice".into();
    two.from_address = "Billing_Dept@example.com".into();
    for message in [one, two] {
        ok!(store.put_message(&here(), &message, &[], None, at(1)));
    }
    let none = MessageQuery::default;
    let from = |text: &str| MessageQuery {
        from: Some(text.into()),
        ..none()
    };
    let subject = |text: &str| MessageQuery {
        subject: Some(text.into()),
        ..none()
    };
    let search = |text: &str| MessageQuery {
        search: Some(text.into()),
        ..none()
    };
    for (query, wanted) in [
        (from("иВАН"), &["1"][..]),
        (from("billing_dept"), &["2"]),
        (from("billing%"), &[]),
        (subject("äpfel 1"), &["1"]),
        (subject("%"), &["1"]),
        (subject("INVOICE"), &["2"]),
        (search("köln ПЕТРОВ"), &["1"]),
        (search("  grüsse"), &[]),
        (search("invoice billing"), &["2"]),
        (search("invoice köln"), &[]),
        (search("   "), &["2", "1"]),
    ] {
        let words = format!("{query:?}");
        assert_eq!(ids(store, query).await, wanted, "{words}");
    }
}

/// The rule for letters, where alphabets are odd: small letters by Unicode, one sigma, and nothing
/// else is made equal.
pub async fn odd_letters_are_compared_by_the_rule(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let texts = [
        ("1", "ΟΔΥΣΣΕΎΣ ΣΤΗΝ ΟΔΌ"),
        ("2", "Straße, groß"),
        ("3", "İSTANBUL ve Iğdır"),
        ("4", "ЁЛКА и ежик"),
        ("5", "Cafe\u{301} au lait"),
        ("6", "Café au lait"),
        ("7", "ＦＵＬＬ ǅ ΐ"),
        ("8", "one\ntwo"),
    ];
    for (id, text) in texts {
        let mut one = message(id, "a", "1");
        one.subject = text.into();
        one.from_name = text.into();
        one.body = "nothing".into();
        ok!(store.put_message(&here(), &one, &[], None, at(1)));
    }
    for (part, wanted) in [
        // Both sigmas are one, wherever they stand.
        ("οδυσσεύς", &["1"][..]),
        ("ΟΔΥΣΣΕΎΣ", &["1"]),
        ("σ", &["1"]),
        ("ς", &["1"]),
        ("εύσ στην", &["1"]),
        // A sharp s is no double s, but has a great form.
        ("STRASSE", &[]),
        ("STRAẞE", &["2"]),
        // A dotted great I is a small one with a dot above; the dotless one stays apart.
        ("İstanbul", &["3"]),
        ("istanbul", &[]),
        ("i\u{307}stanbul", &["3"]),
        ("iğdır", &["3"]),
        ("ığdır", &[]),
        ("ёлка", &["4"]),
        ("елка", &[]),
        // Composed and decomposed are two.
        ("CAFE\u{301}", &["5"]),
        ("CAFÉ", &["6"]),
        ("cafe", &["5"]),
        ("ｆｕｌｌ", &["7"]),
        ("ǆ", &["7"]),
        ("one\ntwo", &["8"]),
    ] {
        let mut queries = vec![
            MessageQuery {
                subject: Some(part.into()),
                ..MessageQuery::default()
            },
            MessageQuery {
                from: Some(part.into()),
                ..MessageQuery::default()
            },
        ];
        if !part.contains(char::is_whitespace) {
            queries.push(MessageQuery {
                search: Some(part.into()),
                ..MessageQuery::default()
            });
        }
        for query in queries {
            let words = format!("{query:?}");
            assert_eq!(ids(store, query).await, wanted, "{words}");
        }
    }
}

/// Every condition by itself.
pub async fn every_condition(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    with_mailboxes(store, &["one"]).await;
    let mut one = message("1", "a", "1");
    one.is_read = true;
    one.received_at = Some(at(100));
    let mut two = message("2", "b", "1");
    two.has_attachments = true;
    two.conversation_id = Some("other".into());
    two.received_at = None;
    for message in [&one, &two] {
        ok!(store.put_message(&here(), message, &[], None, at(1)));
    }
    let none = MessageQuery::default;
    for (query, wanted) in [
        (none(), &["1", "2"][..]),
        (
            MessageQuery {
                folder: Some("a".into()),
                ..none()
            },
            &["1"],
        ),
        (
            MessageQuery {
                folder: Some("A".into()),
                ..none()
            },
            &[],
        ),
        (
            MessageQuery {
                is_read: Some(false),
                ..none()
            },
            &["2"],
        ),
        (
            MessageQuery {
                has_attachments: Some(true),
                ..none()
            },
            &["2"],
        ),
        (
            MessageQuery {
                has_attachments: Some(false),
                ..none()
            },
            &["1"],
        ),
        (
            MessageQuery {
                conversation_id: Some("other".into()),
                ..none()
            },
            &["2"],
        ),
        (
            MessageQuery {
                internet_message_id: one.internet_message_id.clone(),
                ..none()
            },
            &["1"],
        ),
        (
            MessageQuery {
                received_after: Some(at(100)),
                ..none()
            },
            &["1"],
        ),
        (
            MessageQuery {
                received_after: Some(at(101)),
                ..none()
            },
            &[],
        ),
        (
            MessageQuery {
                received_before: Some(at(101)),
                ..none()
            },
            &["1"],
        ),
        (
            MessageQuery {
                received_before: Some(at(100)),
                ..none()
            },
            &[],
        ),
        (
            MessageQuery {
                folder: Some("b".into()),
                conversation_id: Some("other".into()),
                is_read: Some(false),
                ..none()
            },
            &["2"],
        ),
    ] {
        let words = format!("{query:?}");
        assert_eq!(ids(store, query).await, wanted, "{words}");
    }
    let with_body = MessageQuery {
        with_body: true,
        limit: 1,
        ..none()
    };
    let list = ok!(store.list_messages(&here(), &with_body));
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].record, one);
    assert!(ok!(store.list_messages(&"gone".into(), &with_body)).is_empty());
}
