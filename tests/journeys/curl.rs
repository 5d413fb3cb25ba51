//! docs/filemaker.md with the real curl: the options that *Insert from URL* is given there do what
//! its scripts rely on.

use anyhow::{Context, Result};
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::curl::{Curled, curl};
use postroom_tests::wait::until;
use postroom_tests::{Tenant, World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

/// curl's exit code for a call that took longer than `--max-time`.
const TIMEOUT: i32 = 28;

/// A FileMaker client: `$$api`, `$$auth`, `$headers`, and a place for its containers.
struct Client {
    api: String,
    auth: String,
    folder: tempfile::TempDir,
}

impl Client {
    fn of(world: &World) -> Result<Self> {
        Ok(Self {
            api: format!("{}/api/v1", world.api.url()),
            auth: format!("filemaker:{}", world.key()),
            folder: tempfile::tempdir()?,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A variable that curl reads as `@$variable`.
    fn variable(&self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.path(name);
        std::fs::write(&path, content)?;
        Ok(format!("@{}", path.display()))
    }

    async fn insert_from_url(&self, path: &str, options: &[&str]) -> Result<Curled> {
        let headers = self.path("headers");
        let url = format!("{}{path}", self.api);
        let headers = headers.to_string_lossy();
        let mut all = vec!["--user", &self.auth, "-D", &headers, &url];
        all.extend(options);
        curl(&all).await
    }

    /// The script "Postroom call".
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut options = vec!["-X", method, "--max-time", "90"];
        let data;
        if let Some(body) = body {
            data = self.variable("body", body.to_string().as_bytes())?;
            options.extend(["-H", "Content-Type: application/json", "--data", &data]);
        }
        let answer = self.insert_from_url(path, &options).await?;
        assert_eq!(answer.exit, 0, "{method} {path}: {}", answer.said);
        Ok(answer.json())
    }

    /// What `-D` wrote: the status line, and a header's value.
    fn headers(&self) -> Result<Headers> {
        let text = std::fs::read_to_string(self.path("headers"))?;
        let mut lines = text.lines().map(str::to_owned);
        Ok(Headers {
            status: lines.next().context("a status")?,
            lines: lines.collect(),
        })
    }
}

struct Headers {
    status: String,
    lines: Vec<String>,
}

impl Headers {
    fn get(&self, wanted: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    }
}

/// Somebody writes with a file, the script reads the message, marks it, and takes the file with its
/// name; the answer has two files and leaves once, though the script ran twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_reads_and_answers_a_message() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let address = world.user(0)?;
    let tenant = Tenant::of(&world.sandbox).await?;
    let written = json!({
        "subject": "Offer, please",
        "body": {"contentType": "html", "content": "<p>Für März?</p>"},
        "from": {"emailAddress": {"address": "customer@elsewhere.example"}},
        "toRecipients": [{"emailAddress": {"address": address}}],
        "isRead": false,
        "attachments": [{
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": "Übersicht \"März\".txt",
            "contentType": "text/plain",
            "contentBytes": "aGVsbG8gw7wK",
        }],
    });
    let inbox = format!("/users/{}/mailFolders/inbox/messages", mailbox.id);
    tenant.call(Method::POST, &inbox, Some(&written)).await?;
    world.level(&mailbox).await?;

    let client = Client::of(&world)?;
    let found = client
        .call(
            "GET",
            &format!(
                "/mailboxes/{address}/messages?folder=inbox&isRead=false&subject=Offer,%20please"
            ),
            None,
        )
        .await?;
    assert_eq!(client.headers()?.status, "HTTP/1.1 200 OK");
    assert!(found.get("code").is_none(), "{found}");
    let message = &found["value"][0];
    assert_eq!(message["subject"], "Offer, please", "{found}");
    let message = format!(
        "/mailboxes/{address}/messages/{}",
        message["id"].as_str().context("an id")?
    );

    let read = client
        .call(
            "PATCH",
            &message,
            Some(&json!({"isRead": true, "categories": ["Erledigt: März"]})),
        )
        .await?;
    assert_eq!(read["isRead"], true, "{read}");
    assert_eq!(read["categories"][0], "Erledigt: März", "{read}");

    let files = client
        .call("GET", &format!("{message}/attachments"), None)
        .await?;
    let content = format!(
        "{message}/attachments/{}/content",
        files["value"][0]["id"].as_str().context("a file")?
    );
    let file = client
        .insert_from_url(&content, &["--max-time", "120"])
        .await?;
    assert_eq!(file.body, "hello ü\n".as_bytes());
    let headers = client.headers()?;
    assert_eq!(headers.status, "HTTP/1.1 200 OK");
    assert_eq!(
        headers.get("content-disposition"),
        Some(
            "attachment; filename=\"_bersicht _M_rz_.txt\"; \
             filename*=UTF-8''%C3%9Cbersicht%20%22M%C3%A4rz%22.txt"
        )
    );
    assert_eq!(headers.get("content-length"), Some("9"));

    let html = client.variable("html", "<p>Thank you, bitte schön.</p>".as_bytes())?;
    let offer = client.variable("Angebot März.pdf", b"%PDF offer")?;
    let terms = client.variable("terms.pdf", b"%PDF terms")?;
    let [html, offer, terms] = [
        format!("html={html}"),
        format!("attachments={offer}"),
        format!("attachments={terms}"),
    ];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = client
            .insert_from_url(
                &format!("{message}/reply"),
                &[
                    "-X",
                    "POST",
                    "--max-time",
                    "120",
                    "-H",
                    "Idempotency-Key: 4711",
                    "-F",
                    &html,
                    "-F",
                    &offer,
                    "-F",
                    &terms,
                ],
            )
            .await?;
        assert_eq!(client.headers()?.status, "HTTP/1.1 202 Accepted");
        ids.push(answer.json()["id"].as_str().context("an id")?.to_owned());
    }
    assert_eq!(ids[0], ids[1]);
    let item = client
        .call("GET", &format!("/outbox/{}?wait=60", ids[0]), None)
        .await?;
    assert_eq!(item["status"], "sent", "{item}");
    let sent = world.sandbox.sandbox().mail().sent();
    let answers: Vec<_> = sent
        .iter()
        .filter(|one| one.subject.contains("Offer, please"))
        .collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].recipients, ["customer@elsewhere.example"]);
    world.level(&mailbox).await?;
    let sent = format!(
        "/mailboxes/{address}/messages/{}",
        item["messageId"].as_str().context("an id")?
    );
    let sent = client.call("GET", &sent, None).await?;
    let body = sent["body"]["content"].as_str().unwrap();
    assert!(body.contains("<p>Thank you, bitte schön.</p>"), "{body}");
    let mut names: Vec<_> = sent["attachments"]
        .as_array()
        .context("attachments")?
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Angebot März.pdf", "terms.pdf"]);
    world.stop().await;
    Ok(())
}

