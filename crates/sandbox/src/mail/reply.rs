//! Replies and forwards: whom they go to, their subject, the quoted original.

use super::html;
use super::ids::hash64;
use super::item::{Address, Item, MessageBody};
use super::mailbox::Mailbox;
use super::mime_out::bare;
use super::stamp::{self, Seconds};

/// What is made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To the sender.
    Reply,
    /// To everyone.
    ReplyAll,
    /// To others.
    Forward,
}

/// A new message that answers or forwards `original`.
pub(crate) fn make(mailbox: &Mailbox, original: &Item, kind: Kind, now: Seconds) -> Item {
    let mut item = Item {
        subject: subject(&original.subject, kind),
        created: now,
        modified: now,
        received: now,
        sent: now,
        is_read: true,
        is_draft: true,
        importance: original.importance,
        conversation: original.conversation.clone(),
        conversation_index: next_index(&original.conversation_index, now),
        in_reply_to: Some(bare(&original.internet_message_id).to_owned()),
        references: references(original),
        ..Item::default()
    };
    if kind != Kind::Forward {
        // replyTo is honoured. Source: Microsoft's page "message: reply".
        item.to = if original.reply_to.is_empty() {
            original.from.iter().cloned().collect()
        } else {
            original.reply_to.clone()
        };
        if original
            .from
            .as_ref()
            .is_some_and(|from| mailbox.is_own(&from.address))
        {
            item.to = original.to.clone();
        }
    }
    if kind == Kind::ReplyAll {
        let known = |list: &[Address], address: &Address| {
            list.iter()
                .any(|one| one.address.eq_ignore_ascii_case(&address.address))
        };
        for address in &original.to {
            if !mailbox.is_own(&address.address) && !known(&item.to, address) {
                item.to.push(address.clone());
            }
        }
        for address in &original.cc {
            if !mailbox.is_own(&address.address)
                && !known(&item.to, address)
                && !known(&item.cc, address)
            {
                item.cc.push(address.clone());
            }
        }
    }
    for attachment in &original.attachments {
        if attachment.inline || kind == Kind::Forward {
            item.attach(attachment.clone());
        }
    }
    item.set_body(MessageBody::new(true, quote(original, "")));
    item
}

/// Puts a comment above the quoted original.
pub(crate) fn with_comment(item: &mut Item, original: &Item, comment: &str) {
    let mut escaped = String::with_capacity(comment.len() + 16);
    html::escape(&mut escaped, comment);
    item.set_body(MessageBody::new(true, quote(original, &escaped)));
}

/// The original below a line, as Outlook quotes it.
fn quote(original: &Item, comment: &str) -> String {
    let mut body = String::with_capacity(original.body.content.len() + 1_024);
    body.push_str("<div>");
    body.push_str(comment);
    body.push_str("</div>\r\n<hr style=\"display:inline-block; width:98%\" tabindex=\"-1\">\r\n");
    body.push_str("<div id=\"divRplyFwdMsg\" dir=\"ltr\"><font face=\"Calibri, sans-serif\" color=\"#000000\" style=\"font-size:11pt\">");
    let mut line = |name: &str, value: &str| {
        body.push_str("<b>");
        body.push_str(name);
        body.push_str(":</b> ");
        html::escape(&mut body, value);
        body.push_str("<br>\r\n");
    };
    if let Some(from) = &original.from {
        line("From", &shown(from));
    }
    line("Sent", &stamp::text(original.sent));
    for (name, list) in [("To", &original.to), ("Cc", &original.cc)] {
        if !list.is_empty() {
            let all: Vec<String> = list.iter().map(shown).collect();
            line(name, &all.join("; "));
        }
    }
    line("Subject", &original.subject);
    body.push_str("</font><div>&nbsp;</div></div>\r\n");
    if original.body.html {
        body.push_str(html::inner(original.body.safe_html()));
    } else {
        body.push_str("<div class=\"PlainText\">");
        html::escape(&mut body, &original.body.content);
        body.push_str("</div>");
    }
    html::document(&body)
}

fn shown(address: &Address) -> String {
    if address.name.is_empty() {
        address.address.clone()
    } else {
        format!("{} <{}>", address.name, address.address)
    }
}

fn subject(original: &str, kind: Kind) -> String {
    let prefix = if kind == Kind::Forward {
        "FW: "
    } else {
        "RE: "
    };
    format!("{prefix}{}", bare_subject(original))
}

/// The subject without one leading RE:, AW:, FW:, WG: or their like.
pub(crate) fn bare_subject(subject: &str) -> &str {
    let mut rest = subject.trim();
    while let Some((word, after)) = rest.split_once(':') {
        let known = ["re", "aw", "fw", "fwd", "wg", "tr", "rif", "sv"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word.trim()));
        if !known {
            break;
        }
        rest = after.trim();
    }
    rest
}

/// The references of an answer (RFC 5322, 3.6.4).
pub(crate) fn references(original: &Item) -> Vec<String> {
    let mut references = original.references.clone();
    if references.is_empty() {
        references.extend(original.in_reply_to.clone());
    }
    references.push(bare(&original.internet_message_id).to_owned());
    references
}

/// A child's conversation index: five more bytes. Source: MS-OXOMSG, PidTagConversationIndex.
pub(crate) fn next_index(parent: &[u8], now: Seconds) -> Vec<u8> {
    let mut index = parent.to_vec();
    if index.len() < 22 {
        index = super::bulk::conversation_index(hash64(parent), now);
    }
    if index.len() < 1_000 {
        let time = u32::try_from(now & 0x7fff_ffff).unwrap_or(0);
        index.extend_from_slice(&time.to_be_bytes());
        index.push((hash64(&index) & 0xff) as u8);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_do_not_pile_up() {
        assert_eq!(subject("AW: RE: Offer", Kind::Reply), "RE: Offer");
        assert_eq!(subject("Time: 10:00", Kind::Forward), "FW: Time: 10:00");
    }
}
