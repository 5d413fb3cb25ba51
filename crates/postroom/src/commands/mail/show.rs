//! `postroom mail show`.

use crate::client::ApiClient;
use crate::table::cell;
use crate::{output, text, when};
use clap::Args;
use serde_json::Value;

/// The width of a body that was HTML.
const WIDTH: usize = 100;

/// `show`
#[derive(Args)]
pub(super) struct Show {
    /// The message's id
    message: String,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        let path = ["mailboxes", mailbox, "messages", &self.message];
        let message = client.get(&path, &[]).await?;
        if self.json {
            return Ok(output::json(&message)?);
        }
        for (name, value) in headers(&message) {
            if !value.is_empty() {
                output::line(format_args!("{name}: {}", output::tame(&value)))?;
            }
        }
        let body = text::body(&message["body"], WIDTH);
        Ok(output::line(format_args!(
            "\n{}",
            output::tame_lines(body.trim_end())
        ))?)
    }
}

fn headers(message: &Value) -> [(&'static str, String); 8] {
    [
        ("Date", when::show(&message["receivedDateTime"])),
        ("From", text::person(&message["from"])),
        ("To", text::people(&message["toRecipients"])),
        ("Cc", text::people(&message["ccRecipients"])),
        ("Bcc", text::people(&message["bccRecipients"])),
        ("Reply-To", text::people(&message["replyTo"])),
        ("Subject", cell(&message["subject"])),
        ("Attachments", attachments(&message["attachments"])),
    ]
}

fn attachments(list: &Value) -> String {
    let shown = list.as_array().into_iter().flatten().map(|attachment| {
        let size = attachment["size"].as_u64().unwrap_or(0);
        format!("{} ({})", cell(&attachment["name"]), when::bytes(size))
    });
    shown.collect::<Vec<_>>().join(", ")
}
