//! Running PostgreSQL's programs. It refuses to run as root: then they run as `postgres`.

use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// The user that PostgreSQL's packages make.
const OWNER: &str = "postgres";

/// Whether this process is root.
fn is_root() -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}

/// A command as the user that PostgreSQL may run as.
pub(crate) fn as_owner(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", OWNER, "--regid", OWNER, "--init-groups", "--"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    // Its messages are compared nowhere, but read by people; and the folder we are in may not be
    // readable to it.
    command
        .env("LC_ALL", "C")
        .env_remove("PGDATA")
        .env_remove("PGPORT")
        .current_dir("/");
    command
}

/// Gives a file or folder to that user.
pub(crate) fn give_to_owner(path: &Path) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    run(Command::new("chown").arg(OWNER).arg(path))
}

/// Runs a command; what it said is in the error when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    // A file and no pipe: a server that is left running would hold a pipe open.
    let said = tempfile::tempfile()?;
    let status = command
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said.try_clone()?)
        .status()?;
    if status.success() {
        return Ok(());
    }
    let mut said = said;
    let mut text = String::new();
    std::io::Seek::rewind(&mut said)?;
    std::io::Read::read_to_string(&mut said, &mut text)?;
    Err(Error::other(format!(
        "{:?}: {status}\n{text}",
        command.get_program()
    )))
}

/// Runs SQL with `psql` and gives what it printed, unaligned and without headings.
pub fn psql(url: &str, sql: &str) -> Result<String> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args([
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            url,
            "--command",
            sql,
        ])
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

/// As [`psql`], line by line.
pub fn psql_lines(url: &str, sql: &str) -> Result<Vec<String>> {
    Ok(psql(url, sql)?.lines().map(str::to_owned).collect())
}
