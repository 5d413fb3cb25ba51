//! Taking messages in: what is new, what is another than before, what only was seen again.
//!
//! A page is looked up in one go, decided here, and written in one go: a handful of statements
//! over arrays, each sent without waiting for the one before.

mod batch;

use super::changes;
use super::errors::{Answer, Fault};
use super::list_messages;
use super::mailboxes;
use super::numbers::{self, LockedMailbox};
use super::server::Tx;
use super::values::kept;
use crate::contract::messages::Applied;
use crate::text;
use batch::Batch;
use postroom_model::Timestamp;
use postroom_model::change::{ChangeKind, ChangedResource};
use postroom_model::resource::message::MessageRecord;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;

/// So many messages are looked up and written in one go.
const AT_ONCE: usize = 200;

const NEW_FOLDERS: &str = "INSERT INTO folder_numbers (mailbox, folder, last_message)
    SELECT $1, folder, 0 FROM unnest($2::text[]) AS folder
    ON CONFLICT (mailbox, folder) DO NOTHING";
const FOLDERS: &str = "SELECT folder, number, last_message FROM folder_numbers
    WHERE mailbox = $1 AND folder = ANY ($2)";
const COUNT_ON: &str = "UPDATE folder_numbers f SET last_message = it.last
    FROM unnest($2::bigint[], $3::bigint[]) AS it (number, last)
    WHERE f.mailbox = $1 AND f.number = it.number";
const FIND: &str = "SELECT id, number, change_key, folder, leaving, seen, attachments_known, place
    FROM messages WHERE mailbox = $1 AND id = ANY ($2)";
const CONTENTS: &str = "SELECT a.message, a.id, a.blob_hash, a.blob_size
    FROM messages m JOIN attachments a ON a.mailbox = m.mailbox AND a.message = m.number
    WHERE m.mailbox = $1 AND m.id = ANY ($2) AND a.blob_hash IS NOT NULL";
// What is here stays until the transaction ends: see `blobs`.
const HERE: &str = "SELECT hash FROM blobs WHERE hash = ANY ($1) ORDER BY hash FOR KEY SHARE";
const NUMBERS: &str = "SELECT nextval(pg_get_serial_sequence('postroom_data.messages', 'number'))
    FROM generate_series(1, $1::bigint)";

/// A message as it is kept, as far as taking it in again needs it.
struct There {
    number: i64,
    change_key: Option<String>,
    folder: i64,
    leaving: bool,
    seen: i64,
    attachments_known: bool,
    place: i64,
}

impl There {
    fn read(row: &Row) -> Answer<(String, Self)> {
        Ok((
            row.try_get(0)?,
            Self {
                number: row.try_get(1)?,
                change_key: row.try_get(2)?,
                folder: row.try_get(3)?,
                leaving: row.try_get(4)?,
                seen: row.try_get(5)?,
                attachments_known: row.try_get(6)?,
                place: row.try_get(7)?,
            },
        ))
    }
}

/// A folder that gives numbers to messages. Read once, counted in memory, written once at the end.
struct FolderCounter {
    number: i64,
    last: i64,
    moved: bool,
}

/// What was found out about some messages before they are taken in.
#[derive(Default)]
struct Found {
    there: HashMap<String, There>,
    /// By message and attachment: the content that is here, and its size.
    pub(super) contents: HashMap<(i64, String), (String, i64)>,
    /// Hashes of contents that are here.
    here: HashSet<String>,
    /// Numbers for new messages.
    numbers: Vec<i64>,
    /// Whole messages as they are kept, of those that have no change key.
    whole: HashMap<String, MessageRecord>,
}

/// Takes messages of one mailbox in, within one unit of work.
pub(super) struct Intake<'t, 'a> {
    tx: &'t Tx<'a>,
    mailbox: LockedMailbox,
    /// When messages taken in count as seen.
    seen: i64,
    time: Timestamp,
    folders: HashMap<String, FolderCounter>,
    more: i64,
    /// What it changed up to now.
    pub(super) applied: Applied,
}

