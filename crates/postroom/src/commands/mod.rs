//! A file for each noun of the command line.

pub(crate) mod account;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod calls;
pub(crate) mod connection;
pub(crate) mod credential;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod mail;
pub(crate) mod mailbox;
pub(crate) mod outbox;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod vault;

use crate::cli::{Cli, Command};
use crate::client::ApiClient;
use crate::logging;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    if !matches!(cli.command, Command::Serve(_)) {
        logging::start_quiet();
    }
    match cli.command {
        Command::Demo(command) => command.run().await,
        Command::Serve(command) => command.run().await,
        Command::Sandbox(command) => command.run().await,
        Command::Connection(command) => command.run().await,
        Command::Login(command) => command.run().await,
        Command::Account(command) => command.run().await,
        Command::Mailbox(command) => command.run().await,
        Command::Mail(command) => command.run().await,
        Command::People(command) => command.run().await,
        Command::Key(command) => command.run().await,
        Command::Person(command) => command.run().await,
        Command::Outbox(command) => command.run().await,
        Command::Store(command) => command.run().await,
        Command::Vault(command) => command.run().await,
        Command::Alerts(command) => command.run().await,
        Command::Calls(command) => command.run().await,
        Command::Audit(command) => command.run().await,
        Command::Doctor(command) => command.run().await,
    }
}

/// Works with a client and lets go of it, however the work ended.
async fn with<T>(
    client: ApiClient,
    work: impl AsyncFnOnce(&ApiClient) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let done = work(&client).await;
    client.close().await;
    done
}
