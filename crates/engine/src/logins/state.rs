//! What the engine remembers of sign-ins besides the store.

use postroom_model::LoginId;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What wakes waiting callers, and which sign-ins are being finished.
#[derive(Debug, Default)]
pub(crate) struct LoginState {
    ended: watch::Sender<u64>,
    finishing: Mutex<HashSet<LoginId>>,
}

impl LoginState {
    /// Changes whenever a sign-in may have ended.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// Wakes whoever waits for a sign-in.
    pub(super) fn wake(&self) {
        self.ended
            .send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    /// The right to finish a sign-in; `None` while somebody else has it. A code works once: of two
    /// returns at once the loser must not say that the sign-in failed.
    pub(super) fn begin(&self, id: &LoginId) -> Option<Finishing<'_>> {
        self.lock().insert(id.clone()).then(|| Finishing {
            state: self,
            id: id.clone(),
        })
    }

    /// Whether somebody is finishing it.
    pub(super) fn is_finishing(&self, id: &LoginId) -> bool {
        self.lock().contains(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<LoginId>> {
        self.finishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by who finishes a sign-in.
pub(super) struct Finishing<'a> {
    state: &'a LoginState,
    id: LoginId,
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        self.state.lock().remove(&self.id);
        self.state.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_finishes() {
        let state = LoginState::default();
        let id = LoginId::new("l");
        let first = state.begin(&id);
        assert!(first.is_some() && state.is_finishing(&id));
        assert!(state.begin(&id).is_none());
        assert!(state.begin(&LoginId::new("other")).is_some());
        drop(first);
        assert!(state.begin(&id).is_some());
    }
}
