//! Messages coming, going and changing.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use super::{Entry, Mailbox, Source, Waiting, id_malformed, item_not_found};
use crate::call::GraphError;
use crate::mail::bulk::Bulk;
use crate::mail::ids::{Id, Key};
use crate::mail::item::Item;
use crate::mail::stamp::Seconds;

impl Mailbox {
    /// A message by id of either kind.
    pub(crate) fn message_number(&self, id: &str) -> Result<u64, GraphError> {
        match self.ids.read(id) {
            Some(Id::Message(key)) => self
                .entry(key.number)
                .filter(|entry| entry.generation == key.generation)
                .map(|_| key.number)
                .ok_or_else(item_not_found),
            Some(Id::Immutable(number)) => self
                .entry(number)
                .map(|_| number)
                .ok_or_else(item_not_found),
            Some(_) => Err(item_not_found()),
            None => Err(id_malformed()),
        }
    }

    /// A message's entry.
    pub(crate) fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries
            .get(usize::try_from(number).ok()?)
            .and_then(Option::as_ref)
    }

    /// A message's key.
    pub(crate) fn key(&self, number: u64) -> Key {
        Key {
            number,
            generation: self.entry(number).map_or(0, |entry| entry.generation),
        }
    }

    /// All messages there are, with their numbers.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(number, entry)| Some((number as u64, entry.as_ref()?)))
    }

    /// A message's content. Without `body` what is invented may lack body and preview.
    pub(crate) fn load<'a>(&'a self, entry: &'a Entry, body: bool) -> Cow<'a, Item> {
        match &entry.source {
            Source::Kept(item) => Cow::Borrowed(item),
            Source::Bulk(index) => Cow::Owned(match &self.bulk {
                Some(bulk) => bulk.item(*index, body),
                None => Item::default(),
            }),
        }
    }

    /// A message by its internet message id, angle brackets included.
    pub(crate) fn by_message_id(&self, id: &str) -> Option<Cow<'_, Item>> {
        let in_bulk = Bulk::index_of(id);
        self.entries().find_map(|(_, entry)| {
            if let Source::Bulk(index) = entry.source
                && Some(index) != in_bulk
            {
                return None;
            }
            let item = self.load(entry, false);
            (item.internet_message_id == id).then_some(item)
        })
    }

    /// Puts a message into a folder.
    pub(crate) fn add(&mut self, folder: u32, item: Item) -> u64 {
        let number = self.entries.len() as u64;
        self.entries.push(None);
        let entry = Entry {
            folder,
            generation: 0,
            change: 0,
            received: item.received,
            read: item.is_read,
            source: Source::Kept(Arc::new(item)),
        };
        self.place(number, entry);
        number
    }

    /// Puts a message into a folder once `due` has come; until then its number is unknown.
    pub(crate) fn add_later(&mut self, due: Seconds, folder: u32, item: Item) -> u64 {
        let number = self.entries.len() as u64;
        self.entries.push(None);
        let entry = Entry {
            folder,
            generation: 0,
            change: 0,
            received: item.received,
            read: item.is_read,
            source: Source::Kept(Arc::new(item)),
        };
        self.waiting.push(Waiting { due, number, entry });
        number
    }

    /// Takes a message away to show it again in another folder, with other content, later or
    /// (`due` is `None`) at once. The immutable id stays.
    pub(crate) fn replace(&mut self, number: u64, folder: u32, item: Item, due: Option<Seconds>) {
        let Some(before) = self.lift(number) else {
            return;
        };
        let entry = Entry {
            folder,
            generation: before.generation + 1,
            change: 0,
            received: item.received,
            read: item.is_read,
            source: Source::Kept(Arc::new(item)),
        };
        match due {
            Some(due) => self.waiting.push(Waiting { due, number, entry }),
            None => self.place(number, entry),
        }
    }

    /// Whether something has become due.
    pub(crate) fn has_due(&self, now: Seconds) -> bool {
        self.waiting.iter().any(|waiting| waiting.due <= now)
    }

    /// Shows what has become due.
    pub(crate) fn settle(&mut self, now: Seconds) {
        let (due, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.due <= now);
        self.waiting = rest;
        let due: Vec<Waiting> = due;
        for waiting in due {
            self.place(waiting.number, waiting.entry);
        }
    }

    /// Moves a message. Its default id changes.
    pub(crate) fn move_message(&mut self, number: u64, folder: u32, now: Seconds) {
        let Some(mut entry) = self.lift(number) else {
            return;
        };
        entry.generation += 1;
        entry.folder = folder;
        let mut item = self.load(&entry, true).into_owned();
        item.modified = now;
        entry.source = Source::Kept(Arc::new(item));
        self.place(number, entry);
    }

    /// Removes a message for good.
    pub(crate) fn remove(&mut self, number: u64) {
        self.lift(number);
    }

    /// Changes a message.
    pub(crate) fn update(&mut self, number: u64, item: Item, read_state_only: bool) {
        let at = self.tick();
        let Some(entry) = usize::try_from(number)
            .ok()
            .and_then(|number| self.entries.get_mut(number))
            .and_then(Option::as_mut)
        else {
            return;
        };
        let was_read = entry.read;
        let was_received = entry.received;
        entry.change = at;
        entry.read = item.is_read;
        entry.received = item.received;
        let (is_read, received) = (entry.read, entry.received);
        entry.source = Source::Kept(Arc::new(item));
        let key = Key {
            number,
            generation: entry.generation,
        };
        if let Some(folder) = self.folders.get_mut(&entry.folder) {
            if was_received != received {
                folder
                    .order
                    .remove(&(Reverse(was_received), Reverse(number)));
                folder.order.insert((Reverse(received), Reverse(number)));
            }
            match (was_read, is_read) {
                (false, true) => folder.unread = folder.unread.saturating_sub(1),
                (true, false) => folder.unread += 1,
                _ => {}
            }
            folder.note_changed(at, key, read_state_only);
        }
    }

    /// Takes the bulk in: messages are spread over `folders` in turn.
    pub(crate) fn take_bulk(&mut self, bulk: Bulk, folders: &[u32]) {
        let mut orders: Vec<Vec<(Reverse<Seconds>, Reverse<u64>)>> =
            vec![Vec::with_capacity(bulk.count() / folders.len().max(1) + 1); folders.len()];
        let mut unread = vec![0_usize; folders.len()];
        self.entries.reserve(bulk.count());
        for index in 0..u32::try_from(bulk.count()).unwrap_or(u32::MAX) {
            let place = bulk.folder(index, folders.len());
            let Some(&folder) = folders.get(place) else {
                continue;
            };
            let number = self.entries.len() as u64;
            let received = bulk.received(index);
            let read = bulk.is_read(index);
            if !read {
                unread[place] += 1;
            }
            orders[place].push((Reverse(received), Reverse(number)));
            self.entries.push(Some(Entry {
                folder,
                generation: 0,
                change: 0,
                received,
                read,
                source: Source::Bulk(index),
            }));
        }
        for ((number, order), unread) in folders.iter().zip(orders).zip(unread) {
            if let Some(folder) = self.folders.get_mut(number) {
                folder.order.extend(order);
                folder.unread += unread;
            }
        }
        self.bulk = Some(bulk);
    }
}
