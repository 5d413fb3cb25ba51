//! What left a folder and was seen in no other.

use super::error::MirrorError;
use super::round::Round;
use super::{attachments, fetch};
use postroom_model::{FolderId, MessageId};

/// Asked for at once.
const SOME: u32 = 200;

/// Asks Microsoft for each message that is leaving: gone means deleted; one that is there was moved
/// into a folder whose delta had been read before, and is put where it lies. So a message that is
/// moved never looks deleted for a while.
pub(super) async fn resolve(round: &Round) -> Result<(), MirrorError> {
    let mailbox = &round.mailbox.id;
    let mut after: Option<MessageId> = None;
    loop {
        round.go_on()?;
        let ids = round.store().leaving(mailbox, after.as_ref(), SOME).await?;
        let Some(last) = ids.last().cloned() else {
            return Ok(());
        };
        after = Some(last);
        let mut gone = Vec::new();
        let mut there = Vec::new();
        for (id, taken) in fetch::messages(round, &ids).await? {
            match taken {
                Some(taken) if is_mirrored(round, &taken.record.folder).await? => {
                    there.push(taken);
                }
                _ => gone.push(id),
            }
        }
        attachments::complete(round, &mut there).await?;
        for taken in there {
            round
                .store()
                .put_message(
                    mailbox,
                    &taken.record,
                    &taken.contents,
                    None,
                    round.engine.now(),
                )
                .await?;
        }
        round
            .store()
            .settle(mailbox, &gone, round.engine.now())
            .await?;
        round.step();
    }
}

/// Whether a folder is one of the tree. What was deleted for good can still be had by its id for a
/// while: it lies in Recoverable Items, outside of the tree.
async fn is_mirrored(round: &Round, folder: &FolderId) -> Result<bool, MirrorError> {
    let found = round
        .store()
        .folder(&round.mailbox.id, folder.as_str())
        .await?;
    Ok(found.is_some())
}
