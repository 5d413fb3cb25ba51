//! `postroom mail`: mail from the shell.

mod change;
mod list;
pub(crate) mod save;
mod send;
mod show;

use super::with;
use crate::client::Target;
use crate::pick;
use clap::{Args, Subcommand};

/// Mail: read, search, save, send, change.
#[derive(Args)]
pub(crate) struct MailCommand {
    #[command(flatten)]
    target: Target,
    /// The mailbox, by address or id; the only one unless given
    #[arg(
        long,
        short,
        global = true,
        value_name = "ADDRESS",
        env = "POSTROOM_MAILBOX"
    )]
    mailbox: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List messages, newest first
    List(list::List),
    /// Show a message: its headers and its text
    Show(show::Show),
    /// Search messages, newest first
    Search(list::Search),
    /// Save attachments, or the whole message, as new files
    Save(save::Save),
    /// Send a message, and wait until it has left
    Send(send::Send),
    /// Answer a message, and wait until it has left
    Reply(send::Reply),
    /// Hand a message on, and wait until it has left
    Forward(send::Forward),
    /// Move a message to another folder
    Move(change::Move),
    /// Delete a message: into Deleted Items, from there for good
    Delete(change::Delete),
}

impl MailCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let waits = match &self.verb {
            Verb::Send(send) => send.waits(),
            Verb::Reply(reply) => reply.waits(),
            Verb::Forward(forward) => forward.waits(),
            _ => false,
        };
        let client = if waits {
            self.target.open_running().await?
        } else {
            self.target.open().await?
        };
        with(client, async |client| {
            let mailbox = pick::mailbox_id(client, self.mailbox.as_deref()).await?;
            match self.verb {
                Verb::List(list) => list.run(client, &mailbox).await,
                Verb::Show(show) => show.run(client, &mailbox).await,
                Verb::Search(search) => search.run(client, &mailbox).await,
                Verb::Save(save) => save.run(client, &mailbox).await,
                Verb::Send(send) => send.run(client, &mailbox).await,
                Verb::Reply(reply) => reply.run(client, &mailbox).await,
                Verb::Forward(forward) => forward.run(client, &mailbox).await,
                Verb::Move(moved) => moved.run(client, &mailbox).await,
                Verb::Delete(delete) => delete.run(client, &mailbox).await,
            }
        })
        .await
    }
}
