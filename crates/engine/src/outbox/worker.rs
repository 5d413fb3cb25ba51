//! What is due goes out, one message of a mailbox at a time.

use super::leave;
use crate::Engine;
use postroom_model::MailboxId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Messages on their way at once, of different mailboxes.
const AT_ONCE: usize = 16;
/// Read from the store at once.
const SOME: u32 = 100;

/// Wakes the worker and knows what is on its way.
#[derive(Default)]
pub(crate) struct Outbox {
    wake: Notify,
    /// Mailboxes with a message on its way: messages leave in the order in which they came.
    busy: Mutex<HashSet<MailboxId>>,
}

impl Outbox {
    /// Something may be due.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn begin(&self, mailbox: &MailboxId) -> bool {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(mailbox.clone())
    }

    fn end(&self, mailbox: &MailboxId) {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(mailbox);
        self.wake();
    }
}

/// Sends what is due until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let wait = match start_due(&engine, &places).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "reading the outbox");
                Duration::from_secs(5)
            }
        };
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.shared.outbox.wake.notified() => {}
            () = engine.clock().sleep(wait) => {}
        }
    }
}

/// Starts what is due and gives the time until the next is.
async fn start_due(
    engine: &Engine,
    places: &Arc<Semaphore>,
) -> Result<Duration, postroom_store::StoreError> {
    let now = engine.now();
    for item in engine.store().due_outbox(now, SOME).await? {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            break;
        };
        if !engine.shared.outbox.begin(&item.mailbox) {
            continue;
        }
        let engine = engine.clone();
        engine.clone().spawn(async move {
            let mailbox = item.mailbox.clone();
            tokio::select! {
                // Cut off in the middle it goes on at the next start: its step is on disk.
                () = leave::run(&engine, item) => {}
                () = stop_after_grace(&engine) => {}
            }
            drop(place);
            engine.shared.outbox.end(&mailbox);
        });
    }
    let longest = Duration::from_secs(60);
    Ok(match engine.store().next_due_outbox().await? {
        // What is due but waits for its mailbox or a place is started by whoever ends.
        Some(due) if due > now => longest.min(due.duration_since(now).unsigned_abs()),
        _ => longest,
    })
}

async fn stop_after_grace(engine: &Engine) {
    engine.stopping().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
}
