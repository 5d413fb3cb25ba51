//! From one kind of store into the other and back.

use crate::fill::{self, contents};
use crate::place::{Place, columns, database, dump, folder, with_files};
use futures::StreamExt as _;
use postroom_store::contract::blobs::blob_ref;
use postroom_store::contract::tables::Identity;
use postroom_store::suite::made::*;
use postroom_store::transfer::{self, Copied, MOVED_TO, TABLES, UNDER_WAY, UNFINISHED};
use postroom_store::{Store, StoreError};

/// Copies between places, and looks at what is there then.
pub(crate) async fn copied(from: &Place, to: &Place) -> Copied {
    let (source, target) = (from.open().await, to.open().await);
    let copied = transfer::copy(&*source, &*target, &|_| {})
        .await
        .expect("copied");
    assert_eq!(
        source.setting(UNDER_WAY).await.expect("read").as_deref(),
        Some("")
    );
    assert!(
        !source
            .setting(MOVED_TO)
            .await
            .expect("read")
            .expect("set")
            .is_empty()
    );
    assert_eq!(
        target.setting(UNFINISHED).await.expect("read").as_deref(),
        Some("")
    );
    assert_eq!(target.setting(MOVED_TO).await.expect("read"), None);
    close(source).await;
    close(target).await;
    assert_eq!(dump(from), dump(to));
    copied
}

pub(crate) async fn close(store: std::sync::Arc<dyn Store>) {
    store.close().await.expect("closed");
}

async fn same_contents(store: &dyn Store) {
    for content in contents() {
        let hash = blob_ref(&content).hash;
        let mut reader = store.read_blob(&hash).await.expect("read").expect("there");
        let mut read = Vec::new();
        while let Some(piece) = reader.pieces.next().await {
            read.extend_from_slice(&piece.expect("read"));
        }
        assert!(
            read == content,
            "another content of {} bytes",
            content.len()
        );
    }
}

async fn same_secrets(store: &dyn Store) {
    let secrets = store.credentials(&"c".into()).await.expect("opened");
    let secrets: Vec<_> = secrets.iter().map(|it| it.secret.reveal()).collect();
    assert_eq!(secrets, ["a private key", "second secret", "first secret"]);
    let granted = store.grant(&"u".into()).await.expect("opened");
    assert_eq!(
        granted.expect("there").refresh_token.reveal(),
        "refresh token"
    );
    let signing_in = store
        .login(&"l1".into())
        .await
        .expect("opened")
        .expect("there");
    assert_eq!(signing_in.verifier.reveal(), "verifier-l1");
    let faults = transfer::check(store, &|_| {}).await.expect("looked at");
    assert_eq!(faults, Vec::<String>::new());
}

/// The store has a row of everything, with and without every value that may be missing, or the
/// cases that fill it protect less than they say. And no table is left out of copies.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_something_of_everything() {
    let place = folder();
    fill::everything(&*place.open().await).await;
    let rows = dump(&place);
    let mut names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    names.push("blobs");
    names.sort_unstable();
    assert_eq!(names, rows.keys().map(String::as_str).collect::<Vec<_>>());
    for (table, columns) in columns() {
        let known: Vec<_> = TABLES
            .iter()
            .filter(|it| it.name == *table)
            .flat_map(|it| it.columns.iter().map(|column| column.name))
            .collect();
        assert!(!rows[table].is_empty(), "{table} is empty");
        for (at, (column, nullable)) in columns.iter().enumerate() {
            assert!(
                table == "blobs" || known.contains(&column.as_str()),
                "{table}.{column} is not copied"
            );
            for is_null in [false, *nullable] {
                assert!(
                    rows[table].iter().any(|row| row[at].is_none() == is_null),
                    "no row of {table} has {column} null: {is_null}"
                );
            }
        }
    }
}

async fn identity(place: &Place) -> Identity {
    let store = place.open().await;
    let identity = store.identity().await.expect("read");
    close(store).await;
    identity
}

