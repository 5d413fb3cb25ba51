//! What happens between Send and Inbox: who may send, who gets it, what comes back.

use std::sync::Arc;

use bytes::Bytes;

use super::item::{Address, Item, MessageBody};
use super::mailbox::Mailbox;
use super::stamp::Seconds;
use super::{Mail, html};
use crate::call::{Caller, GraphError};

/// Recipients that one message may have. Source: Microsoft's page of the message resource.
const MOST_RECIPIENTS: usize = 500;

/// A message that left.
#[derive(Clone, Debug)]
pub struct SentMail {
    /// The mailbox it was sent through.
    pub mailbox: String,
    /// The sender's address.
    pub from: String,
    /// Everyone it went to: To, Cc, Bcc.
    pub recipients: Vec<String>,
    /// Those of them outside of the tenant.
    pub external: Vec<String>,
    /// The subject.
    pub subject: String,
    /// `internetMessageId`.
    pub internet_message_id: String,
    /// When, in seconds since 1970.
    pub at: i64,
    pub(crate) item: Arc<Item>,
}

impl SentMail {
    /// The message as MIME.
    pub fn mime(&self) -> Bytes {
        super::mime_out::mime(&self.item)
    }
}

/// A right to send for another mailbox.
#[derive(Clone, Debug)]
pub(crate) struct SendRight {
    /// Who has it: a user id.
    pub(crate) user: String,
    /// For which address.
    pub(crate) address: String,
    /// Send on Behalf instead of Send As: `sender` shows who it was.
    pub(crate) on_behalf: bool,
}

/// Checks a message and makes it what recipients see: sender, times, no draft.
pub(crate) fn prepare(
    mail: &Mail,
    mailbox: &Mailbox,
    caller: &Caller,
    item: &mut Item,
    now: Seconds,
) -> Result<(), GraphError> {
    let count = item.recipients().count();
    if count == 0 {
        return Err(invalid_recipients("At least one recipient is not valid."));
    }
    if count > MOST_RECIPIENTS {
        // The service's code is not documented.
        return Err(GraphError::new(
            400,
            "ErrorExceededMaxRecipientLimit",
            format!("The message has {count} recipients; at most {MOST_RECIPIENTS} are allowed."),
        ));
    }
    if let Some(bad) = item.recipients().find(|one| !is_address(&one.address)) {
        return Err(invalid_recipients(format!(
            "At least one recipient is not valid. Recipient '{}' is not resolved. All recipients must be resolved before a message can be submitted.",
            bad.address
        )));
    }
    if item.size() > mail.options.largest_message {
        return Err(GraphError::new(
            413,
            "ErrorMessageSizeExceeded",
            "The message exceeds the maximum supported size.",
        ));
    }
    let owner = Address::new(&mailbox.owner.display_name, &mailbox.owner.mail);
    if item.from.is_none() {
        // MIME without From is completed.
        item.mime = None;
    }
    let from = item.from.clone().unwrap_or_else(|| owner.clone());
    let acting = caller
        .user_id
        .clone()
        .unwrap_or_else(|| mailbox.owner.id.clone());
    let is_acting_own = mail.people.by_id(&acting).is_some_and(|person| {
        person.mail.eq_ignore_ascii_case(&from.address)
            || person
                .user_principal_name
                .eq_ignore_ascii_case(&from.address)
    });
    // An application acts as the mailbox itself.
    let is_own = is_acting_own || (caller.user_id.is_none() && mailbox.is_own(&from.address));
    if is_own {
        let name = if mailbox.is_own(&from.address) {
            owner.name.clone()
        } else {
            from.name.clone()
        };
        item.sender = Some(Address::new(&name, &from.address));
        item.from = item.sender.clone();
    } else {
        let right = mail
            .send_right(&acting, &from.address)
            .ok_or_else(send_as_denied)?;
        item.from = Some(from.clone());
        item.sender = Some(if right.on_behalf {
            mail.people.by_id(&acting).map_or(owner, |person| {
                Address::new(&person.display_name, &person.mail)
            })
        } else {
            from
        });
    }
    item.sent = now;
    item.received = now;
    item.modified = now;
    item.is_draft = false;
    item.is_read = true;
    Ok(())
}

