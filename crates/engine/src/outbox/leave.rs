//! One item on its way out, step by step.

use super::draft::{attachment, properties};
use super::look::{Found, Ours, discard, look};
use crate::{Engine, Problem};
use futures::TryStreamExt;
use postroom_microsoft::graph::attachments;
use postroom_microsoft::graph::messages::{ReplyKind, create, create_reply, send, update};
use postroom_microsoft::{Again, DoorError, Identity};
use postroom_model::MessageId;
use postroom_model::clock::later;
use postroom_model::outbox::{
    OutboxItem, OutboxKind, OutboxStatus, OutboxStep, OutgoingAttachment, OutgoingBody,
};
use postroom_store::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Files up to this together go along with a new draft in one call, whose body Microsoft limits to
/// 4 MB; base64 makes a third more of them.
const ALONG: u64 = 2 * 1024 * 1024;
/// The first pause after a failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Why an item could not go on now.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Somebody else wrote the item: it was cancelled.
    #[error("the item was changed by somebody else")]
    Overtaken,
}

/// Brings an item as far as it gets now, and writes how it stands.
pub(super) async fn run(engine: &Engine, item: OutboxItem) {
    let mut errand = Errand {
        engine,
        item: item.clone(),
    };
    let outcome = errand.go().await;
    let id = item.id;
    match outcome {
        Ok(()) | Err(Halt::Overtaken) => {}
        Err(Halt::Store(error)) => {
            // Nothing can be written: the item stays as it is on disk, and is taken again.
            tracing::error!(outbox = %id, %error, "the outbox cannot be written");
            engine.clock().sleep(FIRST_PAUSE).await;
        }
        Err(Halt::Door(error)) => errand.failed(error).await,
        Err(Halt::Problem(problem)) => errand.give_up(problem.detail).await,
    }
}

struct Errand<'a> {
    engine: &'a Engine,
    item: OutboxItem,
}

/// What is read of a draft.
#[derive(Debug, Deserialize)]
struct Draft {
    #[serde(flatten)]
    ours: Ours,
    #[serde(default)]
    body: Option<OutgoingBody>,
}

