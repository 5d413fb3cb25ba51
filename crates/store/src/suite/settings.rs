//! Settings, and the store as a whole.

use super::Ground;
use crate::contract::StoreError;

/// Settings are written over and survive.
pub async fn are_kept(ground: &dyn Ground) {
    let store = ground.open().await;
    assert_eq!(ok!(store.setting("name")), None);
    ok!(store.put_setting("name", "one"));
    ok!(store.put_setting("name", "two"));
    drop(store);
    let store = ground.open().await;
    assert_eq!(ok!(store.setting("name")).as_deref(), Some("two"));
    assert_eq!(ok!(store.setting("Name")), None);
}

/// Whoever goes by a value that is another one by now replaces nothing.
pub async fn of_two_that_replace_one_succeeds(ground: &dyn Ground) {
    let store = ground.open().await;
    let (one, two) = tokio::join!(
        store.replace_setting("name", None, "one"),
        store.replace_setting("name", None, "two"),
    );
    assert_ne!(one.expect("written"), two.expect("written"));
    let there = ok!(store.setting("name")).expect("there");
    let there = Some(there.as_str());
    let (one, two) = tokio::join!(
        store.replace_setting("name", there, "three"),
        store.replace_setting("name", there, "four"),
    );
    assert_ne!(one.expect("written"), two.expect("written"));
    assert!(!ok!(store.replace_setting("name", there, "five")));
    assert!(!ok!(store.replace_setting("other", Some(""), "six")));
    assert_eq!(ok!(store.setting("other")), None);
}

/// A store says what it is and that it works.
pub async fn check_and_describe_work(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.check());
    ok!(store.check());
    let description = ok!(store.describe());
    assert!(description.schema > 0);
    assert!(!description.kind.is_empty() && !description.place.is_empty());
}

/// After closing every call fails as closed.
pub async fn closed_is_closed(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.put_setting("name", "one"));
    ok!(store.close());
    ok!(store.close());
    let read = store.setting("name").await;
    assert!(matches!(read, Err(StoreError::Closed)), "{read:?}");
    let written = store.put_setting("name", "two").await;
    assert!(matches!(written, Err(StoreError::Closed)), "{written:?}");
    drop(store);
    let store = ground.open().await;
    assert_eq!(ok!(store.setting("name")).as_deref(), Some("one"));
}
