//! The program under test, as built for release.

use crate::measure::{self, Taken};
use crate::tenant::Address;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
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

/// Where an installation is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Its PostgreSQL database; `None`: SQLite in the folder.
    pub(crate) database: Option<String>,
}

impl Place {
    /// SQLite in a new folder.
    pub(crate) fn folder(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir(&folder)?;
        Ok(Self {
            folder,
            database: None,
        })
    }

    /// The program, on this place.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .env_remove("POSTROOM_DATA")
            .env_remove("POSTROOM_DATABASE_URL")
            .env("POSTROOM_MASTER_KEY", "5f".repeat(32));
        match &self.database {
            Some(url) => command.env("POSTROOM_DATABASE_URL", url),
            None => command.env("POSTROOM_DATA", self.folder.join("data")),
        };
        Ok(command)
    }
}

/// A place that is connected to the tenant and serves its mailbox, not mirrored yet.
pub(crate) fn prepare(place: &Place, address: &Address) -> Result<()> {
    let secret = place.folder.join("secret");
    std::fs::write(&secret, &address.client_secret)?;
    let mut add = place.command()?;
    add.args(["connection", "add", "--name", "Bench"])
        .args(["--tenant", &address.tenant_id])
        .args(["--client-id", &address.client_id])
        .arg("--client-secret-file")
        .arg(&secret)
        .args(["--authority-url", &address.root])
        .args(["--graph-url", &address.root]);
    measure::run(&mut add)?;
    let mut add = place.command()?;
    add.args(["mailbox", "add", "--connection", "Bench", &address.user]);
    measure::run(&mut add)?;
    Ok(())
}

/// The first sync.
pub(crate) fn sync(place: &Place, address: &Address) -> Result<Taken> {
    let mut sync = place.command()?;
    sync.args(["mailbox", "sync", &address.user]);
    Ok(measure::run(&mut sync)?.0)
}

/// Where the rows are.
pub(crate) fn database(place: &Place) -> PathBuf {
    place.folder.join("data/postroom.db")
}

/// From the start of `serve` to its first answer on `/readyz`.
pub(crate) fn ready_after(place: &Place) -> Result<Duration> {
    Ok(Server::start(place)?.ready_after)
}

/// A server that takes less than this of a second has nothing to do.
const IDLE: Duration = Duration::from_millis(50);

/// A running server; ended when dropped.
pub(crate) struct Server {
    process: Child,
    /// From its start to its first answer on `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Where it answers.
    pub(crate) const URL: &str = "http://127.0.0.1:18025";
    /// The same, as host and port.
    pub(crate) const HOST: &str = "127.0.0.1:18025";

    /// Starts one and waits until it is ready.
    pub(crate) fn start(place: &Place) -> Result<Self> {
        let began = Instant::now();
        let mut process = place
            .command()?
            .args(["serve", "--listen", Self::HOST])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = process.stderr.take().context("its log")?;
        std::thread::spawn(move || BufReader::new(stderr).lines().for_each(drop));
        let mut server = Self {
            process,
            ready_after: Duration::ZERO,
        };
        while !answers() {
            ensure!(
                began.elapsed() < Duration::from_secs(20),
                "serve is not ready"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        server.ready_after = began.elapsed();
        Ok(server)
    }
}

impl Server {
    /// Returns when it has done what follows a start: the directory and the application object of
    /// each connection are read, which with ten thousand connections takes a while.
    pub(crate) fn settle(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let before = measure::processor(self.process.id()).context("the server")?;
            std::thread::sleep(Duration::from_secs(1));
            let after = measure::processor(self.process.id()).context("the server")?;
            if after - before < IDLE {
                return Ok(());
            }
            ensure!(
                began.elapsed() < Duration::from_secs(300),
                "the server does not come to rest"
            );
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn answers() -> bool {
    use std::io::{Read, Write};
    let Ok(mut connection) = std::net::TcpStream::connect(Server::HOST) else {
        return false;
    };
    let asked =
        connection.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok()
        && connection.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
