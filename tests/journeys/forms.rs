//! Forms with files, broken in every way that networks and programs break them: each is refused with
//! a word or taken as it was meant, a refused one sends nothing, and no content of it stays.

use anyhow::{Context, Result};
use postroom_model::clock::later;
use postroom_model::mailbox::Mailbox;
use postroom_tests::wait::until;
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BOUNDARY: &str = "----------------------------73f1";
const TYPE: &str = "multipart/form-data; boundary=----------------------------73f1";
/// Large enough to go through a temporary file.
const LARGE: usize = 320 * 1024;
const MOST: u64 = 1024 * 1024;

/// A part: its headers, its content.
fn part(headers: &str, content: &[u8]) -> Vec<u8> {
    let mut part = format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").into_bytes();
    part.extend_from_slice(content);
    part.extend_from_slice(b"\r\n");
    part
}

fn field(name: &str, value: &str) -> Vec<u8> {
    part(
        &format!("Content-Disposition: form-data; name=\"{name}\""),
        value.as_bytes(),
    )
}

fn file(disposition: &str, content: &[u8]) -> Vec<u8> {
    part(
        &format!(
            "Content-Disposition: form-data; name=\"attachments\"; {disposition}\r\nContent-Type: \
             application/octet-stream"
        ),
        content,
    )
}

fn end() -> Vec<u8> {
    format!("--{BOUNDARY}--\r\n").into_bytes()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), end()].concat()
}

/// A file whose content is its own, so that it cannot be mistaken for one that was kept before.
fn large(number: u8) -> Vec<u8> {
    (0..LARGE).map(|at| (at % 251) as u8 ^ number).collect()
}

struct Forms {
    world: World,
    mailbox: Mailbox,
    original: String,
}

impl Forms {
    async fn start() -> Result<Self> {
        let mut options = WorldOptions::default();
        options.router.max_upload_bytes = MOST;
        let world = World::start(options).await?;
        let mailbox = world.serve(0).await?;
        world.level(&mailbox).await?;
        let list = format!("/mailboxes/{}/messages?folder=inbox&limit=1", mailbox.id);
        let original = world.api.get(&list).await?["value"][0]["id"]
            .as_str()
            .context("a message")?
            .to_owned();
        Ok(Self {
            world,
            mailbox,
            original,
        })
    }

    fn paths(&self) -> [String; 2] {
        let mailbox = format!("/mailboxes/{}", self.mailbox.id);
        [
            format!("{mailbox}/send"),
            format!("{mailbox}/messages/{}/reply", self.original),
        ]
    }

    async fn post(
        &self,
        path: &str,
        media: &str,
        body: impl Into<reqwest::Body>,
    ) -> Result<(u16, String, Value)> {
        let answer = self
            .world
            .api
            .request(Method::POST, path)
            .header("content-type", media)
            .body(body)
            .send()
            .await?;
        // A form that was not read to its end leaves a connection that serves no other call.
        if answer.status() == 413 {
            assert_eq!(answer.headers().get("connection").unwrap(), "close");
        }
        let media = answer.headers().get("content-type");
        let media = media.map_or("", |media| media.to_str().unwrap()).to_owned();
        Ok((answer.status().as_u16(), media, answer.json().await?))
    }

    /// Has to be refused with a problem of RFC 9457.
    async fn refused(
        &self,
        what: &str,
        path: &str,
        (media, body): (&str, impl Into<reqwest::Body>),
        (status, code): (u16, &str),
    ) -> Result<Value> {
        let (was, media, problem) = self.post(path, media, body).await?;
        assert_eq!(was, status, "{what}: {problem}");
        assert_eq!(media, "application/problem+json", "{what}: {problem}");
        assert_eq!(problem["code"], code, "{what}: {problem}");
        assert_eq!(problem["status"], status, "{what}: {problem}");
        for member in ["type", "title", "detail"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{what} has no {member}: {problem}");
        }
        Ok(problem)
    }

    /// Has to be accepted, and leaves. Gives the names and contents that arrived.
    async fn sent(&self, subject: &str, parts: &[Vec<u8>]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut all = vec![
            field("to", "a@elsewhere.example"),
            field("subject", subject),
        ];
        all.extend_from_slice(parts);
        let (status, _, accepted) = self.post(&self.paths()[0], TYPE, form(&all)).await?;
        assert_eq!(status, 202, "{subject}: {accepted}");
        let id = accepted["id"].as_str().context("an id")?;
        let item = self.world.api.get(&format!("/outbox/{id}?wait=60")).await?;
        assert_eq!(item["status"], "sent", "{subject}: {item}");
        self.world.level(&self.mailbox).await?;
        let message = item["messageId"].as_str().context("a message")?;
        let path = format!(
            "/mailboxes/{}/messages/{message}/attachments",
            self.mailbox.id
        );
        let list = self.world.api.get(&path).await?;
        let mut files = Vec::new();
        for file in list["value"].as_array().context("attachments")? {
            let content = format!("{path}/{}/content", file["id"].as_str().context("an id")?);
            let content = self.world.api.request(Method::GET, &content).send().await?;
            files.push((
                file["name"].as_str().context("a name")?.to_owned(),
                content.error_for_status()?.bytes().await?.to_vec(),
            ));
        }
        Ok(files)
    }

