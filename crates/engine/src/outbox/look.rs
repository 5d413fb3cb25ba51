//! Looking what became of a message at Microsoft.

use super::draft::stamp;
use crate::Engine;
use postroom_microsoft::graph::messages::{find_by_stamp, get};
use postroom_microsoft::{DoorError, GraphPath, GraphRequest, Identity, Priority};
use postroom_model::MessageId;
use postroom_model::outbox::OutboxItem;
use serde::Deserialize;

/// What is read of a message of ours.
const SELECT: &str = "id,isDraft,internetMessageId,conversationId";

/// A message of ours at Microsoft.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ours {
    pub(super) id: MessageId,
    #[serde(default)]
    pub(super) is_draft: bool,
    #[serde(default)]
    pub(super) internet_message_id: Option<String>,
    #[serde(default)]
    pub(super) conversation_id: Option<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// It has left.
    Sent(Ours),
    /// Drafts of it are there; none has left.
    Drafts(Vec<MessageId>),
    /// Nothing.
    Nothing,
}

/// Looks by the draft's immutable id, then by the stamp: the copy in Sent Items keeps both.
pub(super) async fn look(
    engine: &Engine,
    who: &Identity,
    item: &OutboxItem,
) -> Result<Found, DoorError> {
    let mut drafts = Vec::new();
    if let Some(id) = &item.message_id {
        let found: Result<Ours, _> = get(
            engine.door(),
            who,
            &item.mailbox,
            id,
            Some(SELECT),
            None,
            Priority::Interactive,
        )
        .await;
        match found {
            Ok(ours) if !ours.is_draft => return Ok(Found::Sent(ours)),
            Ok(ours) => drafts.push(ours.id),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    let stamped: Vec<Ours> =
        find_by_stamp(engine.door(), who, &item.mailbox, None, stamp(item), SELECT).await?;
    for ours in stamped {
        if !ours.is_draft {
            return Ok(Found::Sent(ours));
        }
        if !drafts.contains(&ours.id) {
            drafts.push(ours.id);
        }
    }
    Ok(if drafts.is_empty() {
        Found::Nothing
    } else {
        Found::Drafts(drafts)
    })
}

/// Removes a draft that will not be sent, for good. What is gone already is as well.
pub(super) async fn discard(
    engine: &Engine,
    who: &Identity,
    item: &OutboxItem,
    draft: &MessageId,
) -> Result<(), DoorError> {
    let path = GraphPath::user(item.mailbox.as_str())
        .lit("messages")
        .id(draft.as_str())
        .lit("permanentDelete");
    match engine
        .door()
        .send(who, GraphRequest::post(path).mailbox(&item.mailbox))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
