//! `postroom-cluster -- COMMAND...`: runs a command with a throw-away PostgreSQL cluster, whose
//! admin address is in `POSTROOM_TEST_DATABASE_URL`, and ends with the command's status.

use postroom_cluster::Cluster;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).peekable();
    words.next_if(|word| word == "--");
    let Some(program) = words.next() else {
        return tell("usage: postroom-cluster -- COMMAND...");
    };
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) => return tell(&error.to_string()),
    };
    let status = Command::new(program)
        .args(words)
        .env("POSTROOM_TEST_DATABASE_URL", cluster.admin_url())
        .status();
    drop(cluster);
    match status {
        Ok(status) => ExitCode::from(status.code().and_then(|it| it.try_into().ok()).unwrap_or(1)),
        Err(error) => tell(&format!("the command cannot be run: {error}")),
    }
}

#[expect(clippy::print_stderr, reason = "it is a program for the command line")]
fn tell(words: &str) -> ExitCode {
    eprintln!("{words}");
    ExitCode::from(2)
}
