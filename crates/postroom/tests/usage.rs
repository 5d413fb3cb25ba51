//! Help, exit statuses, settings: what can be tried without a store.

mod support;

use support::{home, postroom, run, stderr, stdout};

const NOUNS: &[&str] = &[
    "demo",
    "serve",
    "sandbox",
    "connection",
    "login",
    "account",
    "mailbox",
    "mail",
    "people",
    "key",
    "outbox",
    "calls",
    "doctor",
];

#[test]
fn every_noun_explains_itself() {
    let home = home();
    let whole = run(home.path(), &["--help"]);
    assert_eq!(whole.status.code(), Some(0));
    for noun in NOUNS {
        assert!(stdout(&whole).contains(noun), "{noun}");
        let help = run(home.path(), &[noun, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{noun}");
        assert!(stdout(&help).contains("Usage: postroom"), "{noun}");
        assert_eq!(stderr(&help), "", "{noun}");
    }
}

#[test]
fn promised_flags_are_there() {
    let home = home();
    for (command, flags) in [
        (
            &["connection", "add"][..],
            &[
                "--name",
                "--tenant",
                "--client-id",
                "--client-secret-file",
                "--secret-expires",
                "--cloud",
                "--authority-url",
                "--graph-url",
                "--redirect-uri",
            ][..],
        ),
        (
            &["demo"],
            &["--listen", "--data", "--import", "--json", "--once"],
        ),
        (
            &["serve"],
            &[
                "--listen",
                "--data",
                "--database-url",
                "--config",
                "--public-url",
                "--tls-cert",
                "--tls-key",
                "--ca-file",
                "--master-key-file",
                "POSTROOM_LISTEN",
            ],
        ),
        (
            &["sandbox"],
            &[
                "--listen",
                "--users",
                "--messages",
                "--import",
                "--tls",
                "--json",
            ],
        ),
        (
            &["key", "create"],
            &[
                "--name",
                "--scope",
                "--mailbox",
                "--expires",
                "--server",
                "--data",
            ],
        ),
        (&["login"], &["--login-hint", "--no-browser"]),
        (
            &["mail", "send"],
            &[
                "--to",
                "--cc",
                "--bcc",
                "--subject",
                "--text-file",
                "--html-file",
                "--attach",
                "--importance",
                "--reply-to",
                "--no-wait",
            ],
        ),
        (
            &["mail", "save"],
            &["--attachment", "--all", "--mime", "--to"],
        ),
        (
            &["doctor"],
            &["--offline", "--master-key-backed-up", "--json"],
        ),
    ] {
        let help = stdout(&run(home.path(), &[command, &["--help"]].concat()));
        for flag in flags {
            assert!(help.contains(flag), "{command:?} {flag}");
        }
    }
}

#[test]
fn wrong_usage_is_2() {
    let home = home();
    for args in [
        &["nonsense"][..],
        &["mail", "list", "--limit", "0"],
        &["connection", "add", "--name", "x"],
        &["connection", "list", "--server", "http://h", "--data", "d"],
        &[
            "connection",
            "list",
            "--server",
            "not an address",
            "--key",
            "k",
        ],
        &["mailbox", "list", "--server", "http://127.0.0.1:1"],
        &["key", "create", "--name", "x", "--scope", "mail.nonsense"],
        &["serve", "--database-url", "mysql://a/b"],
        &["serve", "--tls-cert", "x.pem"],
        &["serve", "--config", "/nowhere/postroom.toml"],
        &["sandbox", "--import", "/nowhere"],
        &["demo", "--import", "/nowhere"],
    ] {
        let output = run(home.path(), args);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(stderr(&output).contains("error"), "{args:?}");
    }
}

#[test]
fn failing_is_1() {
    let home = home();
    let args = [
        "mailbox",
        "list",
        "--server",
        "http://127.0.0.1:9",
        "--key",
        "prk_x",
    ];
    let output = run(home.path(), &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot be reached"));
    assert!(!stderr(&output).contains("prk_x"));
}

#[test]
fn settings_errors_name_file_and_setting() {
    let home = home();
    let file = home.path().join("postroom.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlisten_on = 3\n").expect("written");
    let path = file.display().to_string();
    let output = run(home.path(), &["serve", "--config", &path]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("listen_on") && said.contains(&path), "{said}");

    let mut command = postroom(home.path(), &["key", "list"]);
    command.env("POSTROOM_MAILBOXES_AT_ONCE", "many");
    let output = command.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("mailboxes-at-once"), "{said}");
}

#[test]
fn no_colours_without_a_terminal() {
    let home = home();
    let output = run(
        home.path(),
        &["mailbox", "list", "--server", "x", "--key", "k"],
    );
    assert!(!output.stderr.contains(&0x1b));
}

/// A settings file may hold a password. What is wrong in it is told without the line.
#[test]
fn a_slip_in_the_settings_file_shows_no_password() {
    let home = home();
    let file = home.path().join("slip.toml");
    for text in [
        "databse_url = \"postgres://u:S3cret@h/d\"",
        "database_url = \"postgres://u:S3cret@h/d",
        "database_url = \"postgres://u:S3cret@h/d\" data = \"x\"",
        "log = \"info\"\ndatabase_url = \"postgres://u:S3\\cret@h/d\"",
    ] {
        std::fs::write(&file, text).expect("written");
        let config = file.to_string_lossy();
        let output = run(home.path(), &["serve", "--config", &config]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        let said = stderr(&output);
        assert!(said.contains("slip.toml"), "{said}");
        assert!(said.contains("line "), "{said}");
        assert!(!said.contains("cret@"), "{said}");
    }
}
