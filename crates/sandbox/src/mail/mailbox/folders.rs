//! The folder tree.

use std::cmp::Reverse;

use super::{Mailbox, id_malformed, item_not_found};
use crate::call::GraphError;
use crate::mail::folder::{Folder, ROOT, well_known};
use crate::mail::ids::Id;

impl Mailbox {
    /// The number of a folder by id or well-known name.
    pub(crate) fn folder_number(&self, id: &str) -> Result<u32, GraphError> {
        if let Some(number) = well_known(id) {
            return Ok(number);
        }
        match self.ids.read(id) {
            Some(Id::Folder(number)) if self.folders.contains_key(&number) => Ok(number),
            Some(_) => Err(item_not_found()),
            None => Err(id_malformed()),
        }
    }

    /// A folder.
    pub(crate) fn folder(&self, number: u32) -> Result<&Folder, GraphError> {
        self.folders.get(&number).ok_or_else(item_not_found)
    }

    /// The folders right below another.
    pub(crate) fn children(&self, parent: u32) -> impl Iterator<Item = &Folder> {
        self.folders
            .values()
            .filter(move |folder| folder.parent == parent)
    }

    /// Whether `number` is `above` or somewhere below it.
    pub(crate) fn is_within(&self, number: u32, above: u32) -> bool {
        let mut at = number;
        for _ in 0..=self.folders.len() {
            if at == above {
                return true;
            }
            match self.folders.get(&at) {
                Some(folder) if folder.parent != 0 => at = folder.parent,
                _ => return false,
            }
        }
        false
    }

    /// Whether a message in this folder is seen in `/messages`: all below the root are.
    pub(crate) fn is_visible(&self, folder: u32) -> bool {
        self.is_within(folder, ROOT)
    }

    /// A new folder.
    pub(crate) fn create_folder(
        &mut self,
        parent: u32,
        name: &str,
        hidden: bool,
    ) -> Result<u32, GraphError> {
        self.check_name(parent, name, None)?;
        let number = self.next_folder;
        self.next_folder += 1;
        let mut folder = Folder::new(number, name, parent);
        folder.hidden = hidden;
        folder.changed = self.tick();
        self.folders.insert(number, folder);
        self.touch_folder(parent);
        Ok(number)
    }

    /// A folder by name, made when missing.
    pub(crate) fn folder_named(&mut self, parent: u32, name: &str) -> u32 {
        let known = self
            .children(parent)
            .find(|folder| folder.name.eq_ignore_ascii_case(name))
            .map(|folder| folder.number);
        known
            .or_else(|| self.create_folder(parent, name, false).ok())
            .unwrap_or(parent)
    }

    /// Refuses a name that is empty or taken by a sibling.
    pub(crate) fn check_name(
        &self,
        parent: u32,
        name: &str,
        but: Option<u32>,
    ) -> Result<(), GraphError> {
        if name.trim().is_empty() || name.chars().count() > 255 {
            return Err(GraphError::new(
                400,
                "ErrorInvalidRequest",
                "The display name of a folder must have 1 to 255 characters.",
            ));
        }
        let taken = self.children(parent).any(|folder| {
            Some(folder.number) != but && folder.name.to_lowercase() == name.to_lowercase()
        });
        if taken {
            return Err(GraphError::new(
                409,
                "ErrorFolderExists",
                "A folder with the specified name already exists.",
            ));
        }
        Ok(())
    }

    /// Renames or hides a folder.
    pub(crate) fn rename_folder(&mut self, number: u32, name: &str) -> Result<(), GraphError> {
        let parent = self.folder(number)?.parent;
        self.check_name(parent, name, Some(number))?;
        if let Some(folder) = self.folders.get_mut(&number) {
            folder.name = name.to_owned();
        }
        self.touch_folder(number);
        Ok(())
    }

    /// Moves a folder with all in it.
    pub(crate) fn move_folder(&mut self, number: u32, parent: u32) -> Result<(), GraphError> {
        let folder = self.folder(number)?;
        if folder.well_known.is_some() || self.is_within(parent, number) {
            return Err(GraphError::new(
                400,
                "ErrorMoveCopyFailed",
                "The move or copy operation failed.",
            ));
        }
        let (name, before) = (folder.name.clone(), folder.parent);
        self.check_name(parent, &name, Some(number))?;
        if let Some(folder) = self.folders.get_mut(&number) {
            folder.parent = parent;
        }
        self.touch_folder(before);
        self.touch_folder(parent);
        self.touch_folder(number);
        Ok(())
    }

    /// Removes a folder, what is below it and every message in them.
    pub(crate) fn remove_folder(&mut self, number: u32) {
        let doomed: Vec<u32> = self
            .folders
            .keys()
            .copied()
            .filter(|&folder| self.is_within(folder, number))
            .collect();
        let parent = self.folders.get(&number).map_or(0, |folder| folder.parent);
        for folder in doomed {
            if let Some(folder) = self.folders.remove(&folder) {
                for (_, Reverse(message)) in folder.order {
                    if let Some(slot) = self.slot(message) {
                        *slot = None;
                    }
                }
                let at = self.tick();
                self.gone_folders.push((at, folder.number));
            }
        }
        self.touch_folder(parent);
    }

    /// Notes that a folder changed.
    pub(crate) fn touch_folder(&mut self, number: u32) {
        let at = self.tick();
        if let Some(folder) = self.folders.get_mut(&number) {
            folder.changed = at;
        }
    }
}