/// Delivers to the tenant's mailboxes. The sender's mailbox must not be locked.
pub(crate) fn deliver(mail: &Mail, mailbox: &str, item: &Arc<Item>, now: Seconds) {
    let mut copy = (**item).clone();
    copy.bcc.clear();
    copy.mime = None;
    copy.properties.clear();
    copy.categories.clear();
    copy.flag = super::item::Flag::default();
    copy.is_read = false;
    copy.created = now;
    let mut seen: Vec<String> = Vec::new();
    let mut external = Vec::new();
    let mut unknown = Vec::new();
    let mut reached: Vec<String> = Vec::new();
    for recipient in item.recipients() {
        let address = recipient.address.to_ascii_lowercase();
        if seen.contains(&address) {
            continue;
        }
        match mail.people.by_address(&address) {
            Some(person) if person.has_mailbox => {
                if !reached.contains(&person.id) {
                    reached.push(person.id);
                }
            }
            Some(_) => unknown.push(recipient.clone()),
            None if mail.is_own_domain(&address) => unknown.push(recipient.clone()),
            None => external.push(recipient.address.clone()),
        }
        seen.push(address);
    }
    for person in reached {
        mail.put(&person, "inbox", copy.clone());
    }
    for recipient in &unknown {
        let bounce = bounce(item, recipient, now);
        mail.put(mailbox, "inbox", bounce);
    }
    mail.note_sent(SentMail {
        mailbox: mailbox.to_owned(),
        from: item
            .from
            .as_ref()
            .map(|from| from.address.clone())
            .unwrap_or_default(),
        recipients: item
            .recipients()
            .map(|recipient| recipient.address.clone())
            .collect(),
        external,
        subject: item.subject.clone(),
        internet_message_id: item.internet_message_id.clone(),
        at: now,
        item: Arc::clone(item),
    });
}

/// A non-delivery report as Exchange Online writes it.
fn bounce(original: &Item, recipient: &Address, now: Seconds) -> Item {
    let domain = recipient.address.rsplit('@').next().unwrap_or("invalid");
    let sender = Address::new("Microsoft Outlook", format!("postmaster@{domain}"));
    let mut text = String::from("<p><b>Your message couldn't be delivered to ");
    html::escape(&mut text, &recipient.address);
    text.push_str("</b></p>\r\n<p>The address wasn't found in the directory.</p>\r\n<p>550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ");
    html::escape(&mut text, &recipient.address);
    text.push_str(" not found by SMTP address lookup</p>");
    let id = super::ids::hash64(
        format!("{}{}{now}", original.internet_message_id, recipient.address).as_bytes(),
    );
    let mut item = Item {
        subject: format!("Undeliverable: {}", original.subject),
        from: Some(sender.clone()),
        sender: Some(sender),
        to: original.from.iter().cloned().collect(),
        created: now,
        modified: now,
        received: now,
        sent: now,
        conversation: original.conversation.clone(),
        conversation_index: super::reply::next_index(&original.conversation_index, now),
        internet_message_id: format!("<{id:016x}@{domain}>"),
        in_reply_to: Some(super::mime_out::bare(&original.internet_message_id).to_owned()),
        references: super::reply::references(original),
        headers: vec![
            ("Auto-Submitted".to_owned(), "auto-replied".to_owned()),
            ("X-MS-Exchange-Message-Is-Ndr".to_owned(), String::new()),
        ],
        ..Item::default()
    };
    item.set_body(MessageBody::new(true, html::document(&text)));
    item
}

/// Whether a text can be a mail address.
fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    !local.is_empty()
        && !domain.is_empty()
        && address.len() <= 320
        && !address
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'))
}

fn invalid_recipients(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "ErrorInvalidRecipients", message)
}

fn send_as_denied() -> GraphError {
    GraphError::new(
        403,
        "ErrorSendAsDenied",
        "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.",
    )
}
