//! The program under test, as built for release.

use crate::measure::{self, Taken};
use crate::tenant::Address;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The binary.
pub(crate) fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let binary = here.parent().context("a folder")?.join("postroom");
    ensure!(
        binary.exists(),
        "{} is missing: cargo build --release -p postroom",
        binary.display()
    );
    Ok(binary)
}

fn command(folder: &Path) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .env("POSTROOM_DATA", folder.join("data"))
        .env("POSTROOM_MASTER_KEY", "5f".repeat(32));
    Ok(command)
}

/// A data folder that is connected to the tenant and serves its mailbox, not mirrored yet.
pub(crate) fn prepare(folder: &Path, address: &Address) -> Result<()> {
    let secret = folder.join("secret");
    std::fs::write(&secret, &address.client_secret)?;
    let mut add = command(folder)?;
    add.args(["connection", "add", "--name", "Bench"])
        .args(["--tenant", &address.tenant_id])
        .args(["--client-id", &address.client_id])
        .arg("--client-secret-file")
        .arg(&secret)
        .args(["--authority-url", &address.root])
        .args(["--graph-url", &address.root]);
    measure::run(&mut add)?;
    let mut add = command(folder)?;
    add.args(["mailbox", "add", "--connection", "Bench", &address.user]);
    measure::run(&mut add)?;
    Ok(())
}

/// The first sync.
pub(crate) fn sync(folder: &Path, address: &Address) -> Result<Taken> {
    let mut sync = command(folder)?;
    sync.args(["mailbox", "sync", &address.user]);
    Ok(measure::run(&mut sync)?.0)
}

/// Where the rows are.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("data/postroom.db")
}

/// From the start of `serve` to its first answer on `/readyz`.
pub(crate) fn ready_after(folder: &Path) -> Result<Duration> {
    let began = Instant::now();
    let mut process = command(folder)?
        .args(["serve", "--listen", "127.0.0.1:18025"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = process.stderr.take().context("its log")?;
    std::thread::spawn(move || BufReader::new(stderr).lines().for_each(drop));
    let ready = loop {
        if answers() {
            break began.elapsed();
        }
        ensure!(
            began.elapsed() < Duration::from_secs(20),
            "serve is not ready"
        );
        std::thread::sleep(Duration::from_millis(2));
    };
    process.kill()?;
    process.wait()?;
    Ok(ready)
}

fn answers() -> bool {
    use std::io::{Read, Write};
    let Ok(mut connection) = std::net::TcpStream::connect("127.0.0.1:18025") else {
        return false;
    };
    let asked =
        connection.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok()
        && connection.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