impl Errand<'_> {
    async fn go(&mut self) -> Result<(), Halt> {
        let who = self.identity().await?;
        if self.item.step == OutboxStep::Sending {
            return self.decide(&who).await;
        }
        self.save(|item| {
            item.status = OutboxStatus::Sending;
            item.attempts += 1;
        })
        .await?;
        if matches!(self.item.step, OutboxStep::Drafting | OutboxStep::Drafted) {
            // A former try stopped half way: what it left is thrown away, unless it has left.
            match look(self.engine, &who, &self.item).await? {
                Found::Sent(ours) => return self.sent(ours).await,
                Found::Drafts(drafts) => self.throw_away(&who, &drafts).await?,
                Found::Nothing => {}
            }
        }
        if self.item.step != OutboxStep::Complete {
            self.make(&who).await?;
        }
        self.dispatch(&who).await
    }

    async fn identity(&self) -> Result<Identity, Halt> {
        let mailbox = self
            .engine
            .store()
            .mailbox(&self.item.mailbox)
            .await?
            .ok_or_else(|| {
                Problem::new(
                    crate::Code::NotFound,
                    "The mailbox that it leaves from is not served any more: add it again, then \
                     retry.",
                )
            })?;
        Ok(self.engine.identity_for(&mailbox, "outbox").await?)
    }

    /// Makes the complete draft.
    async fn make(&mut self, who: &Identity) -> Result<(), Halt> {
        self.save(|item| item.step = OutboxStep::Drafting).await?;
        let whole: u64 = self.item.message.attachments.iter().map(|a| a.size).sum();
        let along = self.item.kind == OutboxKind::Send && whole <= ALONG;
        let draft = match self.item.kind {
            OutboxKind::Send => self.new_draft(who, along).await?,
            OutboxKind::Reply => self.answer_draft(who, ReplyKind::Reply).await?,
            OutboxKind::ReplyAll => self.answer_draft(who, ReplyKind::ReplyAll).await?,
            OutboxKind::Forward => self.answer_draft(who, ReplyKind::Forward).await?,
        };
        let ours = draft.ours;
        let id = ours.id.clone();
        self.save(|item| {
            item.step = OutboxStep::Drafted;
            item.message_id = Some(ours.id);
            item.internet_message_id = ours.internet_message_id;
            item.conversation_id = ours.conversation_id;
        })
        .await?;
        if self.item.kind != OutboxKind::Send {
            let properties = properties(&self.item, draft.body.as_ref());
            let _: Value = update(
                self.engine.door(),
                who,
                &self.item.mailbox,
                &id,
                &properties,
            )
            .await?;
        }
        if !along {
            for file in &self.item.message.attachments {
                let content = self.content(file).await?;
                let _: Value = attachments::add(
                    self.engine.door(),
                    who,
                    &self.item.mailbox,
                    &id,
                    &attachment(file, &content),
                )
                .await?;
            }
        }
        self.save(|item| item.step = OutboxStep::Complete).await
    }

    async fn new_draft(&self, who: &Identity, along: bool) -> Result<Draft, Halt> {
        let mut message = properties(&self.item, None);
        if along && !self.item.message.attachments.is_empty() {
            let mut files = Vec::new();
            for file in &self.item.message.attachments {
                files.push(attachment(file, &self.content(file).await?));
            }
            message.insert("attachments".into(), files.into());
        }
        Ok(create(self.engine.door(), who, &self.item.mailbox, &message).await?)
    }

    async fn answer_draft(&self, who: &Identity, kind: ReplyKind) -> Result<Draft, Halt> {
        let original = self
            .item
            .original
            .as_ref()
            .ok_or_else(|| Problem::invalid("There is no message to answer."))?;
        let mut message = json!({
            "singleValueExtendedProperties": super::draft::stamp(&self.item).as_property(),
        });
        if kind == ReplyKind::Forward {
            // Microsoft refuses a forward that is for nobody.
            message["toRecipients"] = json!(self.item.message.to_recipients);
        }
        Ok(create_reply(
            self.engine.door(),
            who,
            &self.item.mailbox,
            original,
            kind,
            Some(&message),
        )
        .await?)
    }

    async fn content(&self, file: &OutgoingAttachment) -> Result<Vec<u8>, Halt> {
        let reader = self
            .engine
            .store()
            .read_blob(&file.blob)
            .await?
            .ok_or_else(|| Problem::not_found("content of the attachment", &file.name))?;
        let mut content = Vec::with_capacity(usize::try_from(reader.size).unwrap_or(0));
        let mut pieces = reader.pieces;
        while let Some(piece) = pieces.try_next().await? {
            content.extend_from_slice(&piece);
        }
        Ok(content)
    }

    /// Sends the complete draft. That it is being sent is on disk first.
    async fn dispatch(&mut self, who: &Identity) -> Result<(), Halt> {
        let Some(draft) = self.item.message_id.clone() else {
            return Err(Problem::invalid("There is no draft to send.").into());
        };
        let now = self.engine.now();
        self.save(|item| {
            item.step = OutboxStep::Sending;
            item.doubtful_since = Some(now);
        })
        .await?;
        match send(self.engine.door(), who, &self.item.mailbox, &draft).await {
            Ok(_) => {
                let ours = Ours {
                    id: draft,
                    is_draft: false,
                    internet_message_id: self.item.internet_message_id.clone(),
                    conversation_id: self.item.conversation_id.clone(),
                };
                self.sent(ours).await
            }
            Err(error) if error.is_doubtful() => {
                tracing::warn!(outbox = %self.item.id, %error, "whether a message was sent is in doubt: looking");
                self.decide(who).await
            }
            Err(error) => {
                // It was not sent, for certain.
                self.save(|item| {
                    item.step = OutboxStep::Complete;
                    item.doubtful_since = None;
                })
                .await?;
                Err(error.into())
            }
        }
    }

    /// Finds out whether a message that may have been sent was.
    async fn decide(&mut self, who: &Identity) -> Result<(), Halt> {
        let now = self.engine.now();
        let since = self.item.doubtful_since.unwrap_or(self.item.created_at);
        let waited = now.duration_since(since).unsigned_abs();
        let found = match look(self.engine, who, &self.item).await {
            Ok(found) => found,
            Err(error) if error.again() == Again::Never => {
                return self
                    .uncertain(format!("It cannot be looked for: {error}"))
                    .await;
            }
            Err(_) => Found::Nothing,
        };
        match found {
            Found::Sent(ours) => self.sent(ours).await,
            Found::Drafts(_) if waited >= self.engine.settings().not_sent_after => {
                self.save(|item| {
                    item.step = OutboxStep::Complete;
                    item.doubtful_since = None;
                })
                .await?;
                self.dispatch_again(who).await
            }
            Found::Nothing if waited >= self.engine.settings().look_for => {
                self.uncertain(
                    "Microsoft's answer was lost, and neither the draft nor a sent copy is found. \
                     Look into Sent Items and ask a recipient; `retry` sends it again."
                        .to_owned(),
                )
                .await
            }
            _ => {
                let pause = (waited / 2).clamp(Duration::from_secs(1), Duration::from_secs(30));
                let due = later(now, pause);
                self.save(|item| {
                    item.status = OutboxStatus::Sending;
                    item.due_at = due;
                    item.doubtful_since = Some(since);
                    item.reason =
                        Some("Microsoft's answer was lost: looking whether it was sent.".into());
                })
                .await
            }
        }
    }

    async fn dispatch_again(&mut self, who: &Identity) -> Result<(), Halt> {
        self.save(|item| item.attempts += 1).await?;
        // Boxed: sending can lead to looking, and looking to sending.
        Box::pin(self.dispatch(who)).await
    }

    async fn sent(&mut self, ours: Ours) -> Result<(), Halt> {
        let now = self.engine.now();
        self.save(|item| {
            item.status = OutboxStatus::Sent;
            item.sent_at = Some(now);
            item.reason = None;
            item.doubtful_since = None;
            item.message_id = Some(ours.id);
            if ours.internet_message_id.is_some() {
                item.internet_message_id = ours.internet_message_id;
            }
            if ours.conversation_id.is_some() {
                item.conversation_id = ours.conversation_id;
            }
        })
        .await?;
        // The copy in Sent Items comes into the mirror with the next round: now.
        let _ = self
            .engine
            .sync_mailbox(&self.item.mailbox, Duration::ZERO)
            .await;
        Ok(())
    }

    async fn uncertain(&mut self, reason: String) -> Result<(), Halt> {
        tracing::error!(outbox = %self.item.id, %reason, "whether a message was sent cannot be decided");
        self.save(|item| {
            item.status = OutboxStatus::Uncertain;
            item.reason = Some(reason);
        })
        .await
    }

    async fn throw_away(&self, who: &Identity, drafts: &[MessageId]) -> Result<(), Halt> {
        for draft in drafts {
            discard(self.engine, who, &self.item, draft).await?;
        }
        Ok(())
    }

    /// A call failed; it was not the sending itself in doubt.
    async fn failed(&mut self, error: DoorError) {
        let may = match error.again() {
            Again::Never => error.ends_grant().is_some() || is_waiting_for_sign_in(&error),
            Again::Later(_) | Again::Look => true,
        };
        let detail = Problem::from(error.clone()).detail;
        if !may || self.item.attempts >= self.engine.settings().send_attempts {
            self.give_up(detail).await;
            return;
        }
        let doubled = FIRST_PAUSE * (1 << self.item.attempts.saturating_sub(1).min(10));
        let asked = match error.again() {
            Again::Later(Some(wait)) => wait,
            _ => Duration::ZERO,
        };
        let due = later(self.engine.now(), doubled.min(LONGEST_PAUSE).max(asked));
        let due = match &error {
            DoorError::Throttled { until, .. } => due.max(*until),
            _ => due,
        };
        tracing::warn!(outbox = %self.item.id, %error, "a message waits for its next try");
        self.write(|item| {
            item.status = OutboxStatus::Queued;
            item.due_at = due;
            item.reason = Some(detail);
        })
        .await;
    }

    /// It will not leave. Its draft goes, so that nobody sends it by mistake.
    async fn give_up(&mut self, reason: String) {
        tracing::warn!(outbox = %self.item.id, %reason, "a message failed");
        if let Some(draft) = self.item.message_id.clone()
            && let Ok(who) = self.identity().await
            && let Err(error) = discard(self.engine, &who, &self.item, &draft).await
        {
            tracing::debug!(outbox = %self.item.id, %error, "discarding the draft");
        }
        self.write(|item| {
            item.status = OutboxStatus::Failed;
            item.reason = Some(reason);
        })
        .await;
    }

    async fn write(&mut self, change: impl FnOnce(&mut OutboxItem)) {
        match self.save(change).await {
            Ok(()) | Err(Halt::Overtaken) => {}
            Err(error) => {
                tracing::error!(outbox = %self.item.id, %error, "the outbox cannot be written");
            }
        }
    }

    /// Writes the item, unless somebody else did since it was read.
    async fn save(&mut self, change: impl FnOnce(&mut OutboxItem)) -> Result<(), Halt> {
        let was = self.item.clone();
        let mut now = was.clone();
        change(&mut now);
        if self
            .engine
            .store()
            .save_outbox(&was, &now, self.engine.now())
            .await?
        {
            self.item = now;
            Ok(())
        } else {
            Err(Halt::Overtaken)
        }
    }
}

fn is_waiting_for_sign_in(error: &DoorError) -> bool {
    matches!(error, DoorError::NoGrant { .. } | DoorError::SignIn(_))
}
