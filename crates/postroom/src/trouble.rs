//! What is said when a command fails, and the exit status that goes with it.

use crate::output;
use std::fmt;
use std::process::ExitCode;

/// The command was used wrongly: exit status 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// It failed and everything was said already: exit status 1.
#[derive(Debug)]
pub(crate) struct Said;

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Said {}

/// An error of wrong usage.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

/// Tells a failure on standard error and gives the exit status.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let pipe_closed = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if pipe_closed {
        // `postroom … | head` is no failure.
        return ExitCode::SUCCESS;
    }
    if error.is::<Said>() {
        return ExitCode::from(1);
    }
    output::error(error);
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}
