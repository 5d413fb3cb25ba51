//! The mirror's folder tree.

use super::PostgresStore;
use super::errors::Answer;
use super::server::{Session, Tx};
use super::values::has_nul;
use super::{changes, cursors, messages, numbers};
use crate::contract::Result;
use crate::contract::folders::{FolderPage, Folders};
use crate::folder_tree::{differ, parents_first};
use crate::text;
use crate::version::TAKING_IN_FOLDERS;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::resource::folder::MailFolder;
use postroom_model::{FolderId, MailboxId, Timestamp};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, parent_folder_id, display_name, well_known_name, child_folder_count,
                total_item_count, unread_item_count, is_hidden FROM folders ",
            $end
        )
    };
}

const ONE: &str = select!("WHERE mailbox = $1 AND id = $2");
const BY_NAME: &str = select!("WHERE mailbox = $1 AND well_known_name = $2");
const ALL: &str = select!("WHERE mailbox = $1 ORDER BY display_name, id");
const PUT: &str = "INSERT INTO folders (mailbox, id, parent_folder_id, display_name,
        well_known_name, child_folder_count, total_item_count, unread_item_count, is_hidden)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::boolean[])
    ON CONFLICT (mailbox, id) DO UPDATE SET parent_folder_id = excluded.parent_folder_id,
        display_name = excluded.display_name, well_known_name = excluded.well_known_name,
        child_folder_count = excluded.child_folder_count,
        total_item_count = excluded.total_item_count,
        unread_item_count = excluded.unread_item_count, is_hidden = excluded.is_hidden";
const REMOVE: &str = "DELETE FROM folders WHERE mailbox = $1 AND id = $2";

fn folder(row: &Row) -> Answer<MailFolder> {
    Ok(MailFolder {
        id: FolderId::new(row.try_get::<_, String>(0)?),
        parent_folder_id: row.try_get::<_, Option<String>>(1)?.map(FolderId::new),
        display_name: row.try_get(2)?,
        well_known_name: row.try_get(3)?,
        child_folder_count: row.try_get(4)?,
        total_item_count: row.try_get(5)?,
        unread_item_count: row.try_get(6)?,
        is_hidden: row.try_get(7)?,
    })
}

async fn all(session: &Session<'_>, mailbox: i64) -> Answer<Vec<MailFolder>> {
    let rows = session.rows(ALL, &[&mailbox]).await?;
    rows.iter().map(folder).collect()
}

/// Writes folders, each once.
async fn put(tx: &Tx<'_>, mailbox: i64, folders: &[&MailFolder]) -> Answer<()> {
    if folders.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = folders.iter().map(|it| it.id.as_str()).collect();
    let parents: Vec<_> = folders
        .iter()
        .map(|it| it.parent_folder_id.as_ref().map(FolderId::as_str))
        .collect();
    let names: Vec<_> = folders.iter().map(|it| it.display_name.as_str()).collect();
    let known: Vec<_> = folders
        .iter()
        .map(|it| it.well_known_name.as_deref())
        .collect();
    let children: Vec<_> = folders.iter().map(|it| it.child_folder_count).collect();
    let total: Vec<_> = folders.iter().map(|it| it.total_item_count).collect();
    let unread: Vec<_> = folders.iter().map(|it| it.unread_item_count).collect();
    let hidden: Vec<_> = folders.iter().map(|it| it.is_hidden).collect();
    tx.execute(
        PUT,
        &[
            &mailbox, &ids, &parents, &names, &known, &children, &total, &unread, &hidden,
        ],
    )
    .await?;
    Ok(())
}

async fn apply(tx: &Tx<'_>, owner: &MailboxId, page: &FolderPage, at: Timestamp) -> Answer<()> {
    let Some(mut mailbox) = numbers::lock_served(tx, owner.as_str()).await? else {
        return Ok(());
    };
    let number = mailbox.number;
    let before = mailbox.last_change;
    let there = all(tx, number).await?;
    let mut gone = page.removed.clone();
    if page.whole {
        gone.extend(there.iter().map(|folder| folder.id.clone()));
    }
    let here: HashSet<_> = page.folders.iter().map(|folder| &folder.id).collect();
    gone.retain(|id| !here.contains(id) && !has_nul(id.as_str()));
    // In the order given; one that comes twice is what it was last.
    let mut known: HashMap<FolderId, MailFolder> =
        there.into_iter().map(|it| (it.id.clone(), it)).collect();
    let mut written: HashSet<FolderId> = HashSet::new();
    for folder in &page.folders {
        let folder = text::clean_folder(folder).into_owned();
        let kind = match known.get(&folder.id) {
            Some(there) if *there == folder => continue,
            Some(there) if differ(there, &folder) => Some(ChangeKind::Updated),
            Some(_) => None,
            None => Some(ChangeKind::Created),
        };
        if let Some(kind) = kind {
            let id = folder.id.as_str();
            changes::note(tx, &mut mailbox, ChangedResource::Folder, id, kind, at);
        }
        written.insert(folder.id.clone());
        known.insert(folder.id.clone(), folder);
    }
    let folders: Vec<_> = written.iter().filter_map(|id| known.get(id)).collect();
    put(tx, number, &folders).await?;
    for id in &gone {
        let id = id.as_str();
        if tx.execute(REMOVE, &[&number, &id]).await? > 0 {
            let (resource, kind) = (ChangedResource::Folder, ChangeKind::Deleted);
            changes::note(tx, &mut mailbox, resource, id, kind, at);
        }
        if let Some(folder) = numbers::folder(tx, number, id).await? {
            messages::folder_is_leaving(tx, number, folder).await?;
        }
        cursors::forget(tx, owner.as_str(), cursors::MESSAGES, id).await?;
    }
    if let Some(cursor) = &page.cursor {
        cursors::put(tx, owner.as_str(), cursors::MAIL_FOLDERS, "", cursor).await?;
    }
    if mailbox.last_change != before {
        numbers::count_on(tx, &mailbox).await?;
    }
    Ok(())
}

#[async_trait]
impl Folders for PostgresStore {
    async fn apply_folders(
        &self,
        mailbox: &MailboxId,
        page: &FolderPage,
        at: Timestamp,
    ) -> Result<()> {
        self.server()
            .write(TAKING_IN_FOLDERS, move |tx| {
                apply(tx, mailbox, page, at).boxed()
            })
            .await
    }

    async fn folders(&self, mailbox: &MailboxId) -> Result<Vec<MailFolder>> {
        let folders = self
            .server()
            .read("listing folders", move |session| {
                async move {
                    match numbers::mailbox(session, mailbox.as_str()).await? {
                        Some(mailbox) => all(session, mailbox).await,
                        None => Ok(Vec::new()),
                    }
                }
                .boxed()
            })
            .await?;
        Ok(parents_first(folders))
    }

    async fn folder(&self, mailbox: &MailboxId, id: &str) -> Result<Option<MailFolder>> {
        self.server()
            .read("reading a folder", move |session| {
                async move {
                    let mailbox = numbers::mailbox(session, mailbox.as_str()).await?;
                    let Some(mailbox) = mailbox else {
                        return Ok(None);
                    };
                    let mut row = session.row_opt(ONE, &[&mailbox, &id]).await?;
                    if row.is_none() {
                        let name = id.to_ascii_lowercase();
                        row = session.row_opt(BY_NAME, &[&mailbox, &name]).await?;
                    }
                    row.as_ref().map(folder).transpose()
                }
                .boxed()
            })
            .await
    }
}