    /// Nothing was accepted, nothing asked of Microsoft, and no content is left: neither half
    /// written nor, after the collection that comes by itself, whole.
    async fn ensure_no_trace(&self, asked: u64) -> Result<()> {
        let outbox = self.world.api.get("/outbox").await?;
        assert_eq!(
            outbox["value"].as_array().map(Vec::len),
            Some(0),
            "{outbox}"
        );
        assert_eq!(self.world.sandbox.sandbox().stats().graph_requests, asked);
        let folder = self.world.folder().to_owned();
        until("half-written contents are gone", || {
            files_below(&folder, &|path| {
                path.to_string_lossy().contains("temporary")
            })
            .is_empty()
        })
        .await?;
        let store = self.world.engine.store();
        let soon = later(self.world.engine.now(), Duration::from_secs(60));
        store.collect_blobs(soon).await?;
        let left = files_below(&folder, &|path| {
            path.metadata()
                .is_ok_and(|about| about.len() == LARGE as u64)
        });
        assert!(left.is_empty(), "{left:?}");
        Ok(())
    }
}

fn files_below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_form_is_refused() -> Result<()> {
    let forms = Forms::start().await?;
    let asked = forms.world.sandbox.sandbox().stats().graph_requests;
    let to = || field("to", "a@elsewhere.example");
    let invalid = (400, "invalidRequest");
    for path in &forms.paths() {
        let first = file("filename=\"a.bin\"", &large(1));
        for (what, media, body, expected) in [
            (
                "ends before its last boundary",
                TYPE,
                [to(), first.clone()].concat(),
                invalid,
            ),
            (
                "ends within a file",
                TYPE,
                [to(), first[..first.len() / 2].to_vec()].concat(),
                invalid,
            ),
            (
                "ends within a part's headers",
                TYPE,
                [to(), first[..80].to_vec()].concat(),
                invalid,
            ),
            ("is empty", TYPE, Vec::new(), invalid),
            ("has no part", TYPE, end(), invalid),
            (
                "has another boundary than it says",
                "multipart/form-data; boundary=another",
                form(&[to(), first.clone()]),
                invalid,
            ),
            (
                "says no boundary",
                "multipart/form-data",
                form(&[to(), first.clone()]),
                invalid,
            ),
            (
                "has a part without a name after a file",
                TYPE,
                form(&[
                    to(),
                    first.clone(),
                    part("Content-Disposition: form-data", b"x"),
                ]),
                invalid,
            ),
            (
                "has a part without a header after a file",
                TYPE,
                form(&[to(), first.clone(), part("Content-Type: text/plain", b"x")]),
                invalid,
            ),
            (
                "has a part that nobody knows after a file",
                TYPE,
                form(&[to(), first.clone(), field("attachment", "x")]),
                invalid,
            ),
            (
                "has a text that is no UTF-8",
                TYPE,
                form(&[
                    to(),
                    first.clone(),
                    part("Content-Disposition: form-data; name=\"text\"", b"\xff\xfe"),
                ]),
                invalid,
            ),
            (
                "is JSON that calls itself a form",
                TYPE,
                b"{\"toRecipients\": []}".to_vec(),
                invalid,
            ),
            (
                "is another kind of multipart",
                "multipart/mixed; boundary=----------------------------73f1",
                form(&[to(), first.clone()]),
                (415, "unsupportedMediaType"),
            ),
            (
                "is a form without files' encoding",
                "application/x-www-form-urlencoded",
                b"to=a@elsewhere.example&text=x".to_vec(),
                (415, "unsupportedMediaType"),
            ),
        ] {
            let what = format!("{path}: a form that {what}");
            forms.refused(&what, path, (media, body), expected).await?;
        }
        let unknown = form(&[to(), field("attachment", "x")]);
        let problem = forms
            .refused("an unknown part", path, (TYPE, unknown), invalid)
            .await?;
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("\"attachment\"") && detail.contains("attachments"),
            "{detail}"
        );
    }
    forms.ensure_no_trace(asked).await?;
    forms.world.stop().await;
    Ok(())
}

