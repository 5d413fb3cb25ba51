//! The outbox: a message that was accepted leaves once.
//!
//! `accept` makes it safe on disk, `worker` takes what is due, `leave` brings one item through
//! its steps: draft, attach, send. Each step is written *before* the call whose answer may be lost,
//! so that after a crash or a doubtful answer it is known what may have happened; `look` then
//! finds out what did.

mod accept;
mod draft;
mod leave;
mod look;
mod quote;
mod worker;

pub use accept::AnswerOf;
pub(crate) use worker::{Outbox, run};

use crate::access::{Action, Caller, Target};
use crate::{Code, Engine, Problem, Result};
use bytes::Bytes;
use postroom_model::outbox::{
    Importance, OutboxItem, OutboxKind, OutboxStatus, OutboxStep, OutgoingBody,
};
use postroom_model::resource::attachment::BlobRef;
use postroom_model::resource::recipient::Recipient;
use postroom_model::{MessageId, OutboxId};
use postroom_store::contract::blobs::BlobWriter;
use postroom_store::contract::outbox::OutboxQuery;
use std::time::Duration;

/// What a caller wants sent.
#[derive(Clone, Debug)]
pub struct NewOutgoing {
    /// Send, reply, reply to all or forward.
    pub kind: OutboxKind,
    /// What a reply or forward answers.
    pub original: Option<MessageId>,
    /// See Microsoft's `message`.
    pub subject: Option<String>,
    /// The text.
    pub body: Option<OutgoingBody>,
    /// Another sender.
    pub from: Option<Recipient>,
    /// Recipients.
    pub to_recipients: Vec<Recipient>,
    /// Copies.
    pub cc_recipients: Vec<Recipient>,
    /// Blind copies.
    pub bcc_recipients: Vec<Recipient>,
    /// Where answers go.
    pub reply_to: Vec<Recipient>,
    /// How urgent.
    pub importance: Option<Importance>,
    /// Files.
    pub attachments: Vec<NewAttachment>,
    /// Whether a reply or forward has the original below its text; yes unless told otherwise.
    pub quote: Option<bool>,
}

/// A file to be sent.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// The file's name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Whether the text shows it.
    pub is_inline: bool,
    /// What `cid:` names it by.
    pub content_id: Option<String>,
    /// Its bytes.
    pub content: NewContent,
}

/// A file's bytes.
#[derive(Clone, Debug)]
pub enum NewContent {
    /// At hand.
    Bytes(Bytes),
    /// Written into the store already ([`Engine::upload`]).
    Stored(BlobRef),
}

impl Engine {
    /// Takes in a file piece by piece, for an attachment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn upload(&self) -> Result<Box<dyn BlobWriter>> {
        Ok(self.store().write_blob().await?)
    }

    /// A list of what the caller may see, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn outbox(&self, caller: &Caller, mut query: OutboxQuery) -> Result<Vec<OutboxItem>> {
        if let Some(own) = caller.mailboxes() {
            query.mailboxes = Some(match query.mailboxes {
                Some(asked) => asked.into_iter().filter(|id| own.contains(id)).collect(),
                None => own.to_vec(),
            });
        }
        Ok(self.store().list_outbox(&query).await?)
    }

    /// One, after its status is final or `wait` passed.
    ///
    /// # Errors
    /// `notFound`, also for an item of a mailbox that the caller does not reach.
    pub async fn outbox_item(
        &self,
        caller: &Caller,
        id: &OutboxId,
        wait: Duration,
    ) -> Result<OutboxItem> {
        let timeout = self.clock().sleep(wait);
        tokio::pin!(timeout);
        // Subscribed before the first look, so that no change is missed in between.
        let mut changes = self.store().watch_changes();
        loop {
            let item = self
                .store()
                .outbox_item(id)
                .await?
                .ok_or_else(|| Problem::not_found("outbox item", id.as_str()))?;
            let target = Target::Item {
                what: "outbox item",
                id: id.as_str(),
                mailbox: Some(&item.mailbox),
            };
            self.authorize(caller, Action::GetOutboxItem, target)
                .await?;
            if item.status.is_final() || wait.is_zero() {
                return Ok(item);
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return Ok(item) },
                () = &mut timeout => return Ok(item),
                () = self.stopping() => return Ok(item),
            }
        }
    }

    /// Tries a failed, cancelled or uncertain one again. It is looked for at Microsoft first; an
    /// uncertain one that is not found may all the same leave twice, which is why only a person
    /// may say so.
    ///
    /// # Errors
    /// `notFound`; `conflict` for one that is on its way or has left.
    pub async fn retry_outbox(&self, caller: &Caller, id: &OutboxId) -> Result<OutboxItem> {
        let was = self.outbox_item(caller, id, Duration::ZERO).await?;
        if !matches!(
            was.status,
            OutboxStatus::Failed | OutboxStatus::Cancelled | OutboxStatus::Uncertain
        ) {
            return Err(not_now(&was, "tried again"));
        }
        let step = match was.step {
            OutboxStep::New => OutboxStep::New,
            _ => OutboxStep::Drafting,
        };
        let now = OutboxItem {
            status: OutboxStatus::Queued,
            step,
            attempts: 0,
            reason: None,
            due_at: self.now(),
            doubtful_since: None,
            ..was.clone()
        };
        self.replace(&was, now, "tried again").await
    }

    /// Takes back one that has not left.
    ///
    /// # Errors
    /// `notFound`; `conflict` when it is being sent or has left.
    pub async fn cancel_outbox(&self, caller: &Caller, id: &OutboxId) -> Result<OutboxItem> {
        let was = self.outbox_item(caller, id, Duration::ZERO).await?;
        if was.status.is_final() || was.step == OutboxStep::Sending {
            return Err(not_now(&was, "cancelled"));
        }
        let now = OutboxItem {
            status: OutboxStatus::Cancelled,
            reason: Some(format!("Cancelled by {}.", caller.name())),
            ..was.clone()
        };
        self.replace(&was, now, "cancelled").await
    }

    async fn replace(&self, was: &OutboxItem, now: OutboxItem, what: &str) -> Result<OutboxItem> {
        if self.store().save_outbox(was, &now, self.now()).await? {
            self.shared.outbox.wake();
            Ok(now)
        } else {
            Err(not_now(was, what))
        }
    }
}

fn not_now(item: &OutboxItem, what: &str) -> Problem {
    Problem::new(
        Code::Conflict,
        format!(
            "The message {} is {} and cannot be {what} now.",
            item.id,
            item.status.name()
        ),
    )
}
