//! Keys that are changed or lost, with everything that hangs on them.

use crate::storm::sign_user_in;
use anyhow::{Context, Result};
use postroom_sandbox::{Options, Running, Sandbox};
use postroom_tests::process::{Program, Server};
use postroom_tests::{Api, Ground};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Instant;

/// A server with the mailboxes of the application and of a user, both mirrored.
struct Place {
    sandbox: Running,
    program: Program,
    key: String,
    account: String,
    mailboxes: [String; 2],
    _ground: Ground,
}

impl Place {
    async fn new() -> Result<Self> {
        let sandbox = Sandbox::start(Options {
            messages: 40,
            ..Options::default()
        })
        .await?;
        let ground = Ground::new()?;
        let program = Program::on(&ground)?;
        program.connect(&sandbox)?;
        let key = program
            .run(&["key", "create", "--name", "vault", "--scope", "admin"])?
            .trim()
            .to_owned();
        let server = program.serve()?;
        server.ready().await?;
        let account = sign_user_in(&server.url, &key, &sandbox).await?;
        let api = Api::new(&server.url, &key);
        let by_user = api.post("/mailboxes", &json!({"account": account})).await?;
        let address = &sandbox.users[1].user_principal_name;
        let by_application = json!({"connection": "Sandbox", "address": address});
        let by_application = api.post("/mailboxes", &by_application).await?;
        let id = |mailbox: &Value| {
            let id = mailbox["id"].as_str();
            id.map(str::to_owned).context("an id")
        };
        let place = Self {
            mailboxes: [id(&by_user)?, id(&by_application)?],
            sandbox,
            program,
            key,
            account,
            _ground: ground,
        };
        place.ensure_level(&server).await?;
        assert!(server.terminate()?);
        Ok(place)
    }

    async fn serve(&self) -> Result<(Server, Api)> {
        let server = self.program.serve()?;
        server.ready().await?;
        let api = Api::new(&server.url, &self.key);
        Ok((server, api))
    }

    /// Both mailboxes are brought level with the tenant.
    async fn ensure_level(&self, server: &Server) -> Result<()> {
        let api = Api::new(&server.url, &self.key);
        for mailbox in &self.mailboxes {
            let path = format!("/mailboxes/{mailbox}/sync?wait=60");
            let level = api.post(&path, &json!({})).await?;
            assert_eq!(level["sync"]["state"], "upToDate", "{level}");
        }
        Ok(())
    }

    /// What is in the mirrors.
    async fn mail(&self, api: &Api) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for mailbox in &self.mailboxes {
            let list = format!("/mailboxes/{mailbox}/messages?limit=500");
            all.push(api.get(&list).await?["value"].clone());
        }
        Ok(all)
    }
}

/// A rotation that is killed again and again comes to its end, and everything works with the new
/// key, in between, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_killed_and_goes_on() -> Result<()> {
    let place = Place::new().await?;
    // The kills are spread over the time that one takes by itself.
    let begun = Instant::now();
    place.program.run(&["vault", "rotate"])?;
    let whole = begun.elapsed();
    for number in 0..8 {
        let mut rotation = place
            .program
            .command(&["vault", "rotate"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        tokio::time::sleep(whole * (number + 1) / 9).await;
        // It may have ended by itself.
        let _ = rotation.kill();
        rotation.wait()?;
        if number == 4 {
            let (server, _) = place.serve().await?;
            place.ensure_level(&server).await?;
            assert!(server.terminate()?);
        }
    }
    place.program.run(&["vault", "rotate"])?;
    let status: Value = serde_json::from_str(&place.program.run(&["vault", "status", "--json"])?)?;
    assert_eq!(status["rotationUnfinished"], false, "{status}");
    assert_eq!(status["unopened"], 0, "{status}");
    let faults = place.program.run(&["store", "check", "--json"])?;
    assert!(faults.contains(r#""ok":true"#), "{faults}");
    let (server, _) = place.serve().await?;
    place.ensure_level(&server).await?;
    assert!(server.terminate()?);
    place.sandbox.shutdown().await;
    Ok(())
}

/// The master key is lost. Mail is there as before, the key of the caller opens, a message that
/// waits to leave waits on; accounts say what to do, and once that is done all goes on under the
/// same ids.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_master_key_is_survived() -> Result<()> {
    let mut place = Place::new().await?;
    let (server, api) = place.serve().await?;
    let mail = place.mail(&api).await?;
    assert!(mail[0].as_array().is_some_and(|it| !it.is_empty()));
    let accounts = api.get("/accounts").await?;
    let mailboxes = api.get("/mailboxes").await?;
    assert!(server.terminate()?);

    place.program.set_master_key(&"ab".repeat(32));
    let lost = place
        .program
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .output()?;
    assert_eq!(lost.status.code(), Some(1));
    let said = String::from_utf8_lossy(&lost.stderr);
    assert!(said.contains("postroom vault reset"), "{said}");
    let reset = ["vault", "reset", "--drop-secrets", "--json"];
    let todo: Value = serde_json::from_str(&place.program.run(&reset)?)?;
    assert_eq!(todo["credentials"], json!(["Sandbox"]), "{todo}");
    let user = &place.sandbox.users[0].user_principal_name;
    assert_eq!(todo["signIns"][0]["user"], json!(user), "{todo}");

    let (server, api) = place.serve().await?;
    assert_eq!(place.mail(&api).await?, mail);
    let ids = |list: &Value| -> Vec<Value> {
        let list = list["value"].as_array();
        list.map(|all| all.iter().map(|it| it["id"].clone()).collect())
            .unwrap_or_default()
    };
    assert_eq!(ids(&api.get("/mailboxes").await?), ids(&mailboxes));
    let now = api.get("/accounts").await?;
    assert_eq!(ids(&now), ids(&accounts));
    for account in now["value"].as_array().context("accounts")? {
        let state = if account["kind"] == "user" {
            "needsSignIn"
        } else {
            "credentialExpired"
        };
        assert_eq!(account["state"], state, "{account}");
        let reason = account["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("master key was lost"), "{account}");
    }
    // What leaves is kept for when it can.
    let message = json!({
        "subject": "While the key was lost",
        "body": {"contentType": "text", "content": "Hello"},
        "toRecipients": [{"emailAddress": {"address": "somebody@elsewhere.example"}}],
    });
    let send = format!("/mailboxes/{}/send", place.mailboxes[1]);
    let sent = api.post(&send, &message).await?;
    assert!(server.terminate()?);

    let secret = tempfile::NamedTempFile::new()?;
    std::fs::write(secret.path(), &place.sandbox.client_secret)?;
    let file = secret.path().to_string_lossy().into_owned();
    place.program.run(&[
        "connection",
        "set",
        "Sandbox",
        "--client-secret-file",
        &file,
    ])?;
    let (server, api) = place.serve().await?;
    let again = sign_user_in(&server.url, &place.key, &place.sandbox).await?;
    assert_eq!(again, place.account);
    place.ensure_level(&server).await?;
    let id = sent["id"].as_str().context("an id")?;
    let mut item = api.get(&format!("/outbox/{id}")).await?;
    if item["status"] == "failed" {
        api.post(&format!("/outbox/{id}/retry"), &json!({})).await?;
    }
    for _ in 0..3 {
        item = api.get(&format!("/outbox/{id}?wait=60")).await?;
        if item["status"] == "sent" {
            break;
        }
    }
    assert_eq!(item["status"], "sent", "{item}");
    assert!(server.terminate()?);
    place.sandbox.shutdown().await;
    Ok(())
}
