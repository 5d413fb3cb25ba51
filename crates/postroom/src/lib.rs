//! The command line of Postroom: a file of `commands` for each noun, all of them clients of the
//! HTTP API (`client`), whether a server runs elsewhere or the engine is opened in process.

mod cli;
mod client;
mod commands;
mod demo;
mod doctor;
mod environment;
mod folder;
mod form;
mod logging;
mod master_key;
mod output;
mod pick;
pub mod place;
mod platform;
mod progress;
pub mod settings;
mod stack;
mod table;
mod text;
mod trouble;
mod when;

use clap::Parser;
use std::process::ExitCode;

/// Reads the command line, does what it says, and gives the exit status: 0 done, 1 failed,
/// 2 wrong usage.
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return trouble::report(&anyhow::Error::new(error)),
    };
    let done = runtime.block_on(async {
        platform::survive_file_size_limit()?;
        commands::run(cli).await
    });
    // Threads that still wait for a browser or a slow disk do not keep the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => trouble::report(&error),
    }
}