/// Whoever followed the first store goes on in the copy, and what is new there gets the numbers
/// that the first store would have given.
async fn goes_on(store: &dyn Store, since: &str, was: &Identity) {
    let (missed, cursor) = changes_since(store, Some(since.to_owned())).await;
    assert!(missed.is_empty(), "{missed:?}");
    let before = all_changes(store).await;
    let last = before.iter().rfind(|it| it.mailbox == here()).expect("one");
    let numbers = dump_numbers(store).await;
    store
        .put_message(&here(), &message("new", "a", "1"), &[], None, at(100))
        .await
        .expect("written");
    let kept = store.message(&here(), &"new".into()).await.expect("read");
    // The folder gave 1 to 3.
    assert_eq!(kept.expect("there").number, 4);
    let (changes, _) = changes_since(store, Some(cursor)).await;
    assert_eq!(words(&changes), ["message new created"]);
    assert_eq!(changes[0].number, last.number + 1);
    let position = store.identity().await.expect("read").last_position;
    assert_eq!(position, was.last_position + 1);
    // Connections, accounts, keys and calls are in the order in which they were made.
    store
        .insert_connection(&connection("new"), None)
        .await
        .expect("written");
    store
        .put_account(&account("new", "new", None))
        .await
        .expect("written");
    store
        .insert_key(&key("new"), &[9; 32])
        .await
        .expect("written");
    store
        .record_calls(&[fill::call("new", true)])
        .await
        .expect("written");
    store
        .insert_mailbox(&mailbox("new", "c", "a"))
        .await
        .expect("written");
    store
        .put_message(
            &"new".into(),
            &message("z", "new folder", "1"),
            &[],
            None,
            at(101),
        )
        .await
        .expect("written");
    for (before, after) in numbers.iter().zip(dump_numbers(store).await) {
        assert!(after > *before, "{before} {after}");
    }
    let last = store
        .connections()
        .await
        .expect("read")
        .pop()
        .expect("there");
    assert_eq!(last.id.as_str(), "new");
    let last = store.keys().await.expect("read").pop().expect("there");
    assert_eq!(last.id.as_str(), "new");
}

/// The highest of what counts by itself.
async fn dump_numbers(store: &dyn Store) -> Vec<i64> {
    use postroom_store::contract::tables::Value;
    let mut numbers = Vec::new();
    for (table, column) in [
        ("connections", "made"),
        ("accounts", "made"),
        ("keys", "made"),
        ("mailbox_numbers", "number"),
        ("folder_numbers", "number"),
        ("messages", "number"),
        ("calls", "number"),
        ("changes", "position"),
    ] {
        let table = *TABLES.iter().find(|it| it.name == table).expect("there");
        let at = table.columns.iter().position(|it| it.name == column);
        let rows = store.read_rows(table, None, 10_000).await.expect("read");
        let of = |row: &Vec<Value>| match &row[at.expect("there")] {
            Value::Integer(number) => *number,
            other => panic!("{other:?}"),
        };
        numbers.push(rows.iter().map(of).max().expect("rows"));
    }
    numbers
}

async fn there_and_back(between: Place) {
    let (first, last) = (folder(), folder());
    let store = first.open().await;
    fill::everything(&*store).await;
    // The newest change is forgotten, too, in the end: only the counter knows its position.
    let since = store.latest_change().await.expect("read");
    close(store).await;
    let (rows, was) = (dump(&first), identity(&first).await);
    assert!(was.forgotten > 0);

    let there = copied(&first, &between).await;
    assert_eq!(there.contents, contents().len() as u64);
    assert!(!there.resumed);
    assert_eq!(identity(&between).await, was);
    let error = between.open_with(8).await.err().expect("refused");
    assert!(matches!(error, StoreError::MasterKey(_)), "{error}");
    let store = between.open().await;
    same_contents(&*store).await;
    same_secrets(&*store).await;
    close(store).await;

    let back = copied(&between, &last).await;
    assert_eq!((back.rows, back.contents), (there.rows, there.contents));
    assert_eq!(dump(&last), rows);
    assert_eq!(identity(&last).await, was);
    assert_eq!(last.files().len(), first.files().len());
    let store = last.open().await;
    same_contents(&*store).await;
    same_secrets(&*store).await;
    // Found by what only SQLite keeps: hashes.
    assert!(
        store
            .message(&here(), &"m4".into())
            .await
            .expect("read")
            .is_some()
    );
    goes_on(&*store, &since, &was).await;
    close(store).await;
    let store = between.open().await;
    goes_on(&*store, &since, &was).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_way_of_a_database() {
    there_and_back(database()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_way_of_a_database_with_files() {
    there_and_back(with_files()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_way_of_a_folder() {
    there_and_back(folder()).await;
}

/// The feed's position is the highest that was ever given, even when that change is forgotten:
/// positions behind it belong to nobody's cursor yet.
#[tokio::test(flavor = "multi_thread")]
async fn positions_of_forgotten_changes_are_not_given_again() {
    for between in [folder(), database()] {
        let first = folder();
        let store = first.open().await;
        fill::everything(&*store).await;
        let since = store.latest_change().await.expect("read");
        store.prune_changes(at(1_000_000)).await.expect("forgotten");
        close(store).await;
        let was = identity(&first).await;
        assert_eq!(was.forgotten, was.last_position);
        copied(&first, &between).await;
        let store = between.open().await;
        store
            .put_message(&here(), &message("new", "a", "1"), &[], None, at(100))
            .await
            .expect("written");
        let (changes, _) = changes_since(&*store, Some(since)).await;
        assert_eq!(words(&changes), ["message new created"]);
        close(store).await;
        assert_eq!(
            identity(&between).await.last_position,
            was.last_position + 1
        );
    }
}

/// An empty installation is one, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_is_copied() {
    let (first, between, last) = (folder(), database(), folder());
    copied(&first, &between).await;
    copied(&between, &last).await;
    assert_eq!(identity(&first).await, identity(&last).await);
}
