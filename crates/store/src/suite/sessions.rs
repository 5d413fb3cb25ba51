//! Sessions.

use super::Ground;
use super::made::*;

/// A session is found with its person as that is now, and goes with the person.
pub async fn found_with_the_person_and_gone_with_it(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut ann = person("ann");
    ok!(store.insert_person(&ann));
    assert!(ok!(store.insert_session(&session("s1", "ann", 5), &[1; 32])));
    assert!(ok!(store.insert_session(&session("s2", "ann", 6), &[2; 32])));
    assert!(!ok!(
        store.insert_session(&session("s3", "gone", 6), &[3; 32])
    ));
    ann.role = postroom_model::person::Role::Reader;
    ok!(store.update_person(&ann));
    ann.signed_in_at = Some(at(6));
    let found = ok!(store.session_by_hash(&[1; 32]));
    assert_eq!(found, Some((session("s1", "ann", 5), ann)));
    assert!(ok!(store.end_session(&"s1".into())));
    assert!(!ok!(store.end_session(&"s1".into())));
    assert_eq!(ok!(store.session_by_hash(&[1; 32])), None);
    assert!(ok!(store.remove_person(&"ann".into())));
    assert!(!ok!(store.remove_person(&"ann".into())));
    assert_eq!(ok!(store.session_by_hash(&[2; 32])), None);
}

/// Idle ones and old ones go, and tokens that nobody used in time.
pub async fn sweeping_ends_the_idle_and_the_old(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_person(&person("ann")));
    for (number, id) in [(1_u8, "idle"), (2, "old"), (3, "alive")] {
        let mut it = session(id, "ann", 0);
        it.expires_at = at(if id == "old" { 100 } else { 1000 });
        ok!(store.insert_session(&it, &[number; 32]));
    }
    for id in ["old", "alive"] {
        ok!(store.touch_session(&id.into(), at(90)));
        // Notes may overtake each other.
        ok!(store.touch_session(&id.into(), at(80)));
    }
    ok!(store.put_sign_in_token(&[7; 32], &token(Some("ann"), 100)));
    assert_eq!(ok!(store.sweep_sessions(at(100), at(90))), 3);
    let (alive, _) = ok!(store.session_by_hash(&[3; 32])).expect("there");
    assert_eq!(alive.seen_at, at(90));
    assert_eq!(ok!(store.session_by_hash(&[1; 32])), None);
    assert_eq!(ok!(store.session_by_hash(&[2; 32])), None);
    assert_eq!(ok!(store.sign_in_token(&[7; 32])), None);
}
