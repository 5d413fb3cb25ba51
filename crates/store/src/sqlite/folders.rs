//! The mirror's folder tree.

use super::changes::ChangeWriter;
use super::errors::Answer;
use super::writer::Tx;
use super::{SqliteStore, cursors, messages, numbers};
use crate::contract::Result;
use crate::contract::folders::{FolderPage, Folders};
use crate::folder_tree::{differ, parents_first};
use crate::text;
use crate::version::TAKING_IN_FOLDERS;
use async_trait::async_trait;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::resource::folder::MailFolder;
use postroom_model::{FolderId, MailboxId, Timestamp};
use rusqlite::{Connection, Row, params};
use std::collections::HashSet;

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
const PUT: &str = "INSERT INTO folders (mailbox, id, parent_folder_id, display_name,
        well_known_name, child_folder_count, total_item_count, unread_item_count, is_hidden)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (mailbox, id) DO UPDATE SET parent_folder_id = excluded.parent_folder_id,
        display_name = excluded.display_name, well_known_name = excluded.well_known_name,
        child_folder_count = excluded.child_folder_count,
        total_item_count = excluded.total_item_count,
        unread_item_count = excluded.unread_item_count, is_hidden = excluded.is_hidden";
const REMOVE: &str = "DELETE FROM folders WHERE mailbox = $1 AND id = $2";

fn folder(row: &Row<'_>) -> Answer<MailFolder> {
    Ok(MailFolder {
        id: FolderId::new(row.get::<_, String>(0)?),
        parent_folder_id: row.get::<_, Option<String>>(1)?.map(FolderId::new),
        display_name: row.get(2)?,
        well_known_name: row.get(3)?,
        child_folder_count: row.get(4)?,
        total_item_count: row.get(5)?,
        unread_item_count: row.get(6)?,
        is_hidden: row.get(7)?,
    })
}

fn find(connection: &Connection, sql: &str, mailbox: i64, by: &str) -> Answer<Option<MailFolder>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![mailbox, by])?;
    rows.next()?.map(folder).transpose()
}

fn all(connection: &Connection, mailbox: i64) -> Answer<Vec<MailFolder>> {
    let mut statement =
        connection.prepare_cached(select!("WHERE mailbox = $1 ORDER BY display_name, id"))?;
    statement.query_and_then([mailbox], folder)?.collect()
}

fn put(
    tx: &Tx<'_>,
    mailbox: i64,
    folder: &MailFolder,
    changes: &mut ChangeWriter<'_, '_>,
) -> Answer<()> {
    let there = find(tx, ONE, mailbox, folder.id.as_str())?;
    if there.as_ref() == Some(folder) {
        return Ok(());
    }
    tx.prepare_cached(PUT)?.execute(params![
        mailbox,
        folder.id.as_str(),
        folder.parent_folder_id.as_ref().map(FolderId::as_str),
        folder.display_name,
        folder.well_known_name,
        folder.child_folder_count,
        folder.total_item_count,
        folder.unread_item_count,
        folder.is_hidden,
    ])?;
    let kind = match there {
        None => ChangeKind::Created,
        Some(there) if differ(&there, folder) => ChangeKind::Updated,
        Some(_) => return Ok(()),
    };
    changes.write(ChangedResource::Folder, folder.id.as_str(), kind)
}

fn remove(
    tx: &Tx<'_>,
    owner: &MailboxId,
    mailbox: i64,
    id: &str,
    changes: &mut ChangeWriter<'_, '_>,
) -> Answer<()> {
    let removed = tx.prepare_cached(REMOVE)?.execute(params![mailbox, id])?;
    if removed > 0 {
        changes.write(ChangedResource::Folder, id, ChangeKind::Deleted)?;
    }
    if let Some(number) = numbers::folder(tx, mailbox, id)? {
        messages::folder_is_leaving(tx, number)?;
    }
    cursors::forget(tx, owner.as_str(), cursors::MESSAGES, id)
}

#[async_trait]
impl Folders for SqliteStore {
    async fn apply_folders(
        &self,
        mailbox: &MailboxId,
        page: &FolderPage,
        at: Timestamp,
    ) -> Result<()> {
        let (owner, page) = (mailbox.clone(), page.clone());
        self.write(TAKING_IN_FOLDERS, move |tx| {
            let Some(mailbox) = numbers::mailbox(tx, owner.as_str())? else {
                return Ok(());
            };
            let mut changes = ChangeWriter::begin(tx, mailbox, at)?;
            let mut gone = page.removed;
            if page.whole {
                gone.extend(all(tx, mailbox)?.into_iter().map(|folder| folder.id));
            }
            let here: HashSet<_> = page.folders.iter().map(|folder| &folder.id).collect();
            gone.retain(|id| !here.contains(id));
            for folder in &page.folders {
                put(tx, mailbox, &text::clean_folder(folder), &mut changes)?;
            }
            for id in &gone {
                remove(tx, &owner, mailbox, id.as_str(), &mut changes)?;
            }
            if let Some(cursor) = &page.cursor {
                cursors::put(tx, owner.as_str(), cursors::MAIL_FOLDERS, "", cursor)?;
            }
            changes.finish()
        })
        .await
    }

    async fn folders(&self, mailbox: &MailboxId) -> Result<Vec<MailFolder>> {
        let folders = self.read("listing folders", |connection| {
            match numbers::mailbox(connection, mailbox.as_str())? {
                Some(mailbox) => all(connection, mailbox),
                None => Ok(Vec::new()),
            }
        })?;
        Ok(parents_first(folders))
    }

    async fn folder(&self, mailbox: &MailboxId, id: &str) -> Result<Option<MailFolder>> {
        self.read("reading a folder", |connection| {
            let Some(mailbox) = numbers::mailbox(connection, mailbox.as_str())? else {
                return Ok(None);
            };
            match find(connection, ONE, mailbox, id)? {
                Some(folder) => Ok(Some(folder)),
                None => find(connection, BY_NAME, mailbox, &id.to_ascii_lowercase()),
            }
        })
    }
}