impl<'t, 'a> Intake<'t, 'a> {
    /// For a mailbox. What it takes in counts as seen by `comparison`, and at `time`.
    pub(super) fn begin(
        tx: &'t Tx<'a>,
        mailbox: LockedMailbox,
        comparison: Option<i64>,
        time: Timestamp,
    ) -> Self {
        let now = time.as_microsecond();
        Self {
            tx,
            mailbox,
            seen: comparison.map_or(now, |comparison| comparison.max(now)),
            time,
            folders: HashMap::new(),
            more: 0,
            applied: Applied::default(),
        }
    }

    /// The mailbox's number.
    pub(super) fn mailbox(&self) -> i64 {
        self.mailbox.number
    }

    /// The number of a folder that was looked up.
    pub(super) fn folder(&self, id: &str) -> Answer<i64> {
        let folder = self.folders.get(id);
        folder
            .map(|folder| folder.number)
            .ok_or(Fault::Broken("a folder was not looked up"))
    }

    /// Looks folders up; those that had no number get one.
    pub(super) async fn look_up_folders(&mut self, ids: &[&str]) -> Answer<()> {
        let unknown: Vec<&str> = ids
            .iter()
            .copied()
            .filter(|id| !self.folders.contains_key(*id))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let [new, find] = self.tx.statements([NEW_FOLDERS, FOLDERS]).await?;
        let client = self.tx.client();
        let number = self.mailbox.number;
        let (made, found) = tokio::join!(
            biased;
            async { client.execute(&new, &[&number, &unknown]).await },
            async { client.query(&find, &[&number, &unknown]).await },
        );
        made?;
        for row in found? {
            let counter = FolderCounter {
                number: row.try_get(1)?,
                last: row.try_get(2)?,
                moved: false,
            };
            self.folders.insert(row.try_get(0)?, counter);
        }
        Ok(())
    }

    fn next_place(&mut self, folder: &str) -> Answer<i64> {
        let counter = self
            .folders
            .get_mut(folder)
            .ok_or(Fault::Broken("a folder was not looked up"))?;
        counter.moved = true;
        counter.last += 1;
        Ok(counter.last)
    }

