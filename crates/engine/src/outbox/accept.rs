//! Accepting a message: looked through, then safe on disk.

use super::{NewAttachment, NewContent, NewOutgoing};
use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::OutboxId;
use postroom_model::mailbox::Mailbox;
use postroom_model::outbox::{
    OutboxItem, OutboxKind, OutboxStatus, OutboxStep, OutgoingAttachment, OutgoingMessage,
};
use postroom_model::resource::recipient::Recipient;
use postroom_store::contract::idempotency::IdempotencyClaim;

/// Microsoft takes attachments below 3 MB in one call; larger ones need an upload session (Graph,
/// *Attach large files to Outlook messages*).
const LARGEST_ATTACHMENT: u64 = 3 * 1024 * 1024 - 1;
/// A call's body has at most 4 MB: what is left for the text beside everything else.
const LONGEST_BODY: usize = 3 * 1024 * 1024;
/// A mailbox's usual limit (Graph, *message resource type*).
const MOST_RECIPIENTS: usize = 500;
/// The usual limit of a whole message is 35 MB as it travels, a third more than its files.
const LARGEST_MESSAGE: u64 = 25 * 1024 * 1024;
/// Exchange's own limit.
const LONGEST_SUBJECT: usize = 255;

/// Makes the answer that is kept with an `Idempotency-Key`.
pub type AnswerOf = fn(&OutboxItem) -> (u16, String);

impl Engine {
    /// Accepts a message. When this returns, it is safe on disk. With `claim`, `answer` makes the
    /// answer (status and body) that is kept for the same `Idempotency-Key` in the same commit.
    ///
    /// # Errors
    /// `invalidRequest` without recipients (a new message or a forward), with an address that is
    /// none, without a message to answer; `tooLarge` for attachments that cannot be sent yet.
    pub async fn accept(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        new: NewOutgoing,
        claim: Option<(IdempotencyClaim, AnswerOf)>,
    ) -> Result<OutboxItem> {
        look_through(&new)?;
        if let Some(original) = &new.original {
            self.stored_message(mailbox, original).await?;
        }
        let now = self.now();
        let mut attachments = Vec::with_capacity(new.attachments.len());
        for attachment in new.attachments {
            attachments.push(self.keep(attachment).await?);
        }
        let whole: u64 = attachments.iter().map(|attachment| attachment.size).sum();
        if whole > LARGEST_MESSAGE {
            return Err(too_large(format!(
                "The attachments have {whole} bytes together; a message takes at most \
                 {LARGEST_MESSAGE}. Send several messages, or a link."
            )));
        }
        let item = OutboxItem {
            id: OutboxId::new(self.shared.dice.timed_guid(now).to_string()),
            mailbox: mailbox.id.clone(),
            key: caller.owner(),
            kind: new.kind,
            original: new.original,
            message: OutgoingMessage {
                subject: new.subject,
                body: new.body,
                from: new.from,
                to_recipients: new.to_recipients,
                cc_recipients: new.cc_recipients,
                bcc_recipients: new.bcc_recipients,
                reply_to: new.reply_to,
                importance: new.importance,
                attachments,
                quote: new.quote,
            },
            status: OutboxStatus::Queued,
            step: OutboxStep::New,
            message_id: None,
            internet_message_id: None,
            conversation_id: None,
            reason: None,
            attempts: 0,
            created_at: now,
            due_at: now,
            sent_at: None,
            doubtful_since: None,
        };
        let claim = claim.map(|(claim, answer)| {
            let (status, body) = answer(&item);
            IdempotencyClaim {
                status,
                body,
                ..claim
            }
        });
        self.store().accept_outbox(&item, claim.as_ref()).await?;
        self.shared.outbox.wake();
        Ok(item)
    }

