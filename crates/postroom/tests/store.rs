//! `postroom store`: copied, cut off, checked and used again, by the real program.

mod support;

use postroom_cluster::Cluster;
use postroom_store::contract::blobs::Blobs as _;
use postroom_store::{MasterKey, SqliteOptions, SqliteStore, Store as _};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};
use support::{home, postroom, run, stderr, stdout};

/// Runs a command that has to succeed, and gives what it printed.
fn done(home: &Path, args: &[&str]) -> Output {
    let output = run(home, args);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{args:?}: {}",
        stderr(&output)
    );
    output
}

/// Runs a command that has to fail, and gives what it said.
fn refused(home: &Path, args: &[&str]) -> String {
    let output = run(home, args);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{args:?}: {}",
        stdout(&output)
    );
    stderr(&output)
}

fn json(output: &Output) -> serde_json::Value {
    assert_eq!(stdout(output).lines().count(), 1, "{}", stdout(output));
    serde_json::from_str(&stdout(output)).expect("JSON")
}

/// A folder of this home, as an argument.
fn folder(home: &Path, name: &str) -> String {
    home.join(name).display().to_string()
}

#[test]
fn there_and_back_and_only_the_last_is_used() {
    let home = home();
    let home = home.path();
    let database = Cluster::shared().create_database();
    let (a, url, b) = (folder(home, "a"), database.url(), folder(home, "b"));
    done(home, &["key", "create", "--name", "first", "--data", &a]);

    let there = done(home, &["store", "copy", &a, &url, "--json"]);
    let copied = json(&there);
    assert!(
        copied["rows"].as_u64().is_some_and(|rows| rows > 1),
        "{copied}"
    );
    assert_eq!(copied["resumed"], false);
    assert!(
        stderr(&there).contains("Its master key is in"),
        "{}",
        stderr(&there)
    );
    // The key that was lent opens the copy.
    let list = done(home, &["key", "list", "--json", "--database-url", &url]);
    assert!(stdout(&list).contains("\"first\""));

    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", &a];
    let said = refused(home, &serve);
    assert!(said.contains("was copied to"), "{said}");
    assert!(said.contains("postroom store reuse"), "{said}");
    let again = refused(home, &["store", "copy", &a, &url]);
    assert!(
        again.contains("holds this very installation already"),
        "{again}"
    );
    let elsewhere = refused(home, &["store", "copy", &a, &folder(home, "c")]);
    assert!(elsewhere.contains("was copied to"), "{elsewhere}");

    let back = done(home, &["store", "copy", &url, &b]);
    assert!(
        stderr(&back).contains("Copied and compared"),
        "{}",
        stderr(&back)
    );
    let list = done(home, &["key", "list", "--json", "--data", &b]);
    assert!(stdout(&list).contains("\"first\""));
    let said = refused(home, &["key", "list", "--database-url", &url]);
    assert!(said.contains("was copied to"), "{said}");
    for place in [["--data", &b], ["--data", &a], ["--database-url", &url]] {
        let whole = done(home, &["store", "check", "--json", place[0], place[1]]);
        assert_eq!(json(&whole)["ok"], true);
    }

    done(home, &["store", "reuse", "--data", &a]);
    done(home, &["key", "list", "--data", &a]);
}

#[test]
fn a_place_in_use_is_left_alone() {
    let home = home();
    let home = home.path();
    let (a, b) = (folder(home, "a"), folder(home, "b"));
    for data in [&a, &b] {
        done(home, &["key", "create", "--name", "first", "--data", data]);
    }
    // Each has a master key of its own.
    let said = refused(home, &["store", "copy", &a, &b]);
    assert!(said.contains("is in use already"), "{said}");
    let nothing = run(home, &["store", "copy", &folder(home, "none"), &b]);
    assert_eq!(nothing.status.code(), Some(2), "{}", stderr(&nothing));
    assert!(!home.join("none").exists());
    let nothing = run(home, &["store", "check", "--data", &folder(home, "none")]);
    assert_eq!(nothing.status.code(), Some(2), "{}", stderr(&nothing));
    assert!(!home.join("none").exists());
    let itself = run(home, &["store", "copy", &a, &a]);
    assert_eq!(itself.status.code(), Some(2), "{}", stderr(&itself));

    let mut server = postroom(home, &["serve", "--listen", "127.0.0.1:0", "--data", &a])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let err = server.stderr.take().expect("standard error");
    let lines = BufReader::new(err).lines().map_while(Result::ok);
    let listens = lines.into_iter().any(|line| line.contains("http://"));
    let said = refused(home, &["store", "copy", &a, &folder(home, "c")]);
    end(server, "-TERM");
    assert!(listens);
    assert!(said.contains("in use"), "{said}");
}

