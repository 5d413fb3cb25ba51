//! What the watch remembers between rounds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Wakes the watch and its readers, and keeps rounds from overlapping.
pub(crate) struct AlertState {
    watch: Notify,
    applications: Notify,
    news: watch::Sender<u64>,
    /// Held for a round.
    pub(super) turn: tokio::sync::Mutex<()>,
    why_no_mail: Mutex<Option<String>>,
}

impl Default for AlertState {
    fn default() -> Self {
        Self {
            watch: Notify::new(),
            applications: Notify::new(),
            news: watch::Sender::new(0),
            turn: tokio::sync::Mutex::default(),
            why_no_mail: Mutex::default(),
        }
    }
}

impl AlertState {
    /// Something that is watched may be another than before.
    pub(crate) fn wake(&self) {
        self.watch.notify_one();
        self.applications.notify_one();
    }

    /// What is known of credentials may be other than before, and nothing is to be asked.
    pub(crate) fn wake_watch(&self) {
        self.watch.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.watch.notified().await;
    }

    pub(super) async fn applications_woken(&self) {
        self.applications.notified().await;
    }

    /// Something was written that readers of events wait for.
    pub(super) fn tell(&self) {
        self.news.send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    /// Wakes when there may be a new event.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Notes why no mail can be made, or that it can. True when that is new.
    pub(super) fn set_why_no_mail(&self, why: Option<&str>) -> bool {
        let mut known = self.held();
        let is_new = known.as_deref() != why;
        *known = why.map(str::to_owned);
        is_new
    }

    /// Why no mail can be made.
    pub(super) fn why_no_mail(&self) -> Option<String> {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Option<String>> {
        self.why_no_mail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
