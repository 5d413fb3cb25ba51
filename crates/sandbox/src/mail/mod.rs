//! The mailboxes of the pretend tenant.
//!
//! [`Mail::handle`] answers every call below `/users/{id}` that concerns mail. It is synchronous
//! and never waits for anything but the mailbox's own lock.

mod bulk;
mod delta;
mod draft;
mod filter;
mod folder;
mod html;
mod ids;
mod import;
mod item;
mod json;
mod made;
mod mailbox;
mod mime_out;
mod phrases;
mod query;
mod render;
mod reply;
mod routes;
mod search;
mod seed;
mod select;
mod snapshot;
mod stamp;
mod transport;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use import::ImportReport;
pub use item::Address;
pub use snapshot::{AttachmentSnapshot, FolderSnapshot, MessageSnapshot, Snapshot};
pub use transport::SentMail;

use crate::call::{Answer, Call, GraphError};
use crate::clock::SandboxClock;
use crate::directory::people::{People, Person};
use item::Item;
use mailbox::Mailbox;

/// Oddities of the real service that can be switched off.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// With immutable ids, an item that left a folder and came back between two delta rounds is
    /// reported there as removed only. Seen with Exchange Online; the reason why a mirror needs
    /// a sweep.
    pub loses_returned_items: bool,
    /// A delta update that concerns the read state alone shows id and `isRead` alone: updates
    /// carry "at least" the changed properties (Microsoft's delta query overview).
    pub partial_read_state: bool,
    /// The comment of createReply, createReplyAll and createForward is not merged into the
    /// draft (Microsoft's list of known issues).
    pub drops_draft_comment: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            loses_returned_items: true,
            partial_read_state: true,
            drops_draft_comment: true,
        }
    }
}

/// How the mailboxes begin and behave.
#[derive(Clone, Debug)]
pub struct MailOptions {
    /// The dice of everything that is invented.
    pub seed: u64,
    /// Whether mailboxes begin with some company mail.
    pub sample_mail: bool,
    /// Messages in bulk, over all mailboxes together.
    pub messages: usize,
    /// The bulk goes to this many mailboxes, the first ones; 0 means all.
    pub mailboxes_for_bulk: usize,
    /// Folders that a mailbox's bulk is spread over.
    pub bulk_folders: usize,
    /// Oddities.
    pub quirks: Quirks,
    /// Seconds until the copy in Sent Items is visible; until then it answers 404. Source:
    /// Microsoft's page on immutable ids.
    pub sent_copy_delay: i64,
    /// The largest page of a delta query that expands attachments.
    pub expanded_page_cap: usize,
    /// Seconds that delta tokens live; `None` for ever.
    pub delta_token_life: Option<i64>,
    /// The largest message that can be sent, in bytes. Source: 35 MB is the default of Exchange
    /// Online's mailboxes.
    pub largest_message: usize,
}

impl Default for MailOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            sample_mail: true,
            messages: 0,
            mailboxes_for_bulk: 0,
            bulk_folders: 8,
            quirks: Quirks::default(),
            sent_copy_delay: 0,
            expanded_page_cap: 50,
            delta_token_life: None,
            largest_message: 35 * 1024 * 1024,
        }
    }
}

/// All mailboxes of the tenant.
pub struct Mail {
    pub(crate) options: MailOptions,
    pub(crate) people: Arc<dyn People>,
    clock: Arc<SandboxClock>,
    boxes: RwLock<HashMap<String, Arc<RwLock<Mailbox>>>>,
    sent: Mutex<Vec<SentMail>>,
    rights: Mutex<Vec<transport::SendRight>>,
    epoch: AtomicU32,
    made: AtomicU64,
}

impl Mail {
    /// The mailboxes of everyone who has one, with the mail that the options ask for.
    pub fn new(
        options: MailOptions,
        clock: Arc<SandboxClock>,
        people: Arc<dyn People>,
    ) -> Arc<Self> {
        let now = clock.now().as_second();
        let everyone = people.mailboxes();
        let with_bulk = match options.mailboxes_for_bulk {
            0 => everyone.len(),
            count => count.min(everyone.len()),
        };
        let mut boxes = HashMap::new();
        for (place, person) in everyone.iter().enumerate() {
            let mut mailbox = Mailbox::new(person.clone());
            if options.sample_mail {
                seed::company_mail(&mut mailbox, &everyone, options.seed, now);
            }
            if options.messages > 0 && place < with_bulk {
                let share = options.messages / with_bulk
                    + usize::from(place < options.messages % with_bulk);
                seed::bulk_mail(&mut mailbox, &everyone, &options, share, now);
            }
            mailbox.start();
            boxes.insert(person.id.clone(), Arc::new(RwLock::new(mailbox)));
        }
        Arc::new(Self {
            options,
            people,
            clock,
            boxes: RwLock::new(boxes),
            sent: Mutex::new(Vec::new()),
            rights: Mutex::new(Vec::new()),
            epoch: AtomicU32::new(1),
            made: AtomicU64::new(1),
        })
    }

