//! The tour: what Postroom does, shown on standard error with the same API that everybody calls.

use super::{Play, Stage};
use crate::client::ApiClient;
use crate::commands::mail::save::save_attachment;
use crate::commands::{calls, mailbox, outbox};
use crate::form::{Outgoing, TextFlags};
use crate::table::{Table, cell};
use crate::{output, pick, text, when};
use serde_json::Value;

/// How many rows are enough to see.
const FEW: &str = "5";

/// Gives the tour.
pub(crate) async fn tour(stage: &Stage, client: &ApiClient, play: &Play) -> anyhow::Result<()> {
    accounts(client).await?;
    output::heading("Mailboxes, mirrored");
    mailbox::table(&play.mailboxes).say();
    let Some(first) = play.mailboxes.first() else {
        return Ok(());
    };
    let id = pick::id(first);
    let address = cell(&first["address"]);
    let newest = newest(client, &id, &address).await?;
    if let Some(message) = &newest {
        search(client, &id, message).await?;
    }
    attachment(stage, client, play).await?;
    if let Some(message) = &newest {
        reply(client, &id, message).await?;
    }
    output::heading("Last calls to Microsoft, from the call log");
    let log = client.get(&["calls"], &[("limit", "200")]).await?;
    calls::short(&one_of_each(pick::entries(&log))).say();
    Ok(())
}

/// The newest call of each caller and method: more to see than the mirror's rounds.
fn one_of_each(log: &[Value]) -> Vec<Value> {
    let mut kinds = std::collections::HashSet::new();
    log.iter()
        .filter(|call| kinds.insert((cell(&call["caller"]), cell(&call["method"]))))
        .cloned()
        .collect()
}

async fn accounts(client: &ApiClient) -> anyhow::Result<()> {
    output::heading("Accounts: who Postroom can act as");
    let mut table = Table::new(["ACCOUNT", "KIND", "STATE"]);
    for account in pick::all(client, &["accounts"]).await? {
        table.row([
            pick::account_name(&account),
            cell(&account["kind"]),
            cell(&account["state"]),
        ]);
    }
    table.say();
    Ok(())
}

fn messages(list: &[Value]) -> Table {
    let mut table = Table::new(["RECEIVED", "FROM", "SUBJECT"]);
    for message in list {
        table.row([
            when::local(&cell(&message["receivedDateTime"])),
            text::person(&message["from"]),
            cell(&message["subject"]),
        ]);
    }
    table
}

/// Shows the newest mail, and gives the newest that somebody else sent.
async fn newest(client: &ApiClient, mailbox: &str, address: &str) -> anyhow::Result<Option<Value>> {
    output::heading(format_args!("Newest mail of {address}"));
    let path = ["mailboxes", mailbox, "messages"];
    let query = [("folder", "inbox"), ("limit", "20")];
    let list = client.get(&path, &query).await?;
    let list = pick::entries(&list);
    messages(&list[..list.len().min(5)]).say();
    let sender = |message: &Value| cell(&message["from"]["emailAddress"]["address"]);
    Ok(list
        .iter()
        .find(|message| {
            let from = sender(message);
            !from.is_empty() && !from.eq_ignore_ascii_case(address)
        })
        .cloned())
}

async fn search(client: &ApiClient, mailbox: &str, message: &Value) -> anyhow::Result<()> {
    let from = cell(&message["from"]["emailAddress"]["address"]);
    let until = cell(&message["receivedDateTime"]);
    let since = until
        .parse::<jiff::Timestamp>()?
        .checked_sub(jiff::SignedDuration::from_hours(24 * 90))?
        .to_string();
    output::heading(format_args!(
        "From {from} in the three months until {}",
        when::local(&until)
    ));
    let path = ["mailboxes", mailbox, "messages"];
    let query = [
        ("from", from.as_str()),
        ("receivedAfter", &since),
        ("limit", FEW),
    ];
    let found = client.get(&path, &query).await?;
    messages(pick::entries(&found)).say();
    Ok(())
}

/// Saves an attachment of whichever mailbox has one.
async fn attachment(stage: &Stage, client: &ApiClient, play: &Play) -> anyhow::Result<()> {
    for mailbox in &play.mailboxes {
        let id = pick::id(mailbox);
        let path = ["mailboxes", &id, "messages"];
        let query = [("hasAttachments", "true"), ("limit", "1")];
        let list = client.get(&path, &query).await?;
        let Some(message) = pick::entries(&list).first() else {
            continue;
        };
        let message_id = pick::id(message);
        let path = ["mailboxes", &id, "messages", &message_id];
        let all = client
            .get(&[path.as_slice(), &["attachments"]].concat(), &[])
            .await?;
        let file = pick::entries(&all)
            .iter()
            .find(|one| cell(&one["kind"]) != "reference");
        if let Some(file) = file {
            output::heading(format_args!(
                "An attachment of {}, saved",
                output::tame(&cell(&message["subject"]))
            ));
            let (saved, size) = save_attachment(client, &path, file, &stage.attic()?).await?;
            output::say(format_args!("{} ({size} bytes)", saved.display()));
            return Ok(());
        }
    }
    Ok(())
}

async fn reply(client: &ApiClient, mailbox: &str, message: &Value) -> anyhow::Result<()> {
    output::heading(format_args!(
        "A reply in HTML with two attachments, to {}",
        output::tame(&text::person(&message["from"]))
    ));
    let outgoing = Outgoing {
        text: TextFlags {
            html: Some(
                "<p>Thank you! Here are the <b>figures</b> and our notes.</p><p>Sent by the demo \
                 of Postroom.</p>"
                    .to_owned(),
            ),
            ..TextFlags::default()
        },
        made: vec![
            (
                "figures.csv".to_owned(),
                "text/csv".to_owned(),
                b"month,orders\n2026-09,41\n2026-10,57\n".to_vec(),
            ),
            (
                "notes.txt".to_owned(),
                "text/plain".to_owned(),
                b"Call them on Monday.\n".to_vec(),
            ),
        ],
        ..Outgoing::default()
    };
    let path = [
        "mailboxes",
        mailbox,
        "messages",
        &pick::id(message),
        "reply",
    ];
    let accepted = client.post_form(&path, outgoing.form().await?).await?;
    let item = outbox::outcome(client, &pick::id(&accepted)).await?;
    output::say(format_args!(
        "Outbox: {}{} after {} attempt(s), as {}",
        cell(&item["status"]),
        match cell(&item["reason"]) {
            reason if reason.is_empty() => reason,
            reason => format!(" ({})", output::tame(&reason)),
        },
        cell(&item["attempts"]),
        cell(&item["internetMessageId"]),
    ));
    mailbox::level(client, &[mailbox.to_owned()]).await?;
    let path = ["mailboxes", mailbox, "messages"];
    let query = [("folder", "sentitems"), ("limit", "1")];
    let sent = client.get(&path, &query).await?;
    if let Some(sent) = pick::entries(&sent).first() {
        output::say(format_args!(
            "Sent Items: {} to {}{}",
            output::tame(&cell(&sent["subject"])),
            output::tame(&text::people(&sent["toRecipients"])),
            if sent["hasAttachments"] == true {
                ", with attachments"
            } else {
                ""
            }
        ));
    }
    Ok(())
}
