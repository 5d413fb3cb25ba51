//! The macro benchmark: how fast a mailbox is mirrored from the sandbox, beside the floors of the
//! same run (fetching the same pages and throwing them away, writing the same rows with nothing
//! else) and beside other clients doing the same; and how fast tokens are handed out.
//!
//! Everything that is measured is a process of its own, so that processor time and memory are its
//! own too. Figures are printed, nowhere else kept.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod copy;
mod fetch;
mod measure;
mod newest;
mod postgres;
mod postroom;
mod report;
mod tenant;
mod tokens;
mod write;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// Messages of the usual run
    #[arg(long, default_value_t = 5_000)]
    messages: usize,
    /// Messages of the large run, which shows whether memory grows
    #[arg(long, default_value_t = 50_000)]
    large: usize,
    /// How often the usual run is repeated; the median counts
    #[arg(long, default_value_t = 3)]
    repeat: usize,
}

/// What the benchmark's own processes do.
#[derive(Subcommand)]
enum Role {
    /// How fast tokens are handed out, and nothing else
    Tokens(tokens::Tokens),
    /// The tenant
    #[command(hide = true)]
    Tenant(tenant::Tenant),
    /// The floor of fetching
    #[command(hide = true)]
    Fetch(fetch::Fetch),
    /// The floor of handing out tokens over HTTP
    #[command(hide = true)]
    Floor(tokens::Floor),
    /// The floor of writing
    #[command(hide = true)]
    Write {
        /// The database whose rows are written
        rows: PathBuf,
        /// Where to
        to: PathBuf,
        /// Transactions
        #[arg(long)]
        transactions: usize,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Tokens(tokens)) => tokens.run().await,
        Some(Role::Tenant(tenant)) => tenant.run().await,
        Some(Role::Fetch(fetch)) => fetch.run().await,
        Some(Role::Floor(floor)) => floor.run().await,
        Some(Role::Write {
            rows,
            to,
            transactions,
        }) => write::run(&rows, &to, transactions),
        None => report::run(arguments.messages, arguments.large, arguments.repeat).await,
    }
}
