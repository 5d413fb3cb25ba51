//! `postroom mail list` and `search`.

use crate::client::ApiClient;
use crate::table::{Table, cell};
use crate::{output, pick, text, when};
use clap::Args;
use postroom_model::Timestamp;
use serde_json::Value;

/// Which messages.
#[derive(Args)]
pub(super) struct Filter {
    /// In this folder: a well-known name (inbox, sentitems, drafts …) or an id
    #[arg(long, short)]
    folder: Option<String>,
    /// From this address, or part of it
    #[arg(long)]
    from: Option<String>,
    /// With this in the subject
    #[arg(long)]
    subject: Option<String>,
    /// Received at this time or later
    #[arg(long, value_name = "DATE", value_parser = when::parse)]
    received_after: Option<Timestamp>,
    /// Received before this time
    #[arg(long, value_name = "DATE", value_parser = when::parse)]
    received_before: Option<Timestamp>,
    /// Only unread messages
    #[arg(long)]
    unread: bool,
    /// Only read messages
    #[arg(long, conflicts_with = "unread")]
    read: bool,
    /// Only messages with attachments
    #[arg(long)]
    has_attachments: bool,
    /// Only messages of this conversation
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// Properties in the JSON, separated by commas, `body` among them; all but the body unless
    /// given
    #[arg(long, requires = "json")]
    fields: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Goes on where a list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

/// `list`
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
}

/// `search`
#[derive(Args)]
pub(super) struct Search {
    /// Words that have to be there: in subject, text, names, addresses
    #[arg(required = true)]
    words: Vec<String>,
    #[command(flatten)]
    filter: Filter,
}

impl List {
    pub(super) async fn run(self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        self.filter.run(client, mailbox, "").await
    }
}

impl Search {
    pub(super) async fn run(self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        let words = self.words.join(" ");
        self.filter.run(client, mailbox, &words).await
    }
}

impl Filter {
    async fn run(&self, client: &ApiClient, mailbox: &str, search: &str) -> anyhow::Result<()> {
        let given = |value: &Option<String>| value.clone().unwrap_or_default();
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let is_read = match (self.read, self.unread) {
            (true, _) => "true",
            (_, true) => "false",
            _ => "",
        };
        let query = [
            ("search", search),
            ("folder", &given(&self.folder)),
            ("from", &given(&self.from)),
            ("subject", &given(&self.subject)),
            ("receivedAfter", &time(self.received_after)),
            ("receivedBefore", &time(self.received_before)),
            ("isRead", is_read),
            (
                "hasAttachments",
                if self.has_attachments { "true" } else { "" },
            ),
            ("conversationId", &given(&self.conversation)),
            ("fields", &given(&self.fields)),
            ("limit", &self.limit.to_string()),
            ("cursor", &given(&self.cursor)),
        ];
        let answer = client
            .get(&["mailboxes", mailbox, "messages"], &query)
            .await?;
        if self.json {
            return Ok(output::json(&answer)?);
        }
        print(pick::entries(&answer))?;
        output::more(&answer);
        Ok(())
    }
}

fn marks(message: &Value) -> String {
    let mut marks = Vec::new();
    if message["isRead"] == false {
        marks.push("unread");
    }
    if message["hasAttachments"] == true {
        marks.push("attachments");
    }
    marks.join(", ")
}

/// Tab-separated lines for programs. For people two lines each: Microsoft's ids are too long for a
/// column, and have to be whole to be copied.
fn print(messages: &[Value]) -> std::io::Result<()> {
    if !output::is_terminal() {
        let mut table = Table::new(["ID", "RECEIVED", "FROM", "SUBJECT", ""]);
        for message in messages {
            table.row([
                pick::id(message),
                when::show(&message["receivedDateTime"]),
                text::person(&message["from"]),
                cell(&message["subject"]),
                marks(message),
            ]);
        }
        return table.print();
    }
    if messages.is_empty() {
        output::say("(none)");
    }
    for message in messages {
        let marks = match marks(message) {
            marks if marks.is_empty() => marks,
            marks => format!("   ({marks})"),
        };
        let shown = format!(
            "{}   {}   {}{marks}",
            when::show(&message["receivedDateTime"]),
            text::person(&message["from"]),
            cell(&message["subject"]),
        );
        output::line(output::tame(&shown))?;
        output::faint_line(format_args!("    {}", output::tame(&pick::id(message))))?;
    }
    Ok(())
}
