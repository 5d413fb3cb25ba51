//! `postroom key` and the master key, on a data folder.

mod support;

use support::{home, postroom, run, stderr, stdout};

#[test]
fn a_key_stands_alone_on_standard_output() {
    let home = home();
    let made = run(home.path(), &["key", "create", "--name", "first"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let text = stdout(&made);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("prk_"), "{text}");
    assert!(
        stderr(&made).contains("master key"),
        "where the master key lies is said once"
    );

    let list = run(home.path(), &["key", "list", "--json"]);
    assert_eq!(list.status.code(), Some(0), "{}", stderr(&list));
    assert!(stdout(&list).contains("\"first\""));
    assert!(!stdout(&list).contains(text.trim()));
    assert!(!stderr(&list).contains("master key"));

    let revoked = run(home.path(), &["key", "revoke", "first"]);
    assert_eq!(revoked.status.code(), Some(0), "{}", stderr(&revoked));
    let again = run(home.path(), &["key", "revoke", "first"]);
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn the_master_key_lies_outside_the_data_and_is_never_made_twice() {
    let home = home();
    run(home.path(), &["key", "create", "--name", "first"]);
    let settings = home.path().join("config").join("postroom");
    let key = std::fs::read_dir(&settings)
        .expect("the folder is there")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|kind| kind == "key"))
        .expect("a key");
    std::fs::rename(&key, home.path().join("away.key")).expect("moved");
    let without = run(home.path(), &["key", "list"]);
    assert_eq!(without.status.code(), Some(1));
    assert!(
        stderr(&without).contains("POSTROOM_MASTER_KEY_FILE"),
        "{}",
        stderr(&without)
    );
    let given = postroom(home.path(), &["key", "list"])
        .env("POSTROOM_MASTER_KEY_FILE", home.path().join("away.key"))
        .output()
        .expect("the program runs");
    assert_eq!(given.status.code(), Some(0), "{}", stderr(&given));
    let wrong = postroom(home.path(), &["key", "list"])
        .env("POSTROOM_MASTER_KEY", "ab".repeat(32))
        .output()
        .expect("the program runs");
    assert_eq!(wrong.status.code(), Some(1), "{}", stderr(&wrong));
}

/// A first start that fails late: the store was made with the key already.
#[test]
fn a_new_master_key_outlives_a_start_that_fails() {
    let home = home();
    let data = home.path().join("data").join("postroom");
    std::fs::create_dir_all(&data).expect("made");
    // Where the folder of contents has to be.
    std::fs::write(data.join("blobs"), "in the way").expect("written");
    let failed = run(home.path(), &["key", "create", "--name", "first"]);
    assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
    assert!(
        stderr(&failed).contains("a new master key was made"),
        "{}",
        stderr(&failed)
    );
    std::fs::remove_file(data.join("blobs")).expect("removed");
    let made = run(home.path(), &["key", "create", "--name", "first"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
}

#[test]
fn doctor_warns_until_the_master_key_has_a_copy() {
    let home = home();
    run(home.path(), &["key", "create", "--name", "first"]);
    let before = run(home.path(), &["doctor", "--offline", "--json"]);
    assert_eq!(before.status.code(), Some(0), "{}", stdout(&before));
    assert!(stdout(&before).contains("--master-key-backed-up"));
    let noted = run(home.path(), &["doctor", "--master-key-backed-up"]);
    assert_eq!(noted.status.code(), Some(0), "{}", stderr(&noted));
    let after = run(home.path(), &["doctor", "--offline", "--json"]);
    assert!(!stdout(&after).contains("--master-key-backed-up"));
}
