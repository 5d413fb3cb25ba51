//! The mirror: keeps the local copy level with Microsoft.
//!
//! `round` brings one mailbox level: `folders`, then `messages` of each by delta, then
//! `contents` that did not come along, then what is `leaving`, and where the counts do not
//! agree, or the time has come, `compare`.

mod attachments;
mod compare;
pub(crate) mod contents;
mod error;
mod fetch;
pub(crate) mod folders;
pub(crate) mod item;
mod leaving;
mod messages;
mod page;
mod round;
mod schedule;
mod unwritten;

use crate::{Engine, Problem, Result};
use postroom_model::MailboxId;
use postroom_model::mailbox::{Mailbox, SyncPhase};
use std::time::Duration;
use tokio::sync::watch;

pub(crate) use schedule::{Mirror, run};

impl Engine {
    /// A round now. Gives the mailbox when it is level, has failed, or `wait` passed.
    ///
    /// # Errors
    /// `notFound` when the mailbox is not served.
    pub async fn sync_mailbox(&self, id: &MailboxId, wait: Duration) -> Result<Mailbox> {
        let missing = || Problem::not_found("mailbox", id.as_str());
        self.store().mailbox(id).await?.ok_or_else(missing)?;
        let mut done = self.shared.mirror.ask_for(id);
        if !wait.is_zero() {
            let timeout = self.clock().sleep(wait);
            tokio::select! {
                _ = done.wait_for(|done| *done) => {}
                () = timeout => {}
                () = self.stopping() => {}
            }
        }
        let mailbox = self.store().mailbox(id).await?.ok_or_else(missing)?;
        Ok(self.as_it_stands(mailbox))
    }

    /// Wakes whenever a mailbox's sync state may have changed: for progress bars.
    pub fn watch_sync(&self) -> watch::Receiver<u64> {
        self.shared.mirror.watch()
    }

    /// Whether a mailbox's mirror is level and nothing is under way.
    pub fn is_level(mailbox: &Mailbox) -> bool {
        mailbox.sync.state == SyncPhase::UpToDate
    }
}