fn end(mut child: Child, signal: &str) {
    let id = child.id().to_string();
    let asked = std::process::Command::new("kill")
        .args([signal, &id])
        .status();
    assert!(asked.is_ok_and(|status| status.success()));
    child.wait().expect("it ends");
}

/// A store with many large contents, and its master key in a file.
fn large(home: &Path) -> (String, PathBuf) {
    let key = home.join("master.key");
    let master = MasterKey::generate().expect("a key");
    master.write_new_file(&key).expect("written");
    let data = folder(home, "large");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = SqliteStore::open(SqliteOptions::new(&data, master)).await;
        let store = store.expect("opened");
        for number in 0..200_u32 {
            let content: Vec<u8> = number.to_le_bytes().repeat(75_000);
            let at = jiff::Timestamp::UNIX_EPOCH;
            store.put_blob(content.into(), at).await.expect("written");
        }
        store.close().await.expect("closed");
    });
    (data, key)
}

fn files(folder: &Path) -> usize {
    let Ok(list) = std::fs::read_dir(folder) else {
        return 0;
    };
    list.flatten()
        .map(|entry| match entry.path() {
            path if path.is_dir() => files(&path),
            _ => 1,
        })
        .sum()
}

#[test]
fn a_copy_that_is_killed_goes_on() {
    for signal in ["-KILL", "-INT"] {
        let home = home();
        let home = home.path();
        let (from, key) = large(home);
        let to = folder(home, "to");
        let with_key = |args: &[&str]| {
            let mut command = postroom(home, args);
            command.env("POSTROOM_MASTER_KEY_FILE", &key);
            command
        };
        let copying = with_key(&["store", "copy", &from, &to])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let until = Instant::now() + Duration::from_secs(60);
        while files(&home.join("to/blobs")) < 5 {
            assert!(Instant::now() < until, "nothing is copied");
            std::thread::sleep(Duration::from_millis(2));
        }
        end(copying, signal);

        let run = |args: &[&str]| with_key(args).output().expect("the program runs");
        let half = run(&["serve", "--listen", "127.0.0.1:0", "--data", &to]);
        assert_eq!(half.status.code(), Some(1));
        let said = stderr(&half);
        assert!(said.contains("is a copy that was not finished"), "{said}");
        let half = run(&["store", "reuse", "--data", &to]);
        assert_eq!(half.status.code(), Some(1), "{}", stderr(&half));
        let finished = run(&["store", "copy", &from, &to, "--json"]);
        assert_eq!(finished.status.code(), Some(0), "{}", stderr(&finished));
        let copied = json(&finished);
        assert_eq!(copied["resumed"], true, "{copied}");
        assert_eq!(copied["contents"], 200, "{copied}");
        let whole = run(&["store", "check", "--data", &to]);
        assert_eq!(whole.status.code(), Some(0), "{}", stdout(&whole));
        let moved = run(&["store", "reuse", "--data", &to]);
        assert_eq!(moved.status.code(), Some(0), "{}", stderr(&moved));
        // Its key is one that is given: nobody puts a copy of it anywhere.
        assert!(!home.join("config/postroom").exists());
    }
}

#[test]
fn what_is_damaged_is_named() {
    let home = home();
    let home = home.path();
    let (data, key) = large(home);
    let mut files = Vec::new();
    for folder in std::fs::read_dir(Path::new(&data).join("blobs")).expect("listed") {
        for file in std::fs::read_dir(folder.expect("listed").path()).expect("listed") {
            files.push(file.expect("listed").path());
        }
    }
    let name = files[0]
        .file_name()
        .expect("named")
        .to_string_lossy()
        .into_owned();
    std::fs::write(&files[0], b"others").expect("written");
    let check = |args: &[&str]| {
        postroom(home, args)
            .env("POSTROOM_MASTER_KEY_FILE", &key)
            .output()
            .expect("the program runs")
    };
    let found = check(&["store", "check", "--data", &data]);
    assert_eq!(found.status.code(), Some(1), "{}", stderr(&found));
    assert_eq!(stdout(&found).lines().count(), 1, "{}", stdout(&found));
    assert!(stdout(&found).contains(&name), "{}", stdout(&found));
    let found = check(&["store", "check", "--data", &data, "--json"]);
    assert_eq!(found.status.code(), Some(1), "{}", stderr(&found));
    assert_eq!(json(&found)["ok"], false);
    assert_eq!(json(&found)["faults"].as_array().map(Vec::len), Some(1));
}
