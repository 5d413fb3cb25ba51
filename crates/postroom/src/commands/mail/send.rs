//! `postroom mail send`, `reply` and `forward`.

use crate::client::ApiClient;
use crate::commands::outbox;
use crate::form::{Outgoing, Text};
use crate::{output, pick};
use clap::Args;

/// How to go on after the message was accepted.
#[derive(Args)]
struct After {
    /// End when it is accepted, without waiting until it has left
    #[arg(long)]
    no_wait: bool,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl After {
    async fn run(
        &self,
        client: &ApiClient,
        path: &[&str],
        message: &Outgoing,
    ) -> anyhow::Result<()> {
        let accepted = client.post_form(path, message.form().await?).await?;
        let id = pick::id(&accepted);
        if !self.no_wait {
            return outbox::finish(client, &id, self.json).await;
        }
        if client.is_local() {
            output::hint("It is safe on disk, and leaves when a server runs on the data folder.");
        }
        if self.json {
            return Ok(output::json(&accepted)?);
        }
        Ok(output::line(id)?)
    }
}

/// `send`
#[derive(Args)]
pub(super) struct Send {
    #[command(flatten)]
    message: Outgoing,
    /// The subject
    #[arg(long, short)]
    subject: Option<String>,
    #[command(flatten)]
    after: After,
}

/// `reply`
#[derive(Args)]
pub(super) struct Reply {
    /// The id of the message to answer
    message: String,
    /// Answer all its recipients
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    outgoing: Outgoing,
    /// Leave the original out below the text
    #[arg(long)]
    no_quote: bool,
    #[command(flatten)]
    after: After,
}

/// `forward`
#[derive(Args)]
pub(super) struct Forward {
    /// The id of the message to hand on
    message: String,
    #[command(flatten)]
    outgoing: Outgoing,
    /// Leave the original out below the text
    #[arg(long)]
    no_quote: bool,
    #[command(flatten)]
    after: After,
}

impl Send {
    pub(super) fn waits(&self) -> bool {
        !self.after.no_wait
    }

    pub(super) async fn run(mut self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        if self.message.to.is_empty() && self.message.cc.is_empty() && self.message.bcc.is_empty() {
            return Err(crate::trouble::usage(
                "nobody was named to send to: give --to, --cc or --bcc",
            ));
        }
        self.message.subject = self.subject;
        let path = ["mailboxes", mailbox, "send"];
        self.after.run(client, &path, &self.message).await
    }
}

impl Reply {
    pub(super) fn waits(&self) -> bool {
        !self.after.no_wait
    }

    pub(super) async fn run(mut self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        if matches!(self.outgoing.text.kind(), Text::None) && self.outgoing.attach.is_empty() {
            return Err(crate::trouble::usage(
                "the answer is empty: give --text, --html, --text-file, --html-file or --attach",
            ));
        }
        self.outgoing.no_quote = self.no_quote;
        let kind = if self.all { "replyAll" } else { "reply" };
        let path = ["mailboxes", mailbox, "messages", &self.message, kind];
        self.after.run(client, &path, &self.outgoing).await
    }
}

impl Forward {
    pub(super) fn waits(&self) -> bool {
        !self.after.no_wait
    }

    pub(super) async fn run(mut self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        if self.outgoing.to.is_empty() {
            return Err(crate::trouble::usage(
                "nobody was named to hand it to: give --to",
            ));
        }
        self.outgoing.no_quote = self.no_quote;
        let path = ["mailboxes", mailbox, "messages", &self.message, "forward"];
        self.after.run(client, &path, &self.outgoing).await
    }
}