    /// Whether these segments, which follow `users/{id}`, are the mailboxes' business.
    pub fn owns(segments: &[String]) -> bool {
        segments.first().is_some_and(|first| {
            // Keys come in parentheses too: mailFolders('inbox').
            let name = first.split('(').next().unwrap_or(first);
            let name = name.strip_prefix("microsoft.graph.").unwrap_or(name);
            [
                "mailFolders",
                "messages",
                "sendMail",
                "mailboxSettings",
                "translateExchangeIds",
            ]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// Answers a call to a mailbox. The call's segments are `["users", id, …]`; `mailbox` is the
    /// user's object id.
    pub fn handle(&self, mailbox: &str, call: &Call) -> Result<Answer, GraphError> {
        let cell = self.cell(mailbox)?;
        let now = self.now();
        if read(&cell).has_due(now) {
            write(&cell).settle(now);
        }
        routes::dispatch(&routes::Context {
            mail: self,
            cell: &cell,
            call,
            mailbox,
            now,
        })
    }

    /// Loads mail from disk: an mbox file, a Maildir, an `.eml` file or a folder of them.
    pub fn import(&self, mailbox: &str, path: &Path) -> ImportReport {
        match self.cell(mailbox) {
            Ok(cell) => import::import(&mut write(&cell), path, self.now()),
            Err(error) => ImportReport {
                loaded: 0,
                rejected: vec![(path.display().to_string(), error.message)],
            },
        }
    }

    /// Puts a message given as MIME into a mailbox's Inbox, as if it had come from outside.
    /// Answers its immutable id.
    pub fn deliver(&self, mailbox: &str, mime: &[u8]) -> Result<String, String> {
        let cell = self.cell(mailbox).map_err(|error| error.message)?;
        let now = self.now();
        let mut item = import::parse::read(mime, now)?;
        item.received = now;
        item.created = now;
        item.modified = now;
        let mut mailbox = write(&cell);
        adopt_conversation(&mailbox, &mut item);
        let inbox = folder::well_known("inbox").unwrap_or(folder::ROOT);
        let number = mailbox.add(inbox, item);
        Ok(mailbox.ids.message(mailbox.key(number), true))
    }

    /// Everything that a mailbox holds, to compare a mirror with.
    pub fn snapshot(&self, mailbox: &str) -> Option<Snapshot> {
        let cell = self.cell(mailbox).ok()?;
        let now = self.now();
        if read(&cell).has_due(now) {
            write(&cell).settle(now);
        }
        let mailbox = read(&cell);
        Some(snapshot::take(&mailbox))
    }

    /// What was sent since the start, in order.
    pub fn sent(&self) -> Vec<SentMail> {
        lock(&self.sent).clone()
    }

    /// Lets a user send with another's address: as them, or on their behalf.
    pub fn allow_send(&self, user: &str, address: &str, on_behalf: bool) {
        lock(&self.rights).push(transport::SendRight {
            user: user.to_owned(),
            address: address.to_owned(),
            on_behalf,
        });
    }

    /// All delta tokens given out so far answer 410 from now on.
    pub fn expire_delta_tokens(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    pub(crate) fn send_right(&self, user: &str, address: &str) -> Option<transport::SendRight> {
        lock(&self.rights)
            .iter()
            .find(|right| right.user == user && right.address.eq_ignore_ascii_case(address))
            .cloned()
    }

    pub(crate) fn note_sent(&self, sent: SentMail) {
        lock(&self.sent).push(sent);
    }

    /// Whether an address is within the tenant's domains.
    pub(crate) fn is_own_domain(&self, address: &str) -> bool {
        let Some((_, domain)) = address.rsplit_once('@') else {
            return false;
        };
        self.people.mailboxes().iter().any(|person| {
            [&person.mail, &person.user_principal_name]
                .iter()
                .any(|own| {
                    own.rsplit_once('@')
                        .is_some_and(|(_, known)| known.eq_ignore_ascii_case(domain))
                })
        })
    }

    /// Puts an item into a well-known folder of a mailbox that exists.
    pub(crate) fn put(&self, mailbox: &str, folder: &str, item: Item) {
        if let Ok(cell) = self.cell(mailbox) {
            let number = folder::well_known(folder).unwrap_or(folder::ROOT);
            write(&cell).add(number, item);
        }
    }

    /// A new internet message id.
    pub(crate) fn new_message_id(&self, owner: &Person) -> String {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let dice = ids::mix(self.options.seed ^ count ^ ids::hash64(owner.id.as_bytes()));
        let host = owner.mail.rsplit('@').next().unwrap_or("invalid");
        format!("<SBX{dice:016X}{count:06X}@{host}>")
    }

    fn cell(&self, mailbox: &str) -> Result<Arc<RwLock<Mailbox>>, GraphError> {
        let known = self
            .boxes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(mailbox)
            .cloned();
        if let Some(cell) = known {
            return Ok(cell);
        }
        // Someone who got a mailbox after the start begins with an empty one.
        let person = self
            .people
            .by_id(mailbox)
            .filter(|person| person.has_mailbox)
            .ok_or_else(|| {
                GraphError::new(
                    404,
                    "MailboxNotEnabledForRESTAPI",
                    "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
                )
            })?;
        let mut boxes = self.boxes.write().unwrap_or_else(PoisonError::into_inner);
        let cell = boxes.entry(person.id.clone()).or_insert_with(|| {
            let mut mailbox = Mailbox::new(person);
            mailbox.start();
            Arc::new(RwLock::new(mailbox))
        });
        Ok(Arc::clone(cell))
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Mail")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Gives an incoming answer the conversation of the message that it answers, if that is here.
pub(crate) fn adopt_conversation(mailbox: &Mailbox, item: &mut Item) {
    let Some(parent) = item
        .in_reply_to
        .clone()
        .or_else(|| item.references.last().cloned())
    else {
        return;
    };
    let parent = format!("<{parent}>");
    if let Some(known) = mailbox.by_message_id(&parent) {
        item.conversation = known.conversation.clone();
    }
}

pub(crate) fn read(cell: &RwLock<Mailbox>) -> RwLockReadGuard<'_, Mailbox> {
    cell.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write(cell: &RwLock<Mailbox>) -> RwLockWriteGuard<'_, Mailbox> {
    cell.write().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
