//! The real curl, as FileMaker's *Insert from URL* and administrators use it.

use anyhow::{Context, Result};
use serde_json::Value;
use std::process::{Command, Stdio};

/// How a call of curl ended.
#[derive(Debug)]
pub struct Curled {
    /// curl's own exit code; 28 is a timeout.
    pub exit: i32,
    /// What it wrote: the answer's body.
    pub body: Vec<u8>,
    /// What it said of itself.
    pub said: String,
}

impl Curled {
    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Runs `curl --silent --show-error` with these arguments.
pub async fn curl(arguments: &[&str]) -> Result<Curled> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error"])
        .args(arguments)
        .stdin(Stdio::null());
    // The server may run in this process: nothing here may hold up its threads.
    let output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("curl is missing: please install it")?;
    Ok(Curled {
        exit: output.status.code().context("curl was killed")?,
        body: output.stdout,
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
