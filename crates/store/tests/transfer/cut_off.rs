//! A copy that is cut off goes on where it was.

use crate::fill;
use crate::place::{Place, database, dump, folder, with_files};
use crate::there_and_back::close;
use postroom_store::suite::made::*;
use postroom_store::transfer::{self, Copied, CopyError, MOVED_TO, UNDER_WAY, UNFINISHED};
use std::future::Future as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// When a copy is cut off.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// After so many words of progress.
    Progress(usize),
    /// After it was woken so often.
    Wakes(usize),
    /// After so many words of progress, and so many wakes behind them.
    Behind(usize, usize),
}

/// Copies until the cut, then lets everything go, as a process does that is killed. `None`: cut
/// off.
async fn copy(from: &Place, to: &Place, cut: Cut) -> Option<Result<Copied, CopyError>> {
    let (source, target) = (from.open().await, to.open().await);
    let told = AtomicUsize::new(0);
    let count = |_| {
        told.fetch_add(1, Ordering::Relaxed);
    };
    let outcome = {
        let mut copying = Box::pin(transfer::copy(&*source, &*target, &count));
        let (mut wakes, mut behind) = (0, 0);
        std::future::poll_fn(|context| {
            wakes += 1;
            match copying.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending => {
                    let over = match cut {
                        Cut::Progress(most) => told.load(Ordering::Relaxed) >= most,
                        Cut::Wakes(most) => wakes >= most,
                        Cut::Behind(words, most) => {
                            behind += usize::from(told.load(Ordering::Relaxed) >= words);
                            behind > most
                        }
                    };
                    if over {
                        Poll::Ready(None)
                    } else {
                        Poll::Pending
                    }
                }
            }
        })
        .await
    };
    close(source).await;
    close(target).await;
    outcome
}

async fn setting(place: &Place, name: &str) -> Option<String> {
    let store = place.open().await;
    let value = store.setting(name).await.expect("read");
    close(store).await;
    value.filter(|value| !value.is_empty())
}

/// At no moment may both be used: whoever uses one looks at these marks.
async fn one_at_most_may_be_used(from: &Place, to: &Place) {
    let from_may = setting(from, MOVED_TO).await.is_none();
    let to_has_rows = dump(to)["connections"].iter().len() > 0;
    let to_may = to_has_rows && setting(to, UNFINISHED).await.is_none();
    assert!(!(from_may && to_may), "both may be used");
}

async fn filled() -> Place {
    let from = folder();
    let store = from.open().await;
    fill::everything(&*store).await;
    close(store).await;
    from
}

/// Whether it was cut off.
async fn cut_and_go_on(from: &Place, to: &Place, cut: Cut) -> bool {
    let rows = dump(from);
    let Some(outcome) = copy(from, to, cut).await else {
        one_at_most_may_be_used(from, to).await;
        let outcome = copy(from, to, Cut::Progress(usize::MAX)).await;
        match outcome.expect("not cut off") {
            Ok(_) => {}
            // The cut came behind the last step that counts.
            Err(CopyError::Moved { .. } | CopyError::Same { .. }) => {
                assert!(setting(from, MOVED_TO).await.is_some(), "{cut:?}");
            }
            Err(error) => panic!("{cut:?}: {error}"),
        }
        one_at_most_may_be_used(from, to).await;
        assert_eq!(setting(to, UNFINISHED).await, None, "{cut:?}");
        assert!(setting(from, MOVED_TO).await.is_some(), "{cut:?}");
        assert_eq!(dump(to), rows, "{cut:?}");
        assert_eq!(dump(from), rows, "{cut:?}");
        let store = to.open().await;
        let faults = transfer::check(&*store, &|_| {}).await.expect("looked at");
        assert_eq!(faults, Vec::<String>::new(), "{cut:?}");
        close(store).await;
        return true;
    };
    outcome.expect("copied");
    false
}

/// Takes the marks of a finished copy away, so that the store can be copied again.
async fn unmark(from: &Place) {
    let store = from.open().await;
    for name in [MOVED_TO, UNDER_WAY] {
        store.put_setting(name, "").await.expect("written");
    }
    close(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_word_of_progress() {
    let from = filled().await;
    let mut cut = 1;
    while cut_and_go_on(&from, &folder(), Cut::Progress(cut)).await {
        cut += 1;
        unmark(&from).await;
    }
    assert!(cut > 25, "it was cut off only {cut} times");
}

/// When everything is compared, the marks are set that say which of the two is used.
#[tokio::test(flavor = "multi_thread")]
async fn between_the_last_steps() {
    let from = filled().await;
    let words = AtomicUsize::new(0);
    {
        let to = folder();
        let (source, target) = (from.open().await, to.open().await);
        let count = |_| {
            words.fetch_add(1, Ordering::Relaxed);
        };
        transfer::copy(&*source, &*target, &count)
            .await
            .expect("copied");
        close(source).await;
        close(target).await;
    }
    unmark(&from).await;
    let words = words.load(Ordering::Relaxed);
    let mut cuts = 0;
    while cut_and_go_on(&from, &folder(), Cut::Behind(words, cuts)).await {
        cuts += 1;
        unmark(&from).await;
    }
    assert!(cuts >= 3, "it was cut off only {cuts} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_any_wake_into_a_folder() {
    let from = filled().await;
    let (mut cut, mut cuts) = (1, 0);
    while cut_and_go_on(&from, &folder(), Cut::Wakes(cut)).await {
        (cut, cuts) = (cut + 1 + cut / 5, cuts + 1);
        unmark(&from).await;
    }
    assert!(cuts > 10, "it was cut off only {cuts} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_any_wake_into_a_database() {
    let from = filled().await;
    let (mut cut, mut cuts) = (1, 0);
    loop {
        let to = if cuts % 2 == 0 {
            database()
        } else {
            with_files()
        };
        if !cut_and_go_on(&from, &to, Cut::Wakes(cut)).await {
            break;
        }
        (cut, cuts) = (cut + 1 + cut / 2, cuts + 1);
        unmark(&from).await;
    }
    assert!(cuts > 6, "it was cut off only {cuts} times");
}

/// What was used in between is copied anew: nothing of the old is left, nothing of the new is
/// missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_used_in_between_is_copied_anew() {
    for to in [folder(), database()] {
        let from = filled().await;
        // Somewhere behind the messages.
        assert!(copy(&from, &to, Cut::Progress(18)).await.is_none());
        let store = from.open().await;
        store.put_setting(UNDER_WAY, "").await.expect("written");
        store
            .put_message(&here(), &message("m1", "b", "2"), &[], None, at(100))
            .await
            .expect("written");
        store
            .delete_message(&here(), &"m2".into(), at(100))
            .await
            .expect("written");
        close(store).await;
        let copied = copy(&from, &to, Cut::Progress(usize::MAX)).await;
        let copied = copied.expect("not cut off").expect("copied");
        assert!(!copied.resumed);
        assert_eq!(dump(&from), dump(&to));
    }
}

/// A copy says that it goes on, and does not copy what is there already.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_copied_again() {
    let (from, to) = (filled().await, folder());
    assert!(copy(&from, &to, Cut::Progress(18)).await.is_none());
    let copied = copy(&from, &to, Cut::Progress(usize::MAX)).await;
    assert!(copied.expect("not cut off").expect("copied").resumed);
}
