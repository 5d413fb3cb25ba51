//! Callers' keys.

use super::Ground;
use super::made::*;
use crate::contract::StoreError;

/// A hash finds its key, also when the key is revoked.
pub async fn found_by_hash_whatever_their_state(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut two = key("a");
    ok!(store.insert_key(&key("b"), &[1; 32]));
    ok!(store.insert_key(&two, &[2; 32]));
    let refused = store.insert_key(&key("d"), &[2; 32]).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(ok!(store.key_by_hash(&[2; 32])), Some(two.clone()));
    assert_eq!(ok!(store.key_by_hash(&[3; 32])), None);
    two.revoked_at = Some(at(5));
    two.mailboxes = None;
    two.networks = None;
    two.scopes.pop();
    assert!(ok!(store.update_key(&two)));
    assert!(!ok!(store.update_key(&key("x"))));
    assert_eq!(ok!(store.key_by_hash(&[2; 32])), Some(two.clone()));
    assert_eq!(ok!(store.key(&two.id)), Some(two.clone()));
    assert_eq!(ok!(store.keys()), [key("b"), two]);
}

/// What was read before a revocation and is written after it does not undo it.
pub async fn a_revoked_key_stays_so(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_key(&key("a"), &[1; 32]));
    let mut revoked = key("a");
    revoked.revoked_at = Some(at(5));
    assert!(ok!(store.update_key(&revoked)));
    assert!(!ok!(store.update_key(&key("a"))));
    assert_eq!(ok!(store.key_by_hash(&[1; 32])), Some(revoked));
}

/// Uses come in batches that may overtake each other.
pub async fn uses_only_move_on(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_key(&key("a"), &[1; 32]));
    let id = || "a".into();
    ok!(store.touch_keys(&[(id(), at(5)), ("gone".into(), at(5))]));
    ok!(store.touch_keys(&[(id(), at(4))]));
    assert_eq!(
        ok!(store.key(&id())).expect("there").last_used_at,
        Some(at(5))
    );
    // What is written anew by an administrator does not set it back.
    ok!(store.update_key(&key("a")));
    assert_eq!(
        ok!(store.key(&id())).expect("there").last_used_at,
        Some(at(5))
    );
}

/// A store that counts commits counts each, and nothing else: whoever remembers a key by that number
/// sees every change of it.
pub async fn a_number_of_commits_moves_with_each(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_key(&key("a"), &[1; 32]));
    let Some(mut before) = store.commits() else {
        return;
    };
    ok!(store.key_by_hash(&[1; 32]));
    assert_eq!(store.commits(), Some(before), "reading commits nothing");
    let mut moved = |what: &str| {
        let now = store.commits().expect("counted before");
        assert_ne!(now, before, "{what}");
        before = now;
    };
    ok!(store.touch_keys(&[("a".into(), at(5))]));
    moved("a key's use is noted");
    let mut revoked = key("a");
    revoked.revoked_at = Some(at(5));
    assert!(ok!(store.update_key(&revoked)));
    moved("a key is revoked");
    ok!(store.put_setting("a", "b"));
    moved("a setting is written");
}
