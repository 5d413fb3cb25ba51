//! Mail folders.

use crate::access::Caller;
use crate::mirror::folders::keep;
use crate::{Engine, Problem, Result};
use postroom_microsoft::graph::mail_folders;
use postroom_model::FolderId;
use postroom_model::mailbox::Mailbox;
use postroom_model::resource::folder::MailFolder;
use std::collections::HashMap;
use std::time::Duration;

/// A folder with its readable path: `Inbox/Customers/Open`.
#[derive(Clone, Debug)]
pub struct FolderView {
    /// The folder.
    pub folder: MailFolder,
    /// Names from the root down, joined by `/`.
    pub path: String,
}

/// Microsoft's limit is 250; anything longer is refused here with a clear word.
const LONGEST_NAME: usize = 250;

impl Engine {
    /// All folders of the mirror, parents before children.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn folders(&self, mailbox: &Mailbox) -> Result<Vec<FolderView>> {
        let folders = self.store().folders(&mailbox.id).await?;
        let mut paths: HashMap<FolderId, String> = HashMap::with_capacity(folders.len());
        Ok(folders
            .into_iter()
            .map(|folder| {
                let above = folder
                    .parent_folder_id
                    .as_ref()
                    .and_then(|parent| paths.get(parent));
                let path = match above {
                    Some(above) => format!("{above}/{}", folder.display_name),
                    None => folder.display_name.clone(),
                };
                paths.insert(folder.id.clone(), path.clone());
                FolderView { folder, path }
            })
            .collect())
    }

    /// One, by id or well-known name.
    ///
    /// # Errors
    /// `notFound`.
    pub async fn folder(&self, mailbox: &Mailbox, named: &str) -> Result<FolderView> {
        let id = self.folder_id(mailbox, named).await?;
        self.folders(mailbox)
            .await?
            .into_iter()
            .find(|view| view.folder.id == id)
            .ok_or_else(|| Problem::not_found("folder", named))
    }

    /// The id behind an id or a well-known name.
    pub(crate) async fn folder_id(&self, mailbox: &Mailbox, named: &str) -> Result<FolderId> {
        match self.store().folder(&mailbox.id, named).await? {
            Some(folder) => Ok(folder.id),
            None => Err(Problem::new(
                crate::Code::NotFound,
                format!(
                    "There is no folder {named:?} in {}: give an id from the list of folders or a \
                     well-known name such as inbox. A mailbox that was just added knows its \
                     folders after its first sync.",
                    mailbox.address
                ),
            )),
        }
    }

    /// Makes one, at the root or in `parent` (id or well-known name).
    ///
    /// # Errors
    /// `invalidRequest` for an unfit name; Microsoft's refusals.
    pub async fn create_folder(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        name: &str,
        parent: Option<&str>,
    ) -> Result<FolderView> {
        let name = folder_name(name)?;
        let parent = match parent {
            Some(named) => Some(self.folder_id(mailbox, named).await?),
            None => None,
        };
        let who = self.identity_for(mailbox, caller.name()).await?;
        let made: MailFolder = mail_folders::create(
            self.door(),
            &who,
            &mailbox.id,
            parent.as_ref().map(FolderId::as_str),
            name,
        )
        .await?;
        self.keep_folder(mailbox, made).await
    }

    /// Renames one.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for an unfit name; Microsoft's refusals.
    pub async fn rename_folder(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        named: &str,
        name: &str,
    ) -> Result<FolderView> {
        let name = folder_name(name)?;
        let kept = self.folder(mailbox, named).await?.folder;
        let who = self.identity_for(mailbox, caller.name()).await?;
        let mut renamed: MailFolder =
            mail_folders::rename(self.door(), &who, &mailbox.id, kept.id.as_str(), name).await?;
        renamed.well_known_name = kept.well_known_name;
        self.keep_folder(mailbox, renamed).await
    }

    /// Deletes one with what is in it.
    ///
    /// # Errors
    /// `notFound`; Microsoft's refusals.
    pub async fn delete_folder(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        named: &str,
    ) -> Result<()> {
        let id = self.folder_id(mailbox, named).await?;
        let who = self.identity_for(mailbox, caller.name()).await?;
        mail_folders::delete(self.door(), &who, &mailbox.id, id.as_str()).await?;
        // Microsoft puts it into Deleted Items, with all that is in it: the next round says how the
        // tree looks.
        self.sync_mailbox(&mailbox.id, Duration::ZERO).await?;
        Ok(())
    }

    async fn keep_folder(&self, mailbox: &Mailbox, folder: MailFolder) -> Result<FolderView> {
        let id = folder.id.clone();
        keep(self, &mailbox.id, folder).await?;
        self.folder(mailbox, id.as_str()).await
    }
}

fn folder_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control)
    {
        return Err(Problem::invalid(format!(
            "A folder's name has 1 to {LONGEST_NAME} characters and no control characters."
        )));
    }
    Ok(name)
}
