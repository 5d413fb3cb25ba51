//! Attachments of messages that came without them.

use super::error::MirrorError;
use super::item::{self, Object, Taken};
use super::round::Round;
use futures::{StreamExt, TryStreamExt, stream};
use postroom_microsoft::Priority;
use postroom_microsoft::graph::{Page, attachments, page_after, pages};
use postroom_model::MessageId;
use postroom_model::resource::attachment::AttachmentRecord;

/// Lists of attachments under way at once; the door's budget has the last word.
const AT_ONCE: usize = 4;

/// Lists the attachments of those that came without, but may have some. A message without any gets
/// an empty list. Contents are fetched later, each on its own, streaming.
pub(super) async fn complete(round: &Round, taken: &mut [Taken]) -> Result<(), MirrorError> {
    let lists: Vec<(usize, Vec<AttachmentRecord>)> = stream::iter(
        taken
            .iter()
            .enumerate()
            .filter(|(_, taken)| taken.record.attachments.is_none())
            .map(|(index, taken)| {
                let wanted =
                    item::may_have_attachments(&taken.record).then(|| taken.record.id.clone());
                (index, wanted)
            })
            .collect::<Vec<_>>(),
    )
    .map(|(index, wanted)| async move {
        let list = match wanted {
            Some(id) => list(round, &id).await?,
            None => Vec::new(),
        };
        Ok::<_, MirrorError>((index, list))
    })
    .buffer_unordered(AT_ONCE)
    .try_collect()
    .await?;
    for (index, list) in lists {
        if let Some(taken) = taken.get_mut(index) {
            taken.record.attachments = Some(list);
        }
    }
    Ok(())
}

/// All attachments of a message, without contents. None for a message that went meanwhile: the
/// next round says where.
pub(super) async fn list(
    round: &Round,
    message: &MessageId,
) -> Result<Vec<AttachmentRecord>, MirrorError> {
    let first: Page<Object> = match attachments::list(
        round.door(),
        &round.who,
        &round.mailbox.id,
        message,
        Priority::Background,
    )
    .await
    {
        Ok(page) => page,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut nothing = Vec::new();
    let mut list = Vec::new();
    for object in first.value {
        list.push(item::attachment(object, &mut nothing)?);
    }
    if let Some(link) = first.next_link {
        let request = postroom_microsoft::GraphRequest::follow(link.clone())
            .mailbox(&round.mailbox.id)
            .priority(Priority::Background);
        let mut more = std::pin::pin!(pages::<Object>(
            round.door(),
            &round.who,
            page_after(&request, link)
        ));
        while let Some(page) = more.try_next().await? {
            for object in page.value {
                list.push(item::attachment(object, &mut nothing)?);
            }
        }
    }
    Ok(list)
}
