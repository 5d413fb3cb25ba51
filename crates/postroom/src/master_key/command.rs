//! The master key as another program's output: a password manager's, a key service's.

use crate::trouble::usage;
use anyhow::Context;
use postroom_store::MasterKey;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long it may take: long enough for a person to unlock a password manager.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any way of writing a key takes.
const MOST_BYTES: u64 = 4096;

/// Runs a command and reads the key from its standard output. No shell is involved: words are
/// split at white space, and quotes and backslashes are read as in POSIX sh, nothing else is.
pub(super) async fn read(command: &str) -> anyhow::Result<MasterKey> {
    read_within(command, PATIENCE).await
}

async fn read_within(command: &str, patience: Duration) -> anyhow::Result<MasterKey> {
    let words = shlex::split(command)
        .ok_or_else(|| usage("the setting master_key_command has a quote that is not closed"))?;
    let [program, arguments @ ..] = words.as_slice() else {
        return Err(usage(
            "the setting master_key_command is empty: give a program with its arguments, or leave \
             it out",
        ));
    };
    // The arguments are not shown: there may be a secret among them.
    let what = || format!("the master_key_command {program}");
    let output = tokio::time::timeout(patience, run(program, arguments))
        .await
        .map_err(|_| anyhow::anyhow!("it has not ended after {} seconds", patience.as_secs()))
        .and_then(|ended| ended)
        .with_context(what)?;
    let text = std::str::from_utf8(&output)
        .map_err(|_| anyhow::anyhow!("its output is no text"))
        .with_context(what)?;
    MasterKey::parse(text)
        .context("its output is no master key")
        .with_context(what)
}

/// What it says on standard error goes to ours as it comes: it may ask for something.
async fn run(program: &str, arguments: &[String]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .context("it cannot be run: give the path of a program that this user may run")?;
    // Large enough to stay where it is: what is moved leaves a copy behind.
    let mut output = Zeroizing::new(Vec::with_capacity(2 * MOST_BYTES as usize));
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(MOST_BYTES + 1)
            .read_to_end(&mut output)
            .await
            .context("its output cannot be read")?;
    }
    anyhow::ensure!(
        output.len() as u64 <= MOST_BYTES,
        "its output is longer than {MOST_BYTES} bytes: it has to print the key and nothing else"
    );
    let status = child.wait().await.context("it was lost sight of")?;
    anyhow::ensure!(
        status.success(),
        "it failed ({status}); what it said is above"
    );
    Ok(output)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn refusal(command: &str) -> String {
        let read = read_within(command, Duration::from_secs(20)).await;
        format!("{:#}", read.unwrap_err())
    }

    #[tokio::test]
    async fn the_output_is_the_key() {
        let hex = "ab".repeat(32);
        let key = read(&format!("printf '%s\\n' \"{hex}\"")).await.unwrap();
        assert!(key.is_same_as(&MasterKey::from_bytes([0xab; 32])));
        // No shell reads it.
        let refused = refusal(&format!("echo {hex} | cat")).await;
        assert!(refused.contains("no master key"), "{refused}");
    }

    #[tokio::test]
    async fn what_fails_says_why_and_shows_nothing() {
        let hex = "ab".repeat(32);
        for (command, says) in [
            ("  ".to_owned(), "is empty"),
            ("echo 'abc".to_owned(), "not closed"),
            ("/nowhere/at-all".to_owned(), "cannot be run"),
            (format!("sh -c 'echo {hex}; exit 3'"), "exit status: 3"),
            (format!("sh -c 'echo {hex}; kill -9 $$'"), "SIGKILL"),
            ("sh -c 'yes'".to_owned(), "longer than"),
            ("true".to_owned(), "32 bytes"),
            (format!("echo {hex}{hex}"), "32 bytes"),
        ] {
            let refused = refusal(&command).await;
            assert!(refused.contains(says), "{command}: {refused}");
            assert!(!refused.contains(&hex), "{refused}");
        }
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended() {
        let read = read_within("sleep 600", Duration::from_millis(50)).await;
        assert!(format!("{:#}", read.unwrap_err()).contains("has not ended"));
    }
}
