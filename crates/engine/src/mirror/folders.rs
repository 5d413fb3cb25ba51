//! The folder tree of a mailbox.

use super::error::MirrorError;
use super::item::Object;
use super::round::Round;
use crate::Engine;
use futures::TryStreamExt;
use postroom_microsoft::graph::{DeltaFrom, Page, batch, mail_folders};
use postroom_microsoft::{GraphPath, GraphRequest, Priority};
use postroom_model::resource::folder::MailFolder;
use postroom_model::{FolderId, MailboxId};
use postroom_store::StoreError;
use postroom_store::contract::folders::FolderPage;
use serde::Deserialize;
use std::collections::HashMap;
use tokio::sync::Mutex;

/// Well-known folders that are looked for by name. The others are not of use to callers, or are
/// not in the tree.
const LOOKED_FOR: &[&str] = &[
    "inbox",
    "drafts",
    "sentitems",
    "deleteditems",
    "junkemail",
    "archive",
    "outbox",
    "conversationhistory",
    "clutter",
    "scheduled",
    "msgfolderroot",
];

/// Folders that callers made or renamed since the last reading of a tree began. What was listed
/// before that does not have them, and is not to take them away again.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<MailboxId, Vec<MailFolder>>>);

/// Keeps a folder that Microsoft just made or renamed for a caller.
pub(crate) async fn keep(
    engine: &Engine,
    mailbox: &MailboxId,
    folder: MailFolder,
) -> Result<(), StoreError> {
    let page = FolderPage {
        folders: vec![folder.clone()],
        removed: Vec::new(),
        whole: false,
        cursor: None,
    };
    let mut kept = engine.shared.mirror.kept.0.lock().await;
    kept.entry(mailbox.clone()).or_default().push(folder);
    engine
        .store()
        .apply_folders(mailbox, &page, engine.now())
        .await
}

/// Reads the whole tree and keeps it. `mailFolders/delta` from the start is the one call that lists
/// folders at every depth; asked so each time, it also brings exact counts. It has no hidden ones:
/// those come with the list of the folders below the root.
pub(super) async fn refresh(round: &Round) -> Result<Vec<MailFolder>, MirrorError> {
    let own = &round.engine.shared.mirror.kept.0;
    own.lock().await.remove(&round.mailbox.id);
    let kept = round.store().folders(&round.mailbox.id).await?;
    let mut names: HashMap<FolderId, String> = kept
        .into_iter()
        .filter_map(|folder| Some((folder.id, folder.well_known_name?)))
        .collect();
    let asked = async {
        if names.is_empty() || round.thorough {
            well_known(round).await
        } else {
            Ok(Vec::new())
        }
    };
    // Side by side: each costs the way to Microsoft and back.
    let (known, mut found, hidden) = tokio::try_join!(asked, visible(round), with_hidden(round))?;
    names.extend(known);
    found.extend(hidden);
    let mut own = own.lock().await;
    found.extend(own.remove(&round.mailbox.id).unwrap_or_default());
    // A folder comes more than once: the last one counts.
    let mut last: HashMap<FolderId, MailFolder> = HashMap::new();
    let mut order = Vec::new();
    for mut folder in found {
        folder.well_known_name = names.get(&folder.id).cloned();
        if folder.well_known_name.as_deref() != Some("msgfolderroot") {
            order.push(folder.id.clone());
            last.insert(folder.id.clone(), folder);
        }
    }
    let folders: Vec<_> = order.iter().filter_map(|id| last.remove(id)).collect();
    if folders.is_empty() {
        return Err(MirrorError::Unfit("a mailbox without any folder".into()));
    }
    let page = FolderPage {
        folders,
        removed: Vec::new(),
        whole: true,
        cursor: None,
    };
    round
        .store()
        .apply_folders(&round.mailbox.id, &page, round.engine.now())
        .await?;
    drop(own);
    Ok(page.folders)
}

