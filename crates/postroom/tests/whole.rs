//! The whole stack: demo, server, sandbox.

mod support;

use postroom_model::{Clock as _, SystemClock};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use support::{home, postroom, run, stderr, stdout};

/// A program that runs until it is dropped.
struct Background(Child);

impl Background {
    fn start(mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// The first line on standard output.
    fn first_line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.take().expect("standard output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        line
    }

    /// The first line on standard error that has this in it.
    fn line_with(&mut self, part: &str) -> String {
        let err = self.0.stderr.take().expect("standard error");
        BufReader::new(err)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains(part))
            .expect("the line comes")
    }

    /// Asks it to stop by SIGTERM and gives its exit status.
    fn stop(&mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.is_ok_and(|status| status.success()));
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn demo_once_as_json_is_one_object_on_one_line() {
    let home = home();
    let output = run(
        home.path(),
        &["demo", "--once", "--json", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for name in [
        "authorityUrl",
        "graphUrl",
        "tenantId",
        "clientId",
        "clientSecret",
        "consoleUrl",
        "apiUrl",
        "key",
    ] {
        assert!(json[name].is_string(), "{name}: {text}");
    }
    assert!(json["users"][0]["userPrincipalName"].is_string());
    assert!(json["users"][0]["password"].is_string());
    assert!(json.get("caFile").is_some());
}

#[test]
fn demo_once_gives_the_tour() {
    let home = home();
    let output = run(home.path(), &["demo", "--once", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stderr(&output);
    for part in [
        "Mailboxes, mirrored",
        "Outbox: sent",
        "Sent Items: ",
        "saved",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(stdout(&output).contains("curl --user"));
}

#[cfg(unix)]
#[test]
fn a_server_stops_when_asked_and_keys_are_made_beside_it() {
    let home = home();
    let mut server = Background::start(postroom(
        home.path(),
        &["serve", "--listen", "127.0.0.1:0", "--log-format", "json"],
    ));
    let ready = server.line_with("postroom is ready");
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("JSON");
    let url = ready["url"].as_str().expect("an address").to_owned();

    let made = run(home.path(), &["key", "create", "--name", "beside"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let key = stdout(&made);
    let asked = postroom(home.path(), &["key", "list", "--server", &url])
        .env("POSTROOM_KEY", key.trim())
        .output()
        .expect("the program runs");
    assert_eq!(asked.status.code(), Some(0), "{}", stderr(&asked));
    assert!(stdout(&asked).contains("beside"));

    let local = run(home.path(), &["mailbox", "list"]);
    assert_eq!(local.status.code(), Some(1));
    let said = stderr(&local);
    assert!(said.contains(&url) && said.contains("--server"), "{said}");

    assert_eq!(server.stop(), Some(0));
    let again = run(home.path(), &["mailbox", "list", "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
}

#[cfg(unix)]
#[test]
fn a_sandbox_says_where_it_is_and_stops_when_asked() {
    let home = home();
    let args = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--messages",
        "20",
        "--json",
    ];
    let mut sandbox = Background::start(postroom(home.path(), &args));
    let line = sandbox.first_line();
    let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert!(json["authorityUrl"].is_string(), "{line}");
    assert!(json["caFile"].is_null(), "{line}");
    assert_eq!(sandbox.stop(), Some(0));
}

#[cfg(unix)]
#[test]
fn what_ends_soon_is_said_once_and_shown_at_the_next_start() {
    let home = home();
    let secret = home.path().join("secret");
    std::fs::write(&secret, "abc8Q~nobody-knows").expect("written");
    let end = SystemClock.now() + jiff::SignedDuration::from_hours(5 * 24 + 1);
    let added = run(
        home.path(),
        &[
            "connection",
            "add",
            "--name",
            "Contoso",
            "--tenant",
            "contoso.example",
            "--client-id",
            "00000000-0000-0000-0000-00000000c11e",
            "--client-secret-file",
            &secret.to_string_lossy(),
            "--secret-expires",
            &end.to_string(),
        ],
    );
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    let args = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
    for (change, others) in [("raised", "open"), ("open", "raised")] {
        let mut server = Background::start(postroom(home.path(), &args));
        let line = server.line_with("The client secret of Contoso ends soon");
        assert!(line.contains(&format!("\"{change}\"")), "{line}");
        assert!(!line.contains(&format!("\"{others}\"")), "{line}");
        assert!(line.contains("Certificates & secrets"), "{line}");
        assert_eq!(server.stop(), Some(0));
    }

    let list = run(home.path(), &["alerts", "list", "--json"]);
    assert_eq!(list.status.code(), Some(0), "{}", stderr(&list));
    let json: serde_json::Value = serde_json::from_str(&stdout(&list)).expect("JSON");
    assert_eq!(json["value"].as_array().map(Vec::len), Some(1), "{json}");
    let alert = &json["value"][0];
    assert_eq!(
        (&alert["level"], &alert["daysLeft"]),
        (&7.into(), &5.into())
    );
    let id = alert["id"].as_str().expect("an id");
    let known = run(home.path(), &["alerts", "acknowledge", id]);
    assert_eq!(known.status.code(), Some(0), "{}", stderr(&known));
    let list = stdout(&run(home.path(), &["alerts", "list"]));
    assert!(list.contains(id) && list.contains("acknowledged"), "{list}");
    let shown = stdout(&run(home.path(), &["alerts", "show", id]));
    assert!(shown.contains("what to do"), "{shown}");
    let doctor = stdout(&run(home.path(), &["doctor", "--offline"]));
    assert!(
        doctor.contains("The client secret of Contoso ends soon: in 5 days."),
        "{doctor}"
    );
    assert!(!format!("{list}{shown}{doctor}").contains("nobody-knows"));
    let nothing = run(home.path(), &["alerts", "acknowledge", "x"]);
    assert_eq!(nothing.status.code(), Some(1));
}
