//! What only a data folder has: its lock, its rights, its disk, its versions.

use bytes::Bytes;
use postroom_store::contract::accounts::Accounts as _;
use postroom_store::contract::blobs::Blobs as _;
use postroom_store::contract::connections::Connections as _;
use postroom_store::contract::keys::Keys as _;
use postroom_store::contract::messages::Messages as _;
use postroom_store::contract::settings::Settings as _;
use postroom_store::suite::made::*;
use postroom_store::{MasterKey, Role, SqliteOptions, SqliteStore, Store as _, StoreError};
use std::path::Path;

fn options(folder: &Path) -> SqliteOptions {
    SqliteOptions::new(folder, MasterKey::from_bytes([7; 32]))
}

async fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(options(folder)).await.expect("opened")
}

/// The database, for looking into it from outside.
fn database(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("postroom.db")).expect("opened")
}

#[tokio::test]
async fn works_on_a_runtime_of_one_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    store.check().await.expect("works");
    let blob = store.put_blob(Bytes::from(vec![1; 300_000]), at(1)).await;
    assert!(
        store
            .read_blob(&blob.expect("kept").hash)
            .await
            .expect("read")
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_is_told_who_has_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path()).await;
    let error = SqliteStore::open(options(folder.path()))
        .await
        .expect_err("locked");
    let StoreError::Locked { holder, .. } = &error else {
        panic!("{error}");
    };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    // Something small beside it is fine, and seen at once.
    let beside = SqliteStore::open(options(folder.path()).role(Role::Beside))
        .await
        .expect("opened");
    beside
        .insert_key(&key("k"), &[1; 32])
        .await
        .expect("written");
    assert!(first.key_by_hash(&[1; 32]).await.expect("read").is_some());
    // Whoever remembers a key is told, too.
    let before = first.commits();
    assert!(before.is_some() && first.commits() == before);
    let mut revoked = key("k");
    revoked.revoked_at = Some(at(5));
    assert!(beside.update_key(&revoked).await.expect("written"));
    assert_ne!(first.commits(), before);
    drop(beside);
    first.put_setting("a", "b").await.expect("written");
    drop(first);
    open(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).await.close().await.expect("closed");
    let mut wrong = options(folder.path());
    wrong.master_key = MasterKey::from_bytes([8; 32]);
    let error = SqliteStore::open(wrong).await.expect_err("refused");
    assert!(matches!(error, StoreError::MasterKey(_)), "{error}");
    assert!(error.to_string().contains("another master key"));
    open(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_in_another_row_does_not_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    with_mailboxes(&store, &[]).await;
    for user in ["u", "v"] {
        store
            .put_account(&account(user, "c", Some(user)))
            .await
            .expect("written");
        store
            .save_grant(&user.into(), &grant(user), at(9))
            .await
            .expect("written");
    }
    let id = "c".into();
    store
        .insert_credential(&id, &credential("s", "secret", 1))
        .await
        .expect("written");
    database(folder.path())
        .execute_batch(
            "UPDATE grants SET refresh_token =
                (SELECT refresh_token FROM grants WHERE account = 'v') WHERE account = 'u';
             UPDATE credentials SET secret =
                (SELECT refresh_token FROM grants WHERE account = 'v');",
        )
        .expect("tampered");
    let error = store.grant(&"u".into()).await.expect_err("refused");
    assert!(matches!(error, StoreError::Sealed { .. }), "{error}");
    let read = store.credentials(&id).await.expect("read");
    assert!(read[0].secret.is_empty());
    assert!(store.grant(&"v".into()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_works_again_with_room() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).await.close().await.expect("closed");
    let mut small = options(folder.path());
    small.max_pages = Some(320);
    let store = SqliteStore::open(small).await.expect("opened");
    with_mailboxes(&store, &["one"]).await;
    let mut kept = Vec::new();
    let mut refused = None;
    for number in 0..1000 {
        let mut one = message(&format!("m{number}"), "a", "1");
        one.body = "x".repeat(20_000);
        match store
            .apply_messages(&here(), &page("a", vec![one.clone()], &[]), at(number))
            .await
        {
            Ok(_) => kept.push(one.id),
            Err(error) => {
                refused = Some((one, error));
                break;
            }
        }
    }
    let (refused, error) = refused.expect("full");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(!kept.is_empty());
    // Many at once: some may fit, the others fail by themselves.
    let many = (0..20).map(|number| {
        let mut one = message(&format!("n{number}"), "a", "1");
        one.body = "x".repeat(if number % 2 == 0 { 100_000 } else { 10 });
        let store = &store;
        async move {
            store
                .put_message(&here(), &one, &[], None, at(1))
                .await
                .map(|_| one.id)
        }
    });
    for result in futures::future::join_all(many).await {
        match result {
            Ok(id) => kept.push(id),
            Err(error) => assert!(matches!(error, StoreError::Full { .. }), "{error}"),
        }
    }
    for id in &kept {
        assert!(store.message(&here(), id).await.expect("read").is_some());
    }
    let changes = all_changes(&store).await;
    assert_eq!(changes.len(), kept.len());
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(all_changes(&store).await, changes);
    let again = page("a", vec![refused.clone()], &[]);
    let applied = store
        .apply_messages(&here(), &again, at(5))
        .await
        .expect("room");
    assert_eq!(applied.created, 1);
    let numbers: Vec<_> = all_changes(&store)
        .await
        .iter()
        .map(|it| it.number)
        .collect();
    assert_eq!(numbers, (1..=kept.len() as u64 + 1).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).await.close().await.expect("closed");
    database(folder.path())
        .pragma_update(None, "user_version", 999)
        .expect("written");
    for role in [Role::Engine, Role::Beside] {
        let error = SqliteStore::open(options(folder.path()).role(role))
            .await
            .expect_err("newer");
        assert!(
            matches!(error, StoreError::Newer { found: 999, .. }),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    store.put_setting("name", "value").await.expect("written");
    let blob = store
        .put_blob(Bytes::from(vec![5; 200_000]), at(1))
        .await
        .expect("kept");
    // The files as a kill would leave them: the log not yet in the database.
    copy_all(folder.path(), copy.path());
    drop(store);
    let store = open(copy.path()).await;
    assert_eq!(
        store.setting("name").await.expect("read").as_deref(),
        Some("value")
    );
    assert!(store.read_blob(&blob.hash).await.expect("read").is_some());
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("made");
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_and_half_written_files_are_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let blob = store
        .put_blob(Bytes::from(vec![5; 200_000]), at(1))
        .await
        .expect("kept");
    let orphan = folder.path().join("blobs").join("ab").join("c".repeat(62));
    std::fs::create_dir_all(orphan.parent().expect("a folder")).expect("made");
    std::fs::write(&orphan, b"orphan").expect("written");
    let hash = format!("ab{}", "c".repeat(62));
    assert!(store.read_blob(&hash).await.expect("read").is_none());
    assert_eq!(store.collect_blobs(at(0)).await.expect("collected"), 0);
    assert!(!orphan.exists());
    assert!(store.read_blob(&blob.hash).await.expect("read").is_some());
    drop(store);
    let half = folder.path().join("blobs/temporary/1-1");
    std::fs::write(&half, b"half").expect("written");
    let store = open(folder.path()).await;
    assert!(!half.exists());
    assert_eq!(store.collect_blobs(at(2)).await.expect("collected"), 1);
    assert!(store.read_blob(&blob.hash).await.expect("read").is_none());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_may_read_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let above = tempfile::tempdir().expect("a folder");
    let folder = above.path().join("data");
    let store = open(&folder).await;
    store.put_setting("a", "b").await.expect("written");
    store
        .put_blob(Bytes::from(vec![5; 200_000]), at(1))
        .await
        .expect("kept");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in [
        "postroom.db",
        "postroom.db-wal",
        "postroom.db-shm",
        "postroom.lock",
    ] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&folder.join("blobs")), 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_sound_and_its_references_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    with_mailboxes(&store, &["one"]).await;
    store
        .put_message(&here(), &message("m", "a", "1"), &[], None, at(1))
        .await
        .expect("written");
    store.remove_connection(&"c".into()).await.expect("removed");
    store.close().await.expect("closed");
    let database = database(folder.path());
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("checked");
    assert_eq!(sound, "ok");
    let broken = database
        .prepare("PRAGMA foreign_key_check")
        .and_then(|mut check| check.exists([]))
        .expect("checked");
    assert!(!broken);
    for table in [
        "messages",
        "message_texts",
        "attachments",
        "cursors",
        "changes",
    ] {
        let rows: i64 = database
            .query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .expect("counted");
        assert_eq!(rows, 0, "{table}");
    }
}

/// How fast a mirror fills. `cargo test --release -p postroom-store --test data_folder -- --ignored
/// --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn speed() {
    // On the build's disk, or in a folder given when compiling: /dev/shm shows the processor's part.
    let folder = match option_env!("POSTROOM_SPEED_FOLDER") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir_in("."),
    };
    let folder = folder.expect("a folder");
    let store = open(folder.path()).await;
    with_mailboxes(&store, &["one", "two"]).await;
    let long = |text: &str, number: i64| format!("{text}{number:0>9}{}", "A".repeat(140));
    let pages: Vec<_> = (0..200_i64)
        .map(|turn| {
            let messages = (0..100_i64).map(|index| {
                let number = (turn * 100 + index) * 7919 % 1_000_003;
                let mut one = message(&long("AAMk", number), &long("AQMk", 1), &long("CQ", turn));
                one.received_at = Some(at(number));
                one.conversation_id = Some(long("AAQk", number / 3));
                one.body = "<p>word </p>".repeat(341);
                one.json = format!(r#"{{"x":"{}"}}"#, "y".repeat(1500));
                one
            });
            page(&long("AQMk", 1), messages.collect(), &[])
        })
        .collect();
    for name in ["new", "unchanged"] {
        let begun = std::time::Instant::now();
        for page in &pages {
            store
                .apply_messages(&here(), page, at(1))
                .await
                .expect("applied");
        }
        let spent = begun.elapsed();
        report(&format!(
            "{name}: {:.0} messages/s",
            20_000.0 / spent.as_secs_f64()
        ));
    }
    let begun = std::time::Instant::now();
    for four in pages.chunks(4) {
        let two = "two".into();
        let applied = four
            .iter()
            .map(|page| store.apply_messages(&two, page, at(1)));
        futures::future::try_join_all(applied)
            .await
            .expect("applied");
    }
    let spent = begun.elapsed();
    report(&format!(
        "new, four pages at once: {:.0} messages/s",
        20_000.0 / spent.as_secs_f64()
    ));
    let query = postroom_store::contract::messages::MessageQuery {
        limit: 50,
        ..Default::default()
    };
    let begun = std::time::Instant::now();
    for _ in 0..200 {
        store.list_messages(&here(), &query).await.expect("listed");
    }
    report(&format!("list of 50: {:?}", begun.elapsed() / 200));
    let search = postroom_store::contract::messages::MessageQuery {
        search: Some("nothing".into()),
        ..query
    };
    let begun = std::time::Instant::now();
    store
        .list_messages(&here(), &search)
        .await
        .expect("searched");
    report(&format!("search of 20000 bodies: {:?}", begun.elapsed()));
    report(&format!("{:?}", store.describe().await.expect("described")));
}

#[expect(clippy::print_stderr, reason = "the measurement's result")]
fn report(line: &str) {
    eprintln!("{line}");
}