/// Too large: as it announces itself, and where it does not say how long it gets.
#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_form_is_refused() -> Result<()> {
    let forms = Forms::start().await?;
    let asked = forms.world.sandbox.sandbox().stats().graph_requests;
    let too_large = (413, "tooLarge");
    for path in &forms.paths() {
        let parts = [
            field("to", "a@elsewhere.example"),
            file("filename=\"a.bin\"", &large(1)),
            file("filename=\"b.bin\"", &vec![7; 4 * MOST as usize]),
        ];
        let body = form(&parts);
        forms
            .refused("several files", path, (TYPE, body.clone()), too_large)
            .await?;
        let pieces: Vec<_> = body
            .chunks(50_000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        let stream = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
        forms
            .refused("a stream", path, (TYPE, stream), too_large)
            .await?;
    }
    forms.ensure_no_trace(asked).await?;
    forms.world.stop().await;
    Ok(())
}

/// A caller whose connection breaks off, or who goes away, in the middle of a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_off_leaves_nothing() -> Result<()> {
    let forms = Forms::start().await?;
    let asked = forms.world.sandbox.sandbox().stats().graph_requests;
    let folder = forms.world.folder().to_owned();
    let temporary = || {
        files_below(&folder, &|path| {
            path.to_string_lossy().contains("temporary")
        })
    };
    for path in &forms.paths() {
        let whole = form(&[
            field("to", "a@elsewhere.example"),
            file("filename=\"a.bin\"", &large(3)),
        ]);
        let host = forms.world.api.url().trim_start_matches("http://");
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: {TYPE}\r\nContent-Length: {}\r\n\r\n",
            forms.world.key(),
            whole.len()
        );
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&whole[..whole.len() - 50_000]).await?;
        until("a content is half written", || !temporary().is_empty()).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        // An answer can come or not; the connection ends, and nothing was accepted.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{answer}"
        );
    }
    forms.ensure_no_trace(asked).await?;
    forms.world.stop().await;
    Ok(())
}

/// Odd forms that mean something are taken as they are meant.
#[tokio::test(flavor = "multi_thread")]
async fn odd_forms_are_taken_as_they_are_meant() -> Result<()> {
    let forms = Forms::start().await?;
    let one = |name: &str, content: &[u8]| vec![(name.to_owned(), content.to_vec())];

    let files = forms
        .sent("Empty file", &[file("filename=\"empty.txt\"", b"")])
        .await?;
    assert_eq!(files, one("empty.txt", b""));

    let files = forms
        .sent(
            "The same name twice",
            &[
                file("filename=\"a.txt\"", b"first"),
                file("filename=\"a.txt\"", b"second"),
            ],
        )
        .await?;
    let mut contents: Vec<_> = files
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect();
    contents.sort_unstable();
    assert_eq!(
        contents,
        [("a.txt", b"first".as_slice()), ("a.txt", b"second")]
    );

    let nameless = part(
        "Content-Disposition: form-data; name=\"attachments\"",
        b"content",
    );
    let files = forms.sent("No name", &[nameless]).await?;
    assert_eq!(files, one("attachment", b"content"));

    // What a browser sends for a field without a chosen file.
    let files = forms
        .sent("Nothing chosen", &[file("filename=\"\"", b"")])
        .await?;
    assert_eq!(files, []);

    for (number, (disposition, name)) in [
        ("filename=\"../../etc/passwd\"", "passwd"),
        (r#"filename="C:\Users\Ann\offer.pdf""#, "offer.pdf"),
        ("filename=\"Übersicht März.pdf\"", "Übersicht März.pdf"),
        // As curl and browsers write quotation marks, and as others do.
        (
            "filename=\"%22Offer%22 100%25.pdf\"",
            "\"Offer\" 100%25.pdf",
        ),
        (r#"filename="\"Offer\".pdf""#, "\"Offer\".pdf"),
        (
            "filename=\"_.pdf\"; filename*=UTF-8''%C3%9Cbersicht%20%22M%C3%A4rz%22.pdf",
            "Übersicht \"März\".pdf",
        ),
        ("filename*=UTF-8''..%2F..%2F%C3%9C.pdf", "Ü.pdf"),
        ("filename=plain.pdf", "plain.pdf"),
    ]
    .into_iter()
    .enumerate()
    {
        let content = format!("content {number}");
        let files = forms
            .sent(
                &format!("Name {number}"),
                &[file(disposition, content.as_bytes())],
            )
            .await?;
        assert_eq!(files, one(name, content.as_bytes()), "{disposition}");
    }
    forms.world.stop().await;
    Ok(())
}
