//! `postroom login` without a browser: a code for another device, and an address that is pasted.

mod support;

use postroom_sandbox::{Options, Running, Sandbox, SignedIn};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use support::{home, postroom, run, stderr, stdout};

async fn sandbox() -> Running {
    let options = Options {
        messages: 0,
        device_code_interval: std::time::Duration::from_secs(1),
        ..Options::default()
    };
    Sandbox::start(options).await.expect("a sandbox")
}

/// Adds a connection to the sandbox, in the data folder of this home.
fn connect(home: &Path, sandbox: &Running) {
    let secret = home.join("secret");
    std::fs::write(&secret, &sandbox.client_secret).expect("written");
    let secret = secret.to_string_lossy();
    let added = run(
        home,
        &[
            "connection",
            "add",
            "--name",
            "Sandbox",
            "--tenant",
            &sandbox.tenant_id,
            "--client-id",
            &sandbox.client_id,
            "--client-secret-file",
            &secret,
            "--authority-url",
            &sandbox.authority_url,
            "--graph-url",
            &sandbox.graph_url,
        ],
    );
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
}

/// `login` under way: what it says is read line by line.
struct Login {
    child: Child,
    said: BufReader<std::process::ChildStderr>,
}

impl Login {
    fn start(home: &Path, args: &[&str]) -> Self {
        let mut child = postroom(home, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let said = BufReader::new(child.stderr.take().expect("standard error"));
        Self { child, said }
    }

    /// The next line that is so, without the blanks around it.
    fn line(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.said.read_line(&mut line).expect("a line");
            assert!(read > 0, "it ended without the line");
            if is_it(line.trim()) {
                return line.trim().to_owned();
            }
        }
    }

    fn paste(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("standard input");
        writeln!(stdin, "{line}").expect("written");
    }

    /// Its exit status, what it printed and what else it said.
    fn end(mut self) -> (Option<i32>, String, String) {
        let status = self.child.wait().expect("it ends").code();
        let (mut printed, mut said) = (String::new(), String::new());
        let mut out = self.child.stdout.take().expect("standard output");
        out.read_to_string(&mut printed).expect("text");
        self.said.read_to_string(&mut said).expect("text");
        (status, printed, said)
    }
}

fn returns_to(sandbox: &Running, address: &str) -> String {
    let user = &sandbox.users[0];
    let (name, password) = (&user.user_principal_name, &user.password);
    match sandbox.sandbox().sign_in(address, name, password) {
        SignedIn::Redirect(to) => to,
        SignedIn::Page(page) => panic!("a page: {page}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_typed_elsewhere() {
    let (home, sandbox) = (home(), sandbox().await);
    connect(home.path(), &sandbox);
    let mut login = Login::start(home.path(), &["login", "--device-code"]);
    login.line(|line| line.contains("/devicelogin"));
    let code = login.line(|line| line.len() == 9 && !line.contains(' '));
    let user = &sandbox.users[0];
    let page = sandbox
        .sandbox()
        .enter_code(&code, &user.user_principal_name, &user.password);
    assert!(
        matches!(&page, SignedIn::Page(html) if html.contains("signed in")),
        "{page:?}"
    );
    let (status, printed, said) = login.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&user.user_principal_name), "{said}");
    let accounts = run(home.path(), &["account", "list", "--json"]);
    assert!(stdout(&accounts).contains(printed.trim()), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_pasted_and_a_wrong_one_asked_for_again() {
    let (home, sandbox) = (home(), sandbox().await);
    connect(home.path(), &sandbox);
    let uri = "https://any.working.example/url";
    let client = sandbox.client_id.clone();
    sandbox
        .sandbox()
        .alter_app(&client, |app| app.redirect_uris.push(uri.to_owned()));
    let args = [
        "login",
        "Sandbox",
        "--paste",
        "--redirect-uri",
        uri,
        "--no-browser",
    ];
    let mut login = Login::start(home.path(), &args);
    let address = login.line(|line| line.starts_with("http"));
    let ended_at = returns_to(&sandbox, &address);
    assert!(ended_at.starts_with(uri), "{ended_at}");
    login.paste("");
    login.paste("https://any.working.example/url?code=x&state=y");
    login.line(|line| line.contains("does not belong to this sign-in"));
    login.paste(&ended_at);
    let (status, printed, said) = login.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("Signed in"), "{said}");
    assert!(!printed.trim().is_empty());
}

/// Without `--redirect-uri` the connection's own loopback address is used, and nobody listens there.
#[tokio::test(flavor = "multi_thread")]
async fn a_loopback_address_is_pasted_too() {
    let (home, sandbox) = (home(), sandbox().await);
    connect(home.path(), &sandbox);
    let mut login = Login::start(home.path(), &["login", "--paste", "--no-browser", "--json"]);
    let address = login.line(|line| line.starts_with("http"));
    let ended_at = returns_to(&sandbox, &address);
    assert!(ended_at.starts_with("http://localhost/?"), "{ended_at}");
    login.paste(&ended_at);
    let (status, printed, said) = login.end();
    assert_eq!(status, Some(0), "{said}");
    let printed: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed["status"], "completed", "{printed}");
}

/// A user who says no: the command fails and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_pasted_is_told() {
    let (home, sandbox) = (home(), sandbox().await);
    connect(home.path(), &sandbox);
    let mut login = Login::start(home.path(), &["login", "--paste", "--no-browser"]);
    let address = login.line(|line| line.starts_with("http"));
    let state = address
        .split('&')
        .find(|part| part.starts_with("state="))
        .expect("a state");
    login.paste(&format!(
        "http://localhost/?error=access_denied&error_subcode=cancel&{state}"
    ));
    let (status, printed, said) = login.end();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("cancelled"), "{said}");
    assert_eq!(printed, "");
}

#[test]
fn ways_that_exclude_each_other_are_wrong_usage() {
    let home = home();
    for other in [&["--paste"][..], &["--redirect-uri", "http://localhost/"]] {
        let mut args = vec!["login", "--device-code"];
        args.extend(other);
        let refused = run(home.path(), &args);
        assert_eq!(refused.status.code(), Some(2), "{other:?}");
    }
}
