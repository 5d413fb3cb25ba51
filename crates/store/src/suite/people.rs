//! The mirrored directory.

use super::Ground;
use super::made::*;
use postroom_model::ConnectionId;
use postroom_model::resource::person::{PersonRecord, PersonSource};

fn here() -> ConnectionId {
    "c".into()
}

fn person(id: &str) -> PersonRecord {
    PersonRecord {
        user_principal_name: Some(format!("{id}@contoso.example")),
        display_name: Some(format!("Person {id}")),
        given_name: Some("Ada".into()),
        surname: Some("Übel".into()),
        mail: Some(format!("{id}@contoso.example")),
        job_title: Some("Engineer".into()),
        department: Some("Engines".into()),
        office_location: Some("2/11".into()),
        company_name: Some("Contoso".into()),
        mobile_phone: Some("+44 1".into()),
        business_phones: Some("+44 2, +44 3".into()),
        account_enabled: Some(false),
        json: Some(format!(r#"{{"id":"{id}"}}"#)),
        ..PersonRecord::new(id, PersonSource::Directory)
    }
}

/// A reading comes in pages. Who is in none of them is gone with the last one, and not before.
pub async fn pages_of_a_reading_and_who_is_gone(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c"), None));
    ok!(store.insert_connection(&connection("d"), None));
    ok!(store.apply_people(&"d".into(), &[person("a")], true, at(0)));
    let nearly_nothing = PersonRecord::new("b", PersonSource::Mailbox);
    ok!(store.apply_people(&here(), &[person("gone"), person("a")], false, at(1)));
    ok!(store.apply_people(&here(), std::slice::from_ref(&nearly_nothing), true, at(1)));
    ok!(store.apply_people(&here(), &[person("c")], false, at(2)));
    assert_eq!(ok!(store.people(&here())).len(), 4);
    ok!(store.apply_people(&here(), &[nearly_nothing.clone(), person("a")], true, at(2)));
    drop(store);
    let store = ground.open().await;
    let kept: Vec<_> = ok!(store.people(&here()))
        .into_iter()
        .map(|it| it.record)
        .collect();
    assert_eq!(kept, [person("a"), nearly_nothing, person("c")]);
    // Another connection's people are not looked at.
    assert_eq!(ok!(store.people(&"d".into())).len(), 1);
    ok!(store.apply_people(&here(), &[], true, at(3)));
    assert_eq!(ok!(store.people(&here())), []);
}

/// Who looks as before was seen and not updated.
pub async fn unchanged_ones_are_only_seen(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c"), None));
    let nobody = PersonRecord::new("b", PersonSource::Account);
    ok!(store.apply_people(&here(), &[person("a"), nobody.clone()], true, at(1)));
    ok!(store.apply_people(&here(), &[person("a"), nobody.clone()], true, at(2)));
    for it in ok!(store.people(&here())) {
        assert_eq!((it.seen_at, it.updated_at), (at(2), at(1)));
    }
    let moved = PersonRecord {
        department: None,
        ..person("a")
    };
    // One that comes twice is what it was last.
    let people = [person("a"), moved.clone(), nobody];
    ok!(store.apply_people(&here(), &people, true, at(3)));
    assert_eq!(ok!(store.people(&here()))[0].record, moved);
    let times: Vec<_> = ok!(store.people(&here()))
        .iter()
        .map(|it| (it.seen_at, it.updated_at))
        .collect();
    assert_eq!(times, [(at(3), at(3)), (at(3), at(1))]);
}

/// No store keeps U+0000, which PostgreSQL cannot hold.
pub async fn texts_have_no_nul(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c"), None));
    let odd = PersonRecord {
        department: Some("a\0b".into()),
        json: Some(r#"{"department":"a\u0000b"}"#.into()),
        ..person("a")
    };
    ok!(store.apply_people(&here(), &[odd], true, at(1)));
    let kept = ok!(store.people(&here())).remove(0).record;
    assert_eq!(kept.department.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(kept.json.as_deref(), Some(r#"{"department":"a\ufffdb"}"#));
}

/// Without its connection nobody is kept, nor taken in.
pub async fn go_with_the_connection(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c"), None));
    ok!(store.apply_people(&here(), &[person("a")], true, at(1)));
    assert!(ok!(store.remove_connection(&here())));
    assert_eq!(ok!(store.people(&here())), []);
    ok!(store.apply_people(&here(), &[person("a")], true, at(2)));
    assert_eq!(ok!(store.people(&here())), []);
}
