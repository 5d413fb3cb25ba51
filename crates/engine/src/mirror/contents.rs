//! Contents of attachments that did not come with their message: large ones, attached messages.

use super::error::MirrorError;
use super::round::Round;
use crate::Engine;
use futures::{StreamExt, stream};
use postroom_microsoft::graph::attachments::content_stream;
use postroom_microsoft::{DoorError, Identity, Priority};
use postroom_model::resource::attachment::{AttachmentRecord, BlobRef};
use postroom_model::{AttachmentId, MailboxId, MessageId};
use postroom_store::StoreError;
use std::collections::HashSet;

/// Contents under way at once.
const AT_ONCE: usize = 4;
/// Read from the store at once.
const SOME: u32 = 200;

/// Fetches what is missing. One that Microsoft refuses is left for the next round and for whoever
/// asks for it; it does not hold up the others.
pub(super) async fn fetch_missing(round: &Round) -> Result<(), MirrorError> {
    let mut refused: HashSet<(MessageId, AttachmentId)> = HashSet::new();
    loop {
        round.go_on()?;
        let limit = SOME.saturating_add(u32::try_from(refused.len()).unwrap_or(u32::MAX));
        let missing: Vec<_> = round
            .store()
            .attachments_without_content(&round.mailbox.id, limit)
            .await?
            .into_iter()
            .filter(|(message, attachment)| {
                !refused.contains(&(message.clone(), attachment.id.clone()))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let outcomes: Vec<_> = stream::iter(missing)
            .map(|(message, attachment)| async move {
                let outcome = fetch_one(round, &message, &attachment).await;
                (message, attachment.id, outcome)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (message, attachment, outcome) in outcomes {
            match outcome {
                Ok(()) => {}
                Err(ContentError::Door(error)) if error.refusal().is_some() => {
                    tracing::warn!(mailbox = %round.mailbox.address, %error, "an attachment's content");
                    refused.insert((message, attachment));
                }
                Err(ContentError::Door(error)) => return Err(error.into()),
                Err(ContentError::Store(error)) => return Err(error.into()),
            }
        }
        round.step();
    }
}

async fn fetch_one(
    round: &Round,
    message: &MessageId,
    attachment: &AttachmentRecord,
) -> Result<(), ContentError> {
    fetch(
        &round.engine,
        &round.who,
        &round.mailbox.id,
        message,
        &attachment.id,
        Priority::Background,
    )
    .await
    .map(|_| ())
}

/// Why a content did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// Microsoft, or the way there.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ContentError> for crate::Problem {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Door(error) => error.into(),
            ContentError::Store(error) => error.into(),
        }
    }
}

/// Streams one content from Microsoft into the store.
pub(crate) async fn fetch(
    engine: &Engine,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    attachment: &AttachmentId,
    priority: Priority,
) -> Result<BlobRef, ContentError> {
    let stream = content_stream(engine.door(), who, mailbox, message, attachment, priority).await?;
    let blob = store(engine, stream.body).await?;
    engine
        .store()
        .set_attachment_content(mailbox, message, attachment, &blob)
        .await?;
    Ok(blob)
}

/// Streams a body of Microsoft's into the store.
pub(crate) async fn store(
    engine: &Engine,
    mut body: futures::stream::BoxStream<'static, Result<bytes::Bytes, DoorError>>,
) -> Result<BlobRef, ContentError> {
    let mut writer = engine.store().write_blob().await?;
    while let Some(piece) = body.next().await {
        writer.write(&piece?).await?;
    }
    Ok(writer.finish(engine.now()).await?)
}
