//! `postroom mail move` and `delete`.

use crate::client::ApiClient;
use crate::output;
use clap::Args;
use serde_json::json;

/// `move`
#[derive(Args)]
pub(super) struct Move {
    /// The message's id
    message: String,
    /// The folder: a well-known name (inbox, archive, deleteditems …) or an id
    folder: String,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

/// `delete`
#[derive(Args)]
pub(super) struct Delete {
    /// The message's id
    message: String,
}

impl Move {
    pub(super) async fn run(self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        let path = ["mailboxes", mailbox, "messages", &self.message];
        let moved = client.patch(&path, &json!({"folder": self.folder})).await?;
        if self.json {
            return Ok(output::json(&moved)?);
        }
        output::say(format_args!("Moved to {}.", self.folder));
        Ok(())
    }
}

impl Delete {
    pub(super) async fn run(self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        client
            .delete(&["mailboxes", mailbox, "messages", &self.message])
            .await?;
        output::say("Deleted.");
        Ok(())
    }
}