/// The folders at every depth that are not hidden.
async fn visible(round: &Round) -> Result<Vec<MailFolder>, MirrorError> {
    let mut found = Vec::new();
    let mut link: Option<String> = None;
    loop {
        let page = mail_folders::delta::<Object>(
            round.door(),
            &round.who,
            &round.mailbox.id,
            link.as_deref().map_or(DeltaFrom::Start, DeltaFrom::Link),
        )
        .await?;
        take(page.value, &mut found)?;
        match page.next_link {
            Some(next) => link = Some(next),
            None => return Ok(found),
        }
    }
}

/// The folders below the root, and what lies in hidden ones: that is listed by nothing but the
/// hidden folder's own list.
async fn with_hidden(round: &Round) -> Result<Vec<MailFolder>, MirrorError> {
    let (door, who, mailbox) = (round.door(), &round.who, &round.mailbox.id);
    let mut found = all_pages(round, mail_folders::list(door, who, mailbox).await?).await?;
    let mut level = found.clone();
    loop {
        let children = level
            .iter()
            .filter(|folder| has_hidden(folder))
            .map(|folder| async {
                let first =
                    mail_folders::list_children(door, who, mailbox, folder.id.as_str()).await?;
                all_pages(round, first).await
            });
        // At most four are under way: the door sees to that.
        level = futures::future::try_join_all(children).await?.concat();
        if level.is_empty() {
            return Ok(found);
        }
        found.extend(level.iter().cloned());
    }
}

/// A list's first page and those behind it.
async fn all_pages(round: &Round, mut page: Page<Object>) -> Result<Vec<MailFolder>, MirrorError> {
    let mut found = Vec::new();
    loop {
        take(page.value, &mut found)?;
        let Some(link) = page.next_link else {
            return Ok(found);
        };
        let request = GraphRequest::follow(link).mailbox(&round.mailbox.id);
        page = round.door().send(&round.who, request).await?.json()?;
    }
}

fn take(page: Vec<Object>, found: &mut Vec<MailFolder>) -> Result<(), MirrorError> {
    for object in page {
        if object.contains_key("@removed") || is_search_folder(&object) {
            continue;
        }
        let folder = serde_json::from_value(object.into())
            .map_err(|error| MirrorError::Unfit(format!("a mail folder: {error}")))?;
        found.push(folder);
    }
    Ok(())
}

/// Its children are not counted in `childFolderCount` where they are hidden as well.
fn has_hidden(folder: &MailFolder) -> bool {
    folder.is_hidden
}

fn is_search_folder(object: &Object) -> bool {
    object
        .get("@odata.type")
        .and_then(serde_json::Value::as_str)
        == Some("#microsoft.graph.mailSearchFolder")
}

/// Which folders the well-known names stand for. A name that this mailbox does not have is left
/// out.
async fn well_known(round: &Round) -> Result<Vec<(FolderId, String)>, MirrorError> {
    #[derive(Deserialize)]
    struct Id {
        id: FolderId,
    }
    let parts: Vec<_> = LOOKED_FOR
        .iter()
        .map(|name| {
            let path = GraphPath::user(round.mailbox.id.as_str())
                .lit("mailFolders")
                .lit(name)
                .query("$select", "id");
            batch::BatchPart::get(*name, &path)
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
    Ok(answers
        .into_iter()
        .filter(|answer| answer.status == 200)
        .filter_map(|answer| {
            let id: Id = serde_json::from_str(answer.body?.get()).ok()?;
            Some((id.id, answer.id))
        })
        .collect())
}

/// Folders in the order in which they are mirrored: what people look at first comes first.
pub(super) fn in_order(mut folders: Vec<MailFolder>) -> Vec<MailFolder> {
    let rank = |folder: &MailFolder| match folder.well_known_name.as_deref() {
        Some("inbox") => 0,
        Some("sentitems") => 1,
        Some("drafts") => 2,
        Some("deleteditems") => 5,
        Some("junkemail") => 6,
        _ if folder.is_hidden => 4,
        _ => 3,
    };
    folders.sort_by_key(|folder| (rank(folder), -folder.total_item_count));
    folders
}

/// Drains a stream of results into nothing but its first error.
pub(super) async fn all<S>(stream: S) -> Result<(), MirrorError>
where
    S: futures::Stream<Item = Result<(), MirrorError>>,
{
    stream.try_for_each(|()| async { Ok(()) }).await
}