    async fn keep(&self, new: NewAttachment) -> Result<OutgoingAttachment> {
        let blob = match new.content {
            NewContent::Bytes(bytes) => {
                check_size(&new.name, bytes.len() as u64)?;
                self.store().put_blob(bytes, self.now()).await?
            }
            NewContent::Stored(blob) => {
                check_size(&new.name, blob.size)?;
                blob
            }
        };
        Ok(OutgoingAttachment {
            name: new.name,
            content_type: new.content_type,
            is_inline: new.is_inline,
            content_id: new.content_id,
            blob: blob.hash,
            size: blob.size,
        })
    }
}

fn check_size(name: &str, size: u64) -> Result<()> {
    if size > LARGEST_ATTACHMENT {
        return Err(too_large(format!(
            "The attachment {name:?} has {size} bytes. This version sends attachments below 3 MB; \
             larger ones need an upload session, which comes with a later version. Send a link, \
             or a smaller file."
        )));
    }
    Ok(())
}

fn too_large(detail: String) -> Problem {
    Problem::new(Code::TooLarge, detail)
}

fn look_through(new: &NewOutgoing) -> Result<()> {
    let everyone = [&new.to_recipients, &new.cc_recipients, &new.bcc_recipients];
    let count: usize = everyone.iter().map(|list| list.len()).sum();
    let needs = matches!(new.kind, OutboxKind::Send | OutboxKind::Forward);
    if needs && count == 0 {
        return Err(Problem::invalid(
            "Nobody to send to: give toRecipients (or to), ccRecipients or bccRecipients.",
        ));
    }
    if count > MOST_RECIPIENTS {
        return Err(Problem::invalid(format!(
            "The message has {count} recipients; Microsoft takes at most {MOST_RECIPIENTS}."
        )));
    }
    for recipient in everyone
        .into_iter()
        .flatten()
        .chain(&new.reply_to)
        .chain(&new.from)
    {
        check_address(recipient)?;
    }
    if (new.kind == OutboxKind::Send) == new.original.is_some() {
        return Err(Problem::invalid(
            "A reply or forward needs the message that it answers, a new message has none.",
        ));
    }
    if let Some(subject) = &new.subject
        && (subject.chars().count() > LONGEST_SUBJECT || subject.contains(['\r', '\n']))
    {
        return Err(Problem::invalid(format!(
            "A subject has at most {LONGEST_SUBJECT} characters and no line breaks."
        )));
    }
    if let Some(body) = &new.body
        && body.content.len() > LONGEST_BODY
    {
        return Err(too_large(format!(
            "The text has {} bytes; Microsoft takes about {LONGEST_BODY}. Put pictures into inline \
             attachments instead of the text.",
            body.content.len()
        )));
    }
    for attachment in &new.attachments {
        if attachment.name.trim().is_empty() || attachment.name.contains(['\r', '\n', '\0']) {
            return Err(Problem::invalid(
                "Every attachment needs a name without line breaks.",
            ));
        }
    }
    Ok(())
}

/// Refuses what is plainly no address. Whether it exists, Microsoft finds out.
fn check_address(recipient: &Recipient) -> Result<()> {
    let address = recipient.address();
    let unfit = |c: char| c.is_control() || c.is_whitespace() || "<>(),;:\"[]\\".contains(c);
    let good = address.len() <= 320
        && address
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !address.contains(unfit);
    let name = recipient.email_address.name.as_deref().unwrap_or_default();
    if good && !name.contains(['\r', '\n', '\0']) {
        Ok(())
    } else {
        Err(Problem::invalid(format!(
            "{address:?} is not an e-mail address."
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_before_microsoft_sees_it() {
        for bad in ["", "ann", "@x", "a@", "a b@x", "a@x\r\nBcc: e@x", "<a@x>"] {
            assert!(check_address(&Recipient::of(bad)).is_err(), "{bad:?}");
        }
        for good in [
            "ann@example.com",
            "o'neil+tag@example.co.uk",
            "jürgen@müller.example",
        ] {
            assert!(check_address(&Recipient::of(good)).is_ok(), "{good:?}");
        }
    }
}
