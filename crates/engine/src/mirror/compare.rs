//! A folder compared id by id with Microsoft: the proof that nothing was lost.

use super::error::MirrorError;
use super::item::Object;
use super::round::{Round, comparison};
use super::{attachments, fetch};
use postroom_microsoft::Priority;
use postroom_microsoft::graph::DeltaFrom;
use postroom_microsoft::graph::messages::{DeltaAsk, delta};
use postroom_model::{FolderId, MessageId, Timestamp};

/// Ids on a page.
const PAGE: u16 = 500;

/// Lists a folder anew and compares. The list is a delta from the start, whose token is not kept:
/// a list by `$skip` would lose an item whenever another one in front of it goes.
pub(super) async fn folder(
    round: &Round,
    folder: &FolderId,
    began: Timestamp,
) -> Result<(), MirrorError> {
    let mailbox = &round.mailbox.id;
    let number = comparison(began);
    let mut link: Option<String> = None;
    let mut mended = 0;
    loop {
        round.go_on()?;
        let from = link.as_deref().map_or(DeltaFrom::Start, DeltaFrom::Link);
        let ask = DeltaAsk {
            select: "id,changeKey",
            page_size: PAGE,
            newest_first: false,
            expand: None,
            max_answer_bytes: None,
            priority: Priority::Background,
        };
        let page = delta::<Object>(round.door(), &round.who, mailbox, folder, from, ask).await?;
        let listed: Vec<(MessageId, Option<String>)> = page
            .value
            .iter()
            .filter(|object| !object.contains_key("@removed"))
            .filter_map(|object| {
                let text = |name: &str| object.get(name).and_then(serde_json::Value::as_str);
                Some((
                    MessageId::new(text("id")?),
                    text("changeKey").map(str::to_owned),
                ))
            })
            .collect();
        let differing = round
            .store()
            .compare(mailbox, folder, &listed, number)
            .await?;
        let mut fetched: Vec<_> = fetch::messages(round, &differing)
            .await?
            .into_iter()
            .filter_map(|(_, taken)| taken)
            .collect();
        attachments::complete(round, &mut fetched).await?;
        for taken in fetched {
            let applied = round
                .store()
                .put_message(
                    mailbox,
                    &taken.record,
                    &taken.contents,
                    Some(number),
                    round.engine.now(),
                )
                .await?;
            mended += applied.created + applied.updated;
        }
        match page.next_link {
            Some(next) => link = Some(next),
            None => break,
        }
    }
    let unseen = round
        .store()
        .finish_comparison(mailbox, folder, number)
        .await?;
    if mended + unseen > 0 {
        tracing::info!(
            mailbox = %round.mailbox.address, %folder, mended, unseen,
            "comparing a folder id by id found what delta had not told"
        );
    }
    Ok(())
}
