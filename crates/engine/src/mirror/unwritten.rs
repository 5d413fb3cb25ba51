//! How mirrors stand where that could not be written: a full disk is the reason for the failure and
//! keeps it from being noted.

use crate::Engine;
use postroom_model::MailboxId;
use postroom_model::mailbox::{Mailbox, SyncState};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What could not be written.
#[derive(Default)]
pub(super) struct Unwritten(Mutex<HashMap<MailboxId, SyncState>>);

impl Unwritten {
    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxId, SyncState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, id: &MailboxId, sync: &SyncState) {
        self.lock().insert(id.clone(), sync.clone());
    }

    pub(super) fn forget(&self, id: &MailboxId) {
        self.lock().remove(id);
    }

    pub(super) fn keep_only(&self, served: &[Mailbox]) {
        self.lock()
            .retain(|id, _| served.iter().any(|one| one.id == *id));
    }
}

impl Engine {
    /// A mailbox of the store with how its mirror stands by now.
    pub(crate) fn as_it_stands(&self, mailbox: Mailbox) -> Mailbox {
        match self.shared.mirror.unwritten.lock().get(&mailbox.id) {
            Some(sync) => Mailbox {
                sync: SyncState {
                    // Counted by the store.
                    messages_done: mailbox.sync.messages_done,
                    ..sync.clone()
                },
                ..mailbox
            },
            None => mailbox,
        }
    }
}
