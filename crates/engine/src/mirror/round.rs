//! One round over one mailbox: folders, their messages, contents, proof.

use super::error::MirrorError;
use super::{compare, contents, folders, leaving, messages};
use crate::Engine;
use futures::{StreamExt, stream};
use postroom_microsoft::{Door, Identity};
use postroom_model::mailbox::{Mailbox, SyncPhase, SyncState};
use postroom_model::resource::folder::MailFolder;
use postroom_model::{FolderId, MailboxId, Timestamp};
use postroom_store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many folders of a mailbox are read side by side: as many calls as Microsoft takes at once
/// (Graph, *Throttling limits*: 4 for an app and mailbox).
const FOLDERS_AT_ONCE: usize = 4;

/// A round under way.
pub(super) struct Round {
    pub(super) engine: Engine,
    pub(super) mailbox: Mailbox,
    pub(super) who: Identity,
    /// Every folder is compared id by id, whether or not the counts agree.
    pub(super) thorough: bool,
    /// Steps of the mirror so far: a hint for progress bars.
    pub(super) steps: AtomicU64,
}

impl Round {
    pub(super) fn store(&self) -> &Arc<dyn Store> {
        self.engine.store()
    }

    pub(super) fn door(&self) -> &Door {
        self.engine.door()
    }

    /// Says that something more is here.
    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.engine.shared.mirror.bump();
    }

    /// Ends the round where it can go on later, if the engine stops.
    pub(super) fn go_on(&self) -> Result<(), MirrorError> {
        if self.engine.is_stopping() {
            Err(MirrorError::Stopping)
        } else {
            Ok(())
        }
    }
}

/// Brings a mailbox level, and writes how that went.
pub(super) async fn run(engine: &Engine, id: &MailboxId) {
    let began = engine.now();
    let Ok(Some(mailbox)) = engine.store().mailbox(id).await else {
        return;
    };
    let mailbox = engine.as_it_stands(mailbox);
    let address = mailbox.address.clone();
    let thorough = mailbox.sync.last_proven_at.is_none_or(|proven| {
        began.duration_since(proven).unsigned_abs() >= engine.settings().prove_interval
    });
    // The first sync proves itself: everything was read just now.
    let first = mailbox.sync.last_synced_at.is_none();
    let mut sync = SyncState {
        state: SyncPhase::Syncing,
        ..mailbox.sync.clone()
    };
    write(engine, id, &sync).await;
    let before = sync.error.clone();
    let outcome = attempt(engine, mailbox, thorough && !first, &mut sync).await;
    match outcome {
        Ok(()) => {
            let now = engine.now();
            sync.state = SyncPhase::UpToDate;
            sync.last_synced_at = Some(now);
            if thorough {
                sync.last_proven_at = Some(now);
            }
            sync.error = None;
        }
        Err(MirrorError::Stopping) => {
            sync.state = if sync.last_synced_at.is_some() {
                SyncPhase::UpToDate
            } else {
                SyncPhase::Pending
            };
        }
        Err(error) => {
            let what = error.to_string();
            sync.state = SyncPhase::Failed;
            let error = match error {
                MirrorError::Door(error) => crate::Problem::from(error).detail,
                MirrorError::Store(error) => crate::Problem::from(error).detail,
                other => other.to_string(),
            };
            // What is still so was said when it became so.
            if before.as_ref() == Some(&error) {
                tracing::debug!(mailbox = %address, error = what, "the mirror could still not be brought level");
            } else {
                tracing::warn!(mailbox = %address, error = what, "the mirror could not be brought level");
            }
            sync.error = Some(error);
        }
    }
    write(engine, id, &sync).await;
}

async fn write(engine: &Engine, id: &MailboxId, sync: &SyncState) {
    let unwritten = &engine.shared.mirror.unwritten;
    match engine.store().set_sync_state(id, sync).await {
        Ok(()) => unwritten.forget(id),
        Err(error) => {
            tracing::warn!(mailbox = %id, %error, "writing how the mirror stands");
            unwritten.remember(id, sync);
        }
    }
    engine.shared.mirror.bump();
}

async fn attempt(
    engine: &Engine,
    mailbox: Mailbox,
    thorough: bool,
    sync: &mut SyncState,
) -> Result<(), MirrorError> {
    let who = engine.identity_for(&mailbox, "mirror").await?;
    let round = Round {
        engine: engine.clone(),
        mailbox,
        who,
        thorough,
        steps: AtomicU64::new(0),
    };
    let tree = folders::refresh(&round).await?;
    sync.messages_total = Some(total(&tree));
    write(engine, &round.mailbox.id, sync).await;

    read(&round, &folders::in_order(tree.clone())).await?;
    contents::fetch_missing(&round).await?;
    leaving::resolve(&round).await?;

    let suspects = if thorough {
        tree.clone()
    } else {
        unequal(&round, &tree).await?
    };
    if !suspects.is_empty() {
        prove(&round, suspects, thorough).await?;
    }
    sync.messages_total = Some(counted(&round, &tree).await?);
    Ok(())
}

fn total(tree: &[MailFolder]) -> u64 {
    tree.iter()
        .map(|folder| u64::try_from(folder.total_item_count).unwrap_or(0))
        .sum()
}

async fn counted(round: &Round, tree: &[MailFolder]) -> Result<u64, MirrorError> {
    let mut sum = 0;
    for folder in tree {
        sum += round
            .store()
            .count_messages(&round.mailbox.id, &folder.id)
            .await?;
    }
    Ok(sum)
}

async fn read(round: &Round, tree: &[MailFolder]) -> Result<(), MirrorError> {
    folders::all(
        stream::iter(ids(tree))
            .map(|folder| async move { messages::read(round, &folder).await })
            .buffer_unordered(FOLDERS_AT_ONCE),
    )
    .await
}

fn ids(folders: &[MailFolder]) -> Vec<FolderId> {
    folders.iter().map(|folder| folder.id.clone()).collect()
}

/// Folders that have another number of messages here than Microsoft says.
async fn unequal(round: &Round, tree: &[MailFolder]) -> Result<Vec<MailFolder>, MirrorError> {
    let mut unequal = Vec::new();
    for folder in tree {
        let here = round
            .store()
            .count_messages(&round.mailbox.id, &folder.id)
            .await?;
        if i64::try_from(here).unwrap_or(i64::MAX) != folder.total_item_count {
            unequal.push(folder.clone());
        }
    }
    Ok(unequal)
}

/// Looks closer at folders that do not agree. Mail that came while the round was under way is the
/// usual reason: one more look at the tree and at the folder's delta settles that. What then still
/// does not agree was lost by delta, and is compared id by id.
async fn prove(
    round: &Round,
    mut suspects: Vec<MailFolder>,
    thorough: bool,
) -> Result<(), MirrorError> {
    if !thorough {
        let tree = folders::refresh(round).await?;
        let again: Vec<_> = tree
            .into_iter()
            .filter(|folder| suspects.iter().any(|suspect| suspect.id == folder.id))
            .collect();
        read(round, &again).await?;
        contents::fetch_missing(round).await?;
        leaving::resolve(round).await?;
        suspects = unequal(round, &again).await?;
    }
    let began = round.engine.now();
    folders::all(
        stream::iter(ids(&suspects))
            .map(|folder| async move { compare::folder(round, &folder, began).await })
            .buffer_unordered(FOLDERS_AT_ONCE),
    )
    .await?;
    contents::fetch_missing(round).await?;
    leaving::resolve(round).await
}

/// The number of a comparison that begins now.
pub(super) fn comparison(began: Timestamp) -> i64 {
    began.as_microsecond()
}