/// "The body alone tells how it went": curl succeeds, the body has a `code`, the header file the
/// status.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_by_the_body() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mut client = Client::of(&world)?;
    let refused = client
        .call("GET", "/mailboxes/nobody@nowhere.example", None)
        .await?;
    assert_eq!(refused["code"], "notFound", "{refused}");
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|text| text.len() > 10)
    );
    let headers = client.headers()?;
    assert_eq!(headers.status, "HTTP/1.1 404 Not Found");
    assert_eq!(
        headers.get("content-type"),
        Some("application/problem+json")
    );

    client.auth = "filemaker:not-a-key".to_owned();
    let refused = client.call("GET", "/mailboxes", None).await?;
    assert_eq!(refused["code"], "unauthorized", "{refused}");
    assert_eq!(client.headers()?.status, "HTTP/1.1 401 Unauthorized");
    world.stop().await;
    Ok(())
}

/// A script that gives up waiting for a login loses nothing: asked again, it gets the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_outlives_a_curl_that_gave_up() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let client = Client::of(&world)?;
    let login = client
        .call(
            "POST",
            &format!("/connections/{}/logins", world.connection.id),
            Some(&json!({"method": "browser"})),
        )
        .await?;
    let path = format!("/logins/{}?wait=60", login["id"].as_str().context("an id")?);
    gives_up(&client, &path).await?;

    let user = &world.sandbox.users[0];
    let waiting = client.call("GET", &path, None);
    let signing_in = sign_in(
        login["authorizeUrl"].as_str().context("an address")?,
        &user.user_principal_name,
        &user.password,
        Does::Accepts,
    );
    let (login, signed_in) = tokio::join!(waiting, signing_in);
    signed_in?;
    let login = login?;
    assert_eq!(login["status"], "completed", "{login}");
    assert!(login["account"].is_string(), "{login}");
    world.stop().await;
    Ok(())
}

/// The same for a message: Microsoft hangs, curl gives up, the message leaves once all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_outlives_a_curl_that_gave_up() -> Result<()> {
    let mut options = WorldOptions::default();
    options.door.answer_timeout = std::time::Duration::from_secs(3);
    let world = World::start(options).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let client = Client::of(&world)?;
    world.sandbox.sandbox().fault(
        Fault::on("/messages", FaultAction::Hang)
            .method("POST")
            .times(10_000),
    );
    let to = "to=a@elsewhere.example";
    let sent = client
        .insert_from_url(
            &format!("/mailboxes/{}/send", world.user(0)?),
            &[
                "-X",
                "POST",
                "-F",
                to,
                "-F",
                "subject=Late",
                "-F",
                "text=Hello",
            ],
        )
        .await?;
    let id = sent.json()["id"].as_str().context(sent.said)?.to_owned();
    until("the sending hangs", || {
        world.sandbox.sandbox().faults().waiting()[0].times < 10_000
    })
    .await?;
    let path = format!("/outbox/{id}?wait=60");
    gives_up(&client, &path).await?;

    world.sandbox.sandbox().faults().clear();
    let item = client.call("GET", &path, None).await?;
    assert_eq!(item["status"], "sent", "{item}");
    let sent = world.sandbox.sandbox().mail().sent();
    assert_eq!(sent.iter().filter(|one| one.subject == "Late").count(), 1);
    world.ensure_no_drafts(&mailbox, "Late")?;
    world.stop().await;
    Ok(())
}

/// curl asks, and is gone after a second; others are answered as if it had not been.
async fn gives_up(client: &Client, path: &str) -> Result<()> {
    let cut = client
        .insert_from_url(path, &["-X", "GET", "--max-time", "1"])
        .await?;
    assert_eq!(cut.exit, TIMEOUT, "{}", cut.said);
    assert!(cut.body.is_empty());
    let healthz = client.api.replace("/api/v1", "/healthz");
    let healthy = curl(&["--fail", &healthz]).await?;
    assert_eq!(healthy.exit, 0, "{}", healthy.said);
    Ok(())
}
