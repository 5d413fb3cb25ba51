//! Single messages by id, twenty in a batch.

use super::error::MirrorError;
use super::item::{self, Object, Taken};
use super::round::Round;
use postroom_microsoft::Priority;
use postroom_microsoft::graph::{batch, messages};
use postroom_model::MessageId;

/// The messages as they are now; `None` for one that is gone. Attachments are not among it.
pub(super) async fn messages(
    round: &Round,
    ids: &[MessageId],
) -> Result<Vec<(MessageId, Option<Taken>)>, MirrorError> {
    let select = super::page::learned(&round.engine, &round.who.connection.id)
        .await
        .select();
    let mut fetched = Vec::with_capacity(ids.len());
    for some in ids.chunks(batch::MOST_PARTS) {
        round.go_on()?;
        fetched.extend(one_batch(round, some, select).await?);
    }
    Ok(fetched)
}

async fn one_batch(
    round: &Round,
    ids: &[MessageId],
    select: &str,
) -> Result<Vec<(MessageId, Option<Taken>)>, MirrorError> {
    // A batch's part is named by its place: ids are compared without regard to case there.
    let parts: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(index, id)| {
            let mut part = messages::batch_part(&round.mailbox.id, id, Some(select), None);
            part.id = index.to_string();
            part
        })
        .collect();
    let answers = batch::read(
        round.door(),
        &round.who,
        Some(&round.mailbox.id),
        &parts,
        Priority::Background,
    )
    .await?;
    let mut fetched = Vec::with_capacity(ids.len());
    for answer in answers {
        let Some(id) = answer
            .id
            .parse::<usize>()
            .ok()
            .and_then(|index| ids.get(index))
        else {
            continue;
        };
        match answer.status {
            200 => {
                let body = answer.body.as_ref().map_or("null", |body| body.get());
                let object: Object = serde_json::from_str(body)
                    .map_err(|error| MirrorError::Unfit(format!("a message: {error}")))?;
                fetched.push((id.clone(), Some(item::whole(object, None)?)));
            }
            404 => fetched.push((id.clone(), None)),
            // This one alone was refused, mostly throttled: asked again on its own it goes through
            // the door's budget and retries.
            _ => fetched.push((id.clone(), one(round, id, select).await?)),
        }
    }
    if fetched.len() != ids.len() {
        return Err(MirrorError::Unfit(
            "a batch's answer lacks some of its parts".into(),
        ));
    }
    Ok(fetched)
}

async fn one(round: &Round, id: &MessageId, select: &str) -> Result<Option<Taken>, MirrorError> {
    match messages::get::<Object>(
        round.door(),
        &round.who,
        &round.mailbox.id,
        id,
        Some(select),
        None,
        Priority::Background,
    )
    .await
    {
        Ok(object) => Ok(Some(item::whole(object, None)?)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
