//! The command line, declared once.

use crate::commands;
use clap::{Parser, Subcommand};

/// Microsoft 365 for software that speaks HTTP
///
/// Postroom signs in to Microsoft 365, keeps a local copy of mailboxes, sends mail once and shows
/// it, and brings a sandbox tenant along: try `postroom demo`.
#[derive(Parser)]
#[command(
    name = "postroom",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Results go to standard output, everything else to standard error. Exit status: \
                  0 done, 1 failed, 2 wrong usage."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The nouns.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Everything at once, without a Microsoft account: a sandbox tenant, a server, a tour
    Demo(commands::demo::Demo),
    /// The server: HTTP API, mirror, outbox
    Serve(Box<commands::serve::Serve>),
    /// The sandbox tenant alone, for whoever develops against Microsoft Graph
    Sandbox(commands::sandbox::SandboxCommand),
    /// App registrations in tenants
    Connection(commands::connection::ConnectionCommand),
    /// Sign a user in, in a browser or with a code
    Login(commands::login::Login),
    /// Identities that Postroom can act as
    Account(commands::account::AccountCommand),
    /// Which mailboxes are served and mirrored
    Mailbox(commands::mailbox::MailboxCommand),
    /// Mail: read, search, save, send, change
    Mail(Box<commands::mail::MailCommand>),
    /// The tenant's directory
    People(commands::people::People),
    /// Keys for callers of the HTTP API
    Key(commands::key::KeyCommand),
    /// People who sign in to Postroom itself
    Person(commands::person::PersonCommand),
    /// What waits to leave
    Outbox(commands::outbox::OutboxCommand),
    /// The store itself: move it, check it
    Store(commands::store::StoreCommand),
    /// Secrets at rest: see how they are kept, change keys, go on without a lost one
    Vault(commands::vault::VaultCommand),
    /// What is about to end, and what ended
    Alerts(commands::alerts::AlertsCommand),
    /// Any call to Microsoft Graph, through Postroom's tokens, limits and log
    Graph(commands::graph::Graph),
    /// The log of calls to Microsoft
    Calls(commands::calls::Calls),
    /// What was changed, and by whom
    Audit(commands::audit::Audit),
    /// Check everything that can be wrong, and say what to do about it
    Doctor(commands::doctor::Doctor),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }
}
