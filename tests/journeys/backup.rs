//! The commands of `docs/backup.md`, run as they stand there: what was saved beside a running server
//! is restored, and the mirror goes on from it.

use anyhow::{Context, Result, ensure};
use postroom_sandbox::{Options, Sandbox};
use postroom_store::MasterKey;
use postroom_tests::compare::ensure_equal;
use postroom_tests::process::{MASTER_KEY, Program};
use postroom_tests::{Ground, Tenant};
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../../docs/backup.md");

/// The commands in a section of the page, a text for each block.
fn commands(section: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut block: Option<String> = None;
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            inside = heading == section;
        }
        let bare = line.trim_start();
        match &mut block {
            Some(text) if bare.starts_with("```") => {
                found.push(std::mem::take(text));
                block = None;
            }
            Some(text) => {
                text.push_str(bare);
                text.push('\n');
            }
            None if inside && bare.starts_with("```sh") => block = Some(String::new()),
            None => {}
        }
    }
    found
}

/// Where the page's places are in this test.
struct Places<'a> {
    data: &'a Path,
    backup: &'a Path,
    database: Option<url::Url>,
}

impl Places<'_> {
    fn run(&self, commands: &str) -> Result<()> {
        let name = self.database.as_ref().map(|url| url.path()[1..].to_owned());
        let mut script = String::from("set -e\n");
        for line in commands.lines() {
            // There is no such user here.
            if line.starts_with("chown ") {
                continue;
            }
            let mut line = line
                .replace("/var/lib/postroom", &self.data.to_string_lossy())
                .replace("/backup/postroom", &self.backup.to_string_lossy());
            if let Some(name) = &name {
                line = line.replace("--dbname=postroom", &format!("--dbname={name}"));
                if let Some(start) = line.strip_suffix(" postroom")
                    && (line.starts_with("pg_dump") || line.starts_with("createdb"))
                {
                    line = format!("{start} {name}");
                }
            }
            script.push_str(&line);
            script.push('\n');
        }
        let mut command = Command::new("sh");
        command.arg("-c").arg(&script);
        if let Some(url) = &self.database {
            command
                .env("PGHOST", url.host_str().context("a host")?)
                .env("PGPORT", url.port().context("a port")?.to_string())
                .env("PGUSER", url.username())
                .env("PGPASSWORD", url.password().unwrap_or_default());
        }
        let output = command.output()?;
        ensure!(
            output.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_and_the_mirror_goes_on() -> Result<()> {
    let mut options = Options {
        messages: 400,
        ..Options::default()
    };
    options.mail.mailboxes_for_bulk = 1;
    let sandbox = Sandbox::start(options).await?;
    let ground = Ground::new()?;
    let program = Program::on(&ground)?;
    program.connect(&sandbox)?;
    let user = &sandbox.users[0];
    let address = user.user_principal_name.clone();
    program.run(&["mailbox", "add", "--connection", "Sandbox", &address])?;
    program.run(&["mailbox", "sync", &address])?;

    let backup = tempfile::tempdir()?;
    let data = ground.folder();
    let database = ground.database_url().map(|url| url.parse()).transpose()?;
    let section = if database.is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let places = Places {
        data: &data,
        backup: backup.path(),
        database,
    };
    let server = program.serve()?;
    server.ready().await?;
    places.run(&commands(section)[0])?;
    server.kill()?;

    // What comes after the backup is not in it, and is not lost: Microsoft has it.
    let tenant = Tenant::of(&sandbox).await?;
    let listed: serde_json::Value =
        serde_json::from_str(&program.run(&["mailbox", "list", "--json"])?)?;
    let id = listed["value"][0]["id"]
        .as_str()
        .context("the mailbox")?
        .to_owned();
    tenant.change(&[&id], 60, 11).await?;
    program.run(&["mailbox", "sync", &address])?;
    tenant.change(&[&id], 60, 12).await?;

    ground.clear()?;
    places.run(&commands(section)[1])?;
    let after = commands("After a restore");
    places.run(&after[usize::from(section == "PostgreSQL")])?;
    program.run(&["store", "check"])?;
    program.run(&["mailbox", "sync", &address])?;

    let store = ground.open(MasterKey::parse(MASTER_KEY)?, None).await?;
    let mailboxes = store.mailboxes().await?;
    assert_eq!(mailboxes.len(), 1);
    ensure_equal(store.as_ref(), &mailboxes[0], &sandbox).await?;
    store.close().await?;
    sandbox.shutdown().await;
    Ok(())
}
