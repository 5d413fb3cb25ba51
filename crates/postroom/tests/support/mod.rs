//! Runs the real program, away from whatever settings this machine has.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with its home in `home` and nothing of ours in the environment.
pub(crate) fn postroom(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("TMPDIR", std::env::temp_dir())
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(home: &Path, args: &[&str]) -> Output {
    postroom(home, args).output().expect("the program runs")
}

/// What was written to standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What was written to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A home for one test.
pub(crate) fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}
