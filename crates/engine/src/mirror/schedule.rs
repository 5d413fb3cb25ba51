//! Which mailbox gets its round when.

use super::folders::Kept;
use super::round;
use super::unwritten::Unwritten;
use crate::Engine;
use postroom_model::{MailboxId, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore, watch};

/// Who is at work, and who was asked for.
pub(crate) struct Mirror {
    mailboxes: Mutex<HashMap<MailboxId, Entry>>,
    wake: Notify,
    steps: watch::Sender<u64>,
    pub(super) kept: Kept,
    pub(super) unwritten: Unwritten,
}

/// One mailbox.
struct Entry {
    /// When its round is due; `None` while one is under way.
    due: Option<Timestamp>,
    /// Those who wait for a round that begins from now on.
    asked: Option<watch::Sender<bool>>,
    /// The first sync while it is under way: whoever asks for a round then waits for that one,
    /// which may take hours, and not for another one behind it.
    first: Option<watch::Sender<bool>>,
    /// Whether the mailbox was level once.
    synced: bool,
    /// How many rounds failed one after the other.
    failures: u32,
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            mailboxes: Mutex::default(),
            wake: Notify::new(),
            steps: watch::Sender::new(0),
            kept: Kept::default(),
            unwritten: Unwritten::default(),
        }
    }
}

impl Mirror {
    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxId, Entry>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that something may look different now.
    pub(super) fn bump(&self) {
        self.steps.send_modify(|steps| *steps += 1);
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }

    /// Asks for a round that begins after this call (or waits for the first sync, where that is
    /// under way); the receiver turns true when it ended.
    pub(super) fn ask_for(&self, id: &MailboxId) -> watch::Receiver<bool> {
        let mut mailboxes = self.lock();
        let entry = mailboxes.entry(id.clone()).or_insert_with(|| Entry {
            due: Some(Timestamp::MIN),
            asked: None,
            first: None,
            synced: false,
            failures: 0,
        });
        if let Some(first) = &entry.first {
            return first.subscribe();
        }
        if entry.due.is_some() {
            entry.due = Some(Timestamp::MIN);
        }
        let done = entry.asked.get_or_insert_with(|| watch::Sender::new(false));
        let done = done.subscribe();
        drop(mailboxes);
        self.wake.notify_one();
        done
    }
}

/// Keeps every mailbox level until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let places = Arc::new(Semaphore::new(engine.settings().mailboxes_at_once.max(1)));
    loop {
        learn_of_mailboxes(&engine).await;
        let wait = start_due(&engine, &places);
        // New mailboxes are learned of at least this often, whoever added them.
        let wait = wait.min(std::time::Duration::from_secs(15));
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.shared.mirror.wake.notified() => {}
            () = engine.clock().sleep(wait) => {}
        }
    }
}

async fn learn_of_mailboxes(engine: &Engine) {
    let known = match engine.store().mailboxes().await {
        Ok(known) => known,
        Err(error) => {
            tracing::error!(%error, "reading the mailboxes");
            return;
        }
    };
    let now = engine.now();
    engine.shared.mirror.unwritten.keep_only(&known);
    let mut mailboxes = engine.shared.mirror.lock();
    mailboxes.retain(|id, entry| entry.due.is_none() || known.iter().any(|one| one.id == *id));
    for mailbox in known {
        mailboxes.entry(mailbox.id).or_insert_with(|| {
            let due = mailbox.sync.last_synced_at.map_or(now, |synced| {
                postroom_model::clock::later(synced, engine.settings().sync_interval)
            });
            Entry {
                due: Some(due),
                asked: None,
                first: None,
                synced: mailbox.sync.last_synced_at.is_some(),
                failures: 0,
            }
        });
    }
}

/// Starts what is due and gives the time until the next is.
fn start_due(engine: &Engine, places: &Arc<Semaphore>) -> std::time::Duration {
    let now = engine.now();
    let mut next = std::time::Duration::from_secs(60);
    let mut mailboxes = engine.shared.mirror.lock();
    for (id, entry) in mailboxes.iter_mut() {
        let Some(due) = entry.due else { continue };
        if due > now {
            next = next.min(due.duration_since(now).unsigned_abs());
            continue;
        }
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            // A round that ends wakes the loop again.
            continue;
        };
        entry.due = None;
        let done = entry
            .asked
            .take()
            .unwrap_or_else(|| watch::Sender::new(false));
        entry.first = (!entry.synced).then(|| done.clone());
        let (engine, id) = (engine.clone(), id.clone());
        engine.clone().spawn(async move {
            tokio::select! {
                () = round::run(&engine, &id) => {}
                () = stop_after_grace(&engine) => {}
            }
            ended(&engine, &id).await;
            done.send_replace(true);
            drop(place);
            engine.shared.mirror.bump();
            engine.shared.mirror.wake.notify_one();
        });
    }
    next
}

/// A round looks itself whether the engine stops; one that hangs in a call is cut off. Both are
/// safe: every page is committed with its cursor.
async fn stop_after_grace(engine: &Engine) {
    engine.stopping().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}

async fn ended(engine: &Engine, id: &MailboxId) {
    use postroom_model::mailbox::SyncPhase;
    let sync = match engine.store().mailbox(id).await {
        Ok(Some(mailbox)) => Some(engine.as_it_stands(mailbox).sync),
        _ => None,
    };
    let failed = sync
        .as_ref()
        .is_some_and(|sync| sync.state == SyncPhase::Failed);
    let now = engine.now();
    let mut mailboxes = engine.shared.mirror.lock();
    let Some(entry) = mailboxes.get_mut(id) else {
        return;
    };
    entry.first = None;
    entry.synced |= sync.is_some_and(|sync| sync.last_synced_at.is_some());
    entry.failures = if failed { entry.failures + 1 } else { 0 };
    // After failures in a row the pauses double, up to 64 of the usual ones.
    let pause = engine.settings().sync_interval * (1 << entry.failures.min(6));
    entry.due = Some(if entry.asked.is_some() {
        now
    } else {
        postroom_model::clock::later(now, pause)
    });
}
