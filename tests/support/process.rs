//! The real program, as a process that can be killed.

use crate::ground::Ground;
use anyhow::{Context, Result, ensure};
use postroom_sandbox::Running;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The master key of every data folder of these tests, as hexadecimal digits.
pub const MASTER_KEY: &str = "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f";

/// The program with its data.
pub struct Program {
    place: Place,
    binary: PathBuf,
    master_key: String,
}

enum Place {
    Folder(PathBuf),
    Database(String),
}

impl Program {
    /// With this data folder.
    pub fn new(folder: &Path) -> Result<Self> {
        Self::with(Place::Folder(folder.to_owned()))
    }

    /// With the store of this ground.
    pub fn on(ground: &Ground) -> Result<Self> {
        Self::with(match ground.database_url() {
            Some(url) => Place::Database(url),
            None => Place::Folder(ground.folder()),
        })
    }

    fn with(place: Place) -> Result<Self> {
        let here = std::env::current_exe()?;
        let binary = here
            .parent()
            .and_then(Path::parent)
            .context("the build's folder")?
            .join("postroom");
        ensure!(
            binary.exists(),
            "{} is missing: cargo build -p postroom",
            binary.display()
        );
        Ok(Self {
            place,
            binary,
            master_key: MASTER_KEY.to_owned(),
        })
    }

    /// With another master key from now on.
    pub fn set_master_key(&mut self, key: &str) {
        key.clone_into(&mut self.master_key);
    }

    /// A command with its data folder and key.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_remove("POSTROOM_DATA")
            .env_remove("POSTROOM_DATABASE_URL")
            .env("POSTROOM_MASTER_KEY", &self.master_key)
            .env_remove("POSTROOM_SERVER")
            .env_remove("POSTROOM_KEY")
            .stdin(Stdio::null());
        match &self.place {
            Place::Folder(folder) => command.env("POSTROOM_DATA", folder),
            Place::Database(url) => command.env("POSTROOM_DATABASE_URL", url),
        };
        command
    }

    /// Runs a command to its end; it has to succeed. Gives its standard output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output()?;
        ensure!(
            output.status.success(),
            "postroom {}: {}\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Adds a connection to a sandbox.
    pub fn connect(&self, sandbox: &Running) -> Result<()> {
        let secret = tempfile::NamedTempFile::new()?;
        std::fs::write(secret.path(), &sandbox.client_secret)?;
        self.run(&[
            "connection",
            "add",
            "--name",
            "Sandbox",
            "--tenant",
            &sandbox.tenant_id,
            "--client-id",
            &sandbox.client_id,
            "--client-secret-file",
            &secret.path().to_string_lossy(),
            "--authority-url",
            &sandbox.authority_url,
            "--graph-url",
            &sandbox.graph_url,
        ])?;
        Ok(())
    }

    /// Starts the server on a free port.
    pub fn serve(&self) -> Result<Server> {
        self.serve_as(&Serving::default())
    }

    /// Starts the server as told, on a free port.
    pub fn serve_as(&self, serving: &Serving<'_>) -> Result<Server> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let host = if serving.everywhere {
            "0.0.0.0"
        } else {
            "127.0.0.1"
        };
        let listen = format!("{host}:{port}");
        let mut arguments = vec!["serve", "--listen", &listen];
        arguments.extend(serving.arguments);
        let mut command = self.command(&arguments);
        if let Some(blocks) = serving.largest_file {
            let mut limited = Command::new("sh");
            limited
                .args(["-c", "ulimit -f \"$1\"; shift; exec \"$@\"", "sh"])
                .arg(blocks.to_string())
                .arg(command.get_program())
                .args(command.get_args())
                .stdin(Stdio::null());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => limited.env(name, value),
                    None => limited.env_remove(name),
                };
            }
            command = limited;
        }
        let log = match serving.log {
            Some(path) => File::create(path)?.into(),
            None => Stdio::null(),
        };
        let process = command.stdout(Stdio::null()).stderr(log).spawn()?;
        let scheme = if serving.https { "https" } else { "http" };
        Ok(Server {
            process,
            url: format!("{scheme}://127.0.0.1:{port}"),
        })
    }
}

/// How a server is started, where not as usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serving<'a> {
    /// Further arguments.
    pub arguments: &'a [&'a str],
    /// Whether the arguments make it serve HTTPS.
    pub https: bool,
    /// On every address in place of loopback.
    pub everywhere: bool,
    /// The file that its log goes to.
    pub log: Option<&'a Path>,
    /// `ulimit -f`: no file grows beyond so many blocks of 512 bytes.
    pub largest_file: Option<u32>,
}

/// A running server.
pub struct Server {
    process: Child,
    /// Its address.
    pub url: String,
}

impl Server {
    /// Returns when it answers.
    pub async fn ready(&self) -> Result<()> {
        for _ in 0..600 {
            if let Ok(answer) = reqwest::get(format!("{}/readyz", self.url)).await
                && answer.status().is_success()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the server is not ready")
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// SIGTERM; gives whether it ended well.
    pub fn terminate(mut self) -> Result<bool> {
        Command::new("kill")
            .arg(self.process.id().to_string())
            .status()?;
        Ok(self.process.wait()?.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
