//! Stores that are not copied, or not copied into.

use crate::fill;
use crate::place::{Place, database, dump, folder};
use crate::there_and_back::close;
use postroom_store::suite::made::*;
use postroom_store::transfer::{self, CopyError, MOVED_TO, UNDER_WAY};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

async fn filled() -> Place {
    let place = folder();
    let store = place.open().await;
    fill::everything(&*store).await;
    close(store).await;
    place
}

async fn refusal(from: &Place, to: &Place) -> CopyError {
    let (source, target) = (from.open().await, to.open().await);
    let error = transfer::copy(&*source, &*target, &|_| {})
        .await
        .expect_err("refused");
    close(source).await;
    close(target).await;
    error
}

/// Begins a copy and ends it before anything is copied.
async fn half(from: &Place, to: &Place) {
    let (source, target) = (from.open().await, to.open().await);
    let copying = transfer::copy(&*source, &*target, &|_| panic!("cut off"));
    let outcome = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(copying)).await;
    assert!(outcome.is_err());
    close(source).await;
    close(target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_something_in_it() {
    for to in [folder(), database()] {
        let from = filled().await;
        let store = to.open().await;
        store
            .insert_key(&key("k"), &[3; 32])
            .await
            .expect("written");
        close(store).await;
        let before = dump(&to);
        let error = refusal(&from, &to).await;
        assert!(matches!(error, CopyError::NotEmpty { .. }), "{error}");
        assert_eq!(dump(&to), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_store_and_its_copy() {
    let (from, to) = (filled().await, folder());
    let store = from.open().await;
    let error = transfer::copy(&*store, &*store, &|_| {}).await;
    let error = error.expect_err("refused");
    assert!(matches!(error, CopyError::Same { .. }), "{error}");
    close(store).await;
    let (source, target) = (from.open().await, to.open().await);
    transfer::copy(&*source, &*target, &|_| {})
        .await
        .expect("copied");
    close(source).await;
    close(target).await;
    for (one, other) in [(&from, &to), (&to, &from)] {
        let error = refusal(one, other).await;
        assert!(matches!(error, CopyError::Same { .. }), "{error}");
    }
    // Its copy is in use: what is here is old.
    let error = refusal(&from, &folder()).await;
    assert!(matches!(error, CopyError::Moved { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_copy() {
    let (from, to) = (filled().await, folder());
    half(&from, &to).await;
    let error = refusal(&to, &folder()).await;
    assert!(matches!(error, CopyError::Unfinished { .. }), "{error}");
    // Somebody else's half copy is not written over.
    let before = dump(&to);
    let error = refusal(&filled().await, &to).await;
    assert!(matches!(error, CopyError::Another { .. }), "{error}");
    assert_eq!(dump(&to), before);
}

/// Somebody used the store while it was copied: its copy is old before it is finished.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_used_meanwhile() {
    for doing in ["messages", "comparing", "contents"] {
        let (from, to) = (filled().await, folder());
        let (source, target) = (from.open().await, to.open().await);
        let used = AtomicBool::new(false);
        let beside = Arc::clone(&source);
        let watcher = |progress: transfer::Progress| {
            if progress.doing == doing && !used.swap(true, Ordering::Relaxed) {
                let store = Arc::clone(&beside);
                // As whoever uses a store does.
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(async {
                        store.put_setting(UNDER_WAY, "").await.expect("written");
                        store
                            .insert_key(&key("new"), &[8; 32])
                            .await
                            .expect("written");
                    });
                });
            }
        };
        let outcome = transfer::copy(&*source, &*target, &watcher).await;
        if used.load(Ordering::Relaxed) {
            let error = outcome.expect_err("refused");
            assert!(matches!(error, CopyError::Used { .. }), "{error}");
            let moved = source.setting(MOVED_TO).await.expect("read");
            assert!(moved.is_none_or(|to| to.is_empty()));
            transfer::copy(&*source, &*target, &|_| {})
                .await
                .expect("copied anew");
        }
        close(source).await;
        close(target).await;
        assert_eq!(dump(&from), dump(&to));
    }
}

/// A damaged content is named, and not kept under another name in the copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_content() {
    let (from, to) = (filled().await, database());
    let file = from.files().pop().expect("a file");
    let whole = std::fs::read(&file).expect("read");
    let mut damaged = whole.clone();
    damaged[1000] ^= 1;
    std::fs::write(&file, &damaged).expect("written");
    let error = refusal(&from, &to).await.to_string();
    assert!(error.contains("is damaged"), "{error}");
    std::fs::write(&file, &whole).expect("written");
    let (source, target) = (from.open().await, to.open().await);
    let copied = transfer::copy(&*source, &*target, &|_| {}).await;
    assert!(copied.expect("copied").resumed);
    close(source).await;
    close(target).await;
    assert_eq!(dump(&from), dump(&to));
}
