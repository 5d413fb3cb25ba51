//! One mailbox: its folders, its messages and the clockwork that numbers every change.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::bulk::Bulk;
use super::folder::{Folder, ROOT, WELL_KNOWN, well_known};
use super::ids::{Ids, Key};
use super::item::Item;
use super::stamp::Seconds;
use crate::call::GraphError;
use crate::directory::people::Person;

mod folders;
mod messages;

/// Where a message's content is.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Invented on demand.
    Bulk(u32),
    /// Kept.
    Kept(Arc<Item>),
}

/// A message's place.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) folder: u32,
    pub(crate) generation: u32,
    pub(crate) change: u64,
    pub(crate) received: Seconds,
    pub(crate) read: bool,
    pub(crate) source: Source,
}

/// Something that shows up later: the copy in Sent Items.
#[derive(Debug)]
struct Waiting {
    due: Seconds,
    number: u64,
    entry: Entry,
}

/// A mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) owner: Person,
    pub(crate) ids: Ids,
    pub(crate) folders: BTreeMap<u32, Folder>,
    /// Counts changes; 0 is the state at the start.
    pub(crate) sequence: u64,
    /// Folders that are gone, and when.
    pub(crate) gone_folders: Vec<(u64, u32)>,
    entries: Vec<Option<Entry>>,
    waiting: Vec<Waiting>,
    next_folder: u32,
    bulk: Option<Bulk>,
    /// Until the sandbox is started, what is put in belongs to the state at the start.
    seeding: bool,
}

impl Mailbox {
    /// A mailbox with the well-known folders, named in the owner's language.
    pub(crate) fn new(owner: Person) -> Self {
        let language = match owner.preferred_language.get(..2) {
            Some(code) if code.eq_ignore_ascii_case("de") => 1,
            Some(code) if code.eq_ignore_ascii_case("fr") => 2,
            Some(code) if code.eq_ignore_ascii_case("es") => 3,
            Some(code) if code.eq_ignore_ascii_case("it") => 4,
            _ => 0,
        };
        let mut folders = BTreeMap::new();
        for known in WELL_KNOWN {
            let number = well_known(known.name).unwrap_or(0);
            let parent = well_known(known.parent).unwrap_or(0);
            let mut folder = Folder::new(number, known.names[language], parent);
            folder.hidden = known.hidden;
            folder.well_known = Some(known.name);
            folders.insert(number, folder);
        }
        Self {
            ids: Ids::new(&owner.id),
            owner,
            next_folder: 100,
            folders,
            sequence: 0,
            gone_folders: Vec::new(),
            entries: Vec::new(),
            waiting: Vec::new(),
            bulk: None,
            seeding: true,
        }
    }

    /// From now on every change counts.
    pub(crate) fn start(&mut self) {
        self.seeding = false;
    }

    /// Whether an address is the owner's.
    pub(crate) fn is_own(&self, address: &str) -> bool {
        self.owner.mail.eq_ignore_ascii_case(address)
            || self.owner.user_principal_name.eq_ignore_ascii_case(address)
    }

    fn slot(&mut self, number: u64) -> Option<&mut Option<Entry>> {
        self.entries.get_mut(usize::try_from(number).ok()?)
    }

    fn place(&mut self, number: u64, mut entry: Entry) {
        let at = self.tick();
        entry.change = at;
        let key = Key {
            number,
            generation: entry.generation,
        };
        // The folder can be gone when a delayed copy becomes due.
        if !self.folders.contains_key(&entry.folder) {
            entry.folder = well_known("deleteditems").unwrap_or(ROOT);
        }
        let seeding = self.seeding;
        if let Some(folder) = self.folders.get_mut(&entry.folder) {
            folder
                .order
                .insert((Reverse(entry.received), Reverse(number)));
            if !entry.read {
                folder.unread += 1;
            }
            if !seeding {
                folder.note_added(at, key);
            }
        }
        if let Some(slot) = self.slot(number) {
            *slot = Some(entry);
        }
    }

    fn lift(&mut self, number: u64) -> Option<Entry> {
        let entry = self.slot(number)?.take()?;
        let at = self.tick();
        let key = Key {
            number,
            generation: entry.generation,
        };
        if let Some(folder) = self.folders.get_mut(&entry.folder) {
            folder
                .order
                .remove(&(Reverse(entry.received), Reverse(number)));
            if !entry.read {
                folder.unread = folder.unread.saturating_sub(1);
            }
            folder.note_gone(at, key);
        }
        Some(entry)
    }

    fn tick(&mut self) -> u64 {
        if !self.seeding {
            self.sequence += 1;
        }
        self.sequence
    }
}

/// 404 as Exchange words it.
pub(crate) fn item_not_found() -> GraphError {
    GraphError::new(
        404,
        "ErrorItemNotFound",
        "The specified object was not found in the store.",
    )
}

/// 400 for an id that cannot be read.
pub(crate) fn id_malformed() -> GraphError {
    GraphError::new(400, "ErrorInvalidIdMalformed", "Id is malformed.")
}