    /// Takes messages in, in their order.
    pub(super) async fn take(&mut self, messages: &[MessageRecord]) -> Answer<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            // A message that comes twice is there already when it comes again.
            let mut ids = HashSet::new();
            let length = rest
                .iter()
                .take(AT_ONCE)
                .take_while(|message| ids.insert(message.id.as_str()))
                .count();
            let (now, later) = rest.split_at(length);
            let now: Vec<_> = now.iter().map(text::clean_message).collect();
            self.take_some(&now).await?;
            rest = later;
        }
        Ok(())
    }

    async fn take_some(&mut self, messages: &[Cow<'_, MessageRecord>]) -> Answer<()> {
        let folders: HashSet<&str> = messages.iter().map(|it| it.folder.as_str()).collect();
        self.look_up_folders(&folders.into_iter().collect::<Vec<_>>())
            .await?;
        let found = self.look_up(messages).await?;
        let mut batch = Batch::default();
        for message in messages {
            self.decide(message, &found, &mut batch)?;
        }
        batch.write(self.tx, self.mailbox.number, self.seen).await
    }

    async fn look_up(&self, messages: &[Cow<'_, MessageRecord>]) -> Answer<Found> {
        let ids: Vec<&str> = messages.iter().map(|it| it.id.as_str()).collect();
        let attachments = messages
            .iter()
            .flat_map(|it| it.attachments.iter().flatten());
        let hashes: Vec<&str> = attachments
            .filter_map(|it| it.blob.as_ref().map(|blob| blob.hash.as_str()))
            .collect();
        let wanted = kept(messages.len() as u64);
        let number = self.mailbox.number;
        let statements = [FIND, CONTENTS, HERE, NUMBERS];
        let [find, contents, here, numbers] = self.tx.statements(statements).await?;
        let client = self.tx.client();
        let (there, contents, here, numbers) = tokio::join!(
            biased;
            async { client.query(&find, &[&number, &ids]).await },
            async { client.query(&contents, &[&number, &ids]).await },
            async { client.query(&here, &[&hashes]).await },
            async { client.query(&numbers, &[&wanted]).await },
        );
        let mut found = Found::default();
        for row in there? {
            let (id, there) = There::read(&row)?;
            found.there.insert(id, there);
        }
        for row in contents? {
            let of = (row.try_get(0)?, row.try_get(1)?);
            found
                .contents
                .insert(of, (row.try_get(2)?, row.try_get(3)?));
        }
        for row in here? {
            found.here.insert(row.try_get(0)?);
        }
        for row in numbers? {
            found.numbers.push(row.try_get(0)?);
        }
        // Without change keys everything has to be compared.
        let keyless: Vec<&str> = messages
            .iter()
            .filter(|it| it.change_key.is_none())
            .map(|it| it.id.as_str())
            .filter(|id| {
                found
                    .there
                    .get(*id)
                    .is_some_and(|it| it.change_key.is_none())
            })
            .collect();
        if !keyless.is_empty() {
            for stored in list_messages::some(self.tx, number, &keyless).await? {
                let record = stored.record;
                found.whole.insert(record.id.as_str().to_owned(), record);
            }
        }
        Ok(found)
    }

    fn decide<'m>(
        &mut self,
        message: &'m MessageRecord,
        found: &Found,
        batch: &mut Batch<'m>,
    ) -> Answer<()> {
        let folder = self.folder(message.folder.as_str())?;
        let Some(there) = found.there.get(message.id.as_str()) else {
            let place = self.next_place(message.folder.as_str())?;
            let number = *found
                .numbers
                .get(batch.new.numbers.len())
                .ok_or(Fault::Broken("a message got no number"))?;
            batch.new.push(number, folder, place, message);
            batch.put_attachments(number, message.attachments.as_deref(), found);
            self.more += 1;
            self.applied.created += 1;
            self.note(message, ChangeKind::Created);
            return Ok(());
        };
        if there.folder == folder && is_same(there, message, found) {
            if there.leaving || there.seen < self.seen {
                batch.seen.push(there.number);
            }
            let attachments = message.attachments.as_deref();
            if there.attachments_known {
                batch.fill_attachments(there.number, attachments, found);
            } else if attachments.is_some() {
                // It was written by somebody who did not know of them.
                batch.known.push(there.number);
                batch.anew.push(there.number);
                batch.put_attachments(there.number, attachments, found);
            }
            return Ok(());
        }
        // In another folder it is another message to whoever counts there.
        let place = if there.folder == folder {
            there.place
        } else {
            self.next_place(message.folder.as_str())?
        };
        batch.changed.push(there.number, folder, place, message);
        if message.attachments.is_some() {
            batch.anew.push(there.number);
            batch.put_attachments(there.number, message.attachments.as_deref(), found);
        }
        self.applied.updated += 1;
        self.note(message, ChangeKind::Updated);
        Ok(())
    }

    fn note(&mut self, message: &MessageRecord, kind: ChangeKind) {
        let id = message.id.as_str();
        changes::note(
            self.tx,
            &mut self.mailbox,
            ChangedResource::Message,
            id,
            kind,
            self.time,
        );
    }

    /// Writes what was counted.
    pub(super) async fn finish(self) -> Answer<Applied> {
        let moved = || self.folders.values().filter(|folder| folder.moved);
        let numbers: Vec<_> = moved().map(|folder| folder.number).collect();
        let lasts: Vec<_> = moved().map(|folder| folder.last).collect();
        if !numbers.is_empty() {
            let values = (&self.mailbox.number, &numbers, &lasts);
            self.tx
                .execute(COUNT_ON, &[values.0, values.1, values.2])
                .await?;
        }
        mailboxes::count_messages(self.tx, self.mailbox.number, self.more).await?;
        if self.applied.created + self.applied.updated > 0 {
            numbers::count_on(self.tx, &self.mailbox).await?;
        }
        Ok(self.applied)
    }
}

fn is_same(there: &There, message: &MessageRecord, found: &Found) -> bool {
    if message.change_key.is_some() || there.change_key.is_some() {
        return there.change_key == message.change_key;
    }
    found.whole.get(message.id.as_str()).is_some_and(|kept| {
        let record = MessageRecord {
            attachments: None,
            ..message.clone()
        };
        *kept == record
    })
}
