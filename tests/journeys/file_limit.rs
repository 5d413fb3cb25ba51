//! A limit on file size (`ulimit -f`, systemd's `LimitFSIZE`), with the real program: what cannot be
//! written is told, the rest goes on, and nothing is lost.

use anyhow::{Context, Result};
use postroom_sandbox::{Options, Sandbox};
use postroom_store::Store;
use postroom_store::contract::mailboxes::Mailboxes;
use postroom_store::seal::MasterKey;
use postroom_store::sqlite::{SqliteOptions, SqliteStore};
use postroom_tests::Api;
use postroom_tests::compare::ensure_equal;
use postroom_tests::process::{MASTER_KEY, Program, Serving};
use serde_json::{Value, json};

/// 4 MiB: room to begin with, not enough for the mailbox.
const BLOCKS: u32 = 8192;

/// The mirror of a mailbox does not fit: the round ends and says why, readers are served what is
/// there, and after a start without the limit the mirror becomes equal to the tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_file_size_is_told_and_loses_nothing() -> Result<()> {
    let mut options = Options {
        messages: 3_000,
        ..Options::default()
    };
    options.mail.mailboxes_for_bulk = 1;
    let sandbox = Sandbox::start(options).await?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let program = Program::new(&data)?;
    program.connect(&sandbox)?;
    let address = sandbox.users[0].user_principal_name.clone();
    program.run(&["mailbox", "add", "--connection", "Sandbox", &address])?;
    let key = program
        .run(&["key", "create", "--name", "tests", "--scope", "admin"])?
        .trim()
        .to_owned();

    let server = program.serve_as(&Serving {
        largest_file: Some(BLOCKS),
        log: Some(&log),
        ..Serving::default()
    })?;
    server.ready().await?;
    let api = Api::new(&server.url, &key);
    let sync = format!("/mailboxes/{address}/sync?wait=60");
    let said = api
        .answer(api.request(reqwest::Method::POST, &sync).json(&json!({})))
        .await?;
    assert_ne!(said.body["sync"]["state"], "upToDate", "{said:?}");
    assert!(names_the_limit(&said.body), "{said:?}");

    // The rest answers: health, what is there, what the mailbox's state is.
    let healthy = reqwest::get(format!("{}/healthz", server.url)).await?;
    assert_eq!(healthy.status(), 200);
    let list = api
        .get(&format!("/mailboxes/{address}/messages?limit=5"))
        .await?;
    assert_eq!(list["value"].as_array().context("a list")?.len(), 5);
    let mailbox = api.get(&format!("/mailboxes/{address}")).await?;
    assert_eq!(mailbox["sync"]["state"], "failed", "{mailbox}");
    assert!(names_the_limit(&mailbox), "{mailbox}");
    assert!(server.terminate()?, "SIGTERM ends it well");
    let log = std::fs::read_to_string(&log)?;
    assert!(log.contains("limit on file size"), "{log}");
    assert!(!log.contains("panicked"), "{log}");

    let server = program.serve()?;
    server.ready().await?;
    let api = Api::new(&server.url, &key);
    let level = api.post(&sync, &json!({})).await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    assert!(server.terminate()?);
    let store = SqliteStore::open(SqliteOptions::new(&data, MasterKey::parse(MASTER_KEY)?)).await?;
    let mailboxes = store.mailboxes().await?;
    assert_eq!(mailboxes.len(), 1);
    ensure_equal(&store as &dyn Store, &mailboxes[0], &sandbox).await?;
    store.close().await?;
    sandbox.shutdown().await;
    Ok(())
}

fn names_the_limit(body: &Value) -> bool {
    body.to_string().contains("limit on file size")
}
