//! A throw-away PostgreSQL cluster for tests: made in a temporary folder, listening on a free port
//! of this machine and on a unix socket, gone when it is dropped.
//!
//! ```no_run
//! let cluster = postroom_cluster::Cluster::shared();
//! let database = cluster.create_database();
//! println!("{}", database.url());
//! ```

mod commands;
mod database;
mod programs;
mod shared;

pub use commands::{psql, psql_lines};
pub use database::Database;
pub use programs::MISSING;
pub use shared::Admin;

use commands::{as_owner, run};
use programs::Programs;
use std::io::{Error, Result};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The superuser's name.
const USER: &str = "postgres";

/// How PostgreSQL is stopped (`pg_ctl stop`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are broken off, what is committed is written out.
    Fast,
    /// Broken off at once, as by a power cut: it recovers when it starts.
    Immediate,
}

/// A running cluster. Dropped, it is stopped and removed.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    programs: Programs,
    port: u16,
    password: String,
    databases: AtomicU32,
}

impl Cluster {
    /// Makes one and starts it. Fails with [`MISSING`]'s words where PostgreSQL is not installed.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// As [`Cluster::start`], with more lines for `postgresql.conf`.
    pub fn start_with(settings: &str) -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("postroom-pg-").tempdir()?;
        // It has to be entered by the user that PostgreSQL runs as.
        commands::give_to_owner(folder.path())?;
        let password = password(folder.path());
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, &password)?;
        commands::give_to_owner(&password_file)?;
        let data = folder.path().join("data");
        let mut initdb = as_owner(&programs.path("initdb"));
        initdb
            .args(["--username", USER, "--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data);
        run(&mut initdb)?;
        let mut cluster = Self {
            folder,
            programs,
            port: 0,
            password,
            databases: AtomicU32::new(0),
        };
        cluster.configure(settings)?;
        // Between being found free and being taken, somebody else may take a port.
        for attempt in 1.. {
            cluster.port = free_port()?;
            match cluster.resume() {
                Ok(()) => break,
                Err(error) if attempt == 10 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(cluster)
    }

    /// What a test works on: the cluster named by `POSTROOM_TEST_DATABASE_URL` if that is set,
    /// else one of this process's own, removed when it ends.
    ///
    /// # Panics
    ///
    /// Where PostgreSQL is not installed, in one line that says what to type.
    pub fn shared() -> &'static Admin {
        shared::admin()
    }

    fn configure(&self, settings: &str) -> Result<()> {
        self.add_settings(&format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             max_connections = 200\nshared_buffers = 32MB\nmax_wal_size = 256MB\n\
             logging_collector = off\nlog_min_messages = fatal\nautovacuum_naptime = 5s\n{settings}",
            self.folder.path().display()
        ))
    }

    /// Adds lines to `postgresql.conf`, for the next start.
    pub fn add_settings(&self, settings: &str) -> Result<()> {
        let file = self.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, format!("{text}\n{settings}\n"))
    }

    /// Writes a file into the data folder, as its owner's own: a certificate, a key.
    pub fn write_file(&self, name: &str, content: &[u8]) -> Result<()> {
        let file = self.data().join(name);
        std::fs::write(&file, content)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        }
        commands::give_to_owner(&file)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its folder: the unix socket is here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of one of its databases, as the superuser.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// The same by the unix socket.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!(
            "postgres://{USER}:{}@{folder}:{}/{database}",
            self.password, self.port
        )
    }

    /// The address of `postgres`, from which databases are made.
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// An empty database.
    pub fn create_database(&self) -> Result<Database> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(&self.admin_url(), &format!("test_{number}"))
    }

    /// Stops it. Its data stay.
    pub fn stop(&self, how: Stop) -> Result<()> {
        let how = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        run(self.pg_ctl().args(["stop", "--mode", how, "-w"]))
    }

    /// Starts it again where it listened before.
    pub fn resume(&self) -> Result<()> {
        let options = format!("-p {}", self.port);
        let log = self.folder.path().join("log");
        let mut start = self.pg_ctl();
        start
            .args(["start", "-w", "--timeout", "60", "--options", &options])
            .arg("--log")
            .arg(&log);
        run(&mut start).map_err(|error| {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            Error::other(format!("{error}\n{log}"))
        })
    }

    /// Stops and starts it.
    pub fn restart(&self, how: Stop) -> Result<()> {
        self.stop(how)?;
        self.resume()
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) -> Result<()> {
        self.stop(Stop::Immediate)
    }

    fn pg_ctl(&self) -> std::process::Command {
        let mut command = as_owner(&self.programs.path("pg_ctl"));
        command.arg("--pgdata").arg(self.data());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be stopped already.
        let _ = self.stop(Stop::Immediate);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A password that nobody else on this machine can guess: the folder's name is random.
fn password(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    format!("p{}{}", name.replace('-', ""), std::process::id())
}
