//! Whatever happened to a store, its copy's copy is the same.

use crate::place::{Place, database, dump, folder};
use crate::there_and_back::{close, copied};
use postroom_store::suite::made::*;
use postroom_store::suite::random::{Step, play, steps};
use postroom_store::transfer;
use proptest::test_runner::{Config, TestRunner};

async fn same_there_and_back(steps: &[Step], between: &Place) {
    let (first, last) = (folder(), folder());
    let store = first.open().await;
    with_mailboxes(&*store, &["one"]).await;
    play(&*store, steps).await;
    let (changes, cursor) = changes_since(&*store, None).await;
    close(store).await;
    copied(&first, between).await;
    copied(between, &last).await;
    assert_eq!(dump(&first), dump(&last));
    let store = last.open().await;
    let faults = transfer::check(&*store, &|_| {}).await.expect("looked at");
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(changes_since(&*store, None).await, (changes, cursor));
    close(store).await;
}

fn any(cases: u32, between: fn() -> Place) {
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let runtime = tokio::runtime::Handle::current();
    let case = |steps: Vec<Step>| {
        runtime.block_on(same_there_and_back(&steps, &between()));
        Ok(())
    };
    tokio::task::block_in_place(|| runner.run(&steps(), case)).expect("the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_way_of_a_folder() {
    any(12, folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_way_of_a_database() {
    any(4, database);
}
