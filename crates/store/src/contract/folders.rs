//! The mirror's folder tree.

use super::Result;
use super::cursors::Cursor;
use async_trait::async_trait;
use postroom_model::resource::folder::MailFolder;
use postroom_model::{FolderId, MailboxId, Timestamp};

/// What came of the folder tree.
#[derive(Clone, Debug)]
pub struct FolderPage {
    /// New or changed folders, whole.
    pub folders: Vec<MailFolder>,
    /// Folders that are gone.
    pub removed: Vec<FolderId>,
    /// Whether `folders` is the whole tree: what is not in it is gone.
    pub whole: bool,
    /// How far the tree was read, if that is to be kept.
    pub cursor: Option<Cursor>,
}

/// The mirror's folder tree.
#[async_trait]
pub trait Folders {
    /// Takes in a page of the tree, with a change for every folder that is new, differs in more
    /// than its counts, or is gone. The messages of a folder that is gone are marked as leaving
    /// (see [`super::messages::Messages::settle`]) and its cursor is forgotten; the numbers that
    /// it gave to messages are never given again. The cursor's key is
    /// `{mailbox, mailFolders, ""}`.
    async fn apply_folders(
        &self,
        mailbox: &MailboxId,
        page: &FolderPage,
        at: Timestamp,
    ) -> Result<()>;
    /// All folders, parents before children.
    async fn folders(&self, mailbox: &MailboxId) -> Result<Vec<MailFolder>>;
    /// One, by id or by well-known name (without regard to case).
    async fn folder(&self, mailbox: &MailboxId, id: &str) -> Result<Option<MailFolder>>;
}
