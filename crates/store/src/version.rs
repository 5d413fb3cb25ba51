//! Tells whoever remembers what it read whether that may have changed since.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Units of work that change nothing that is remembered (accounts and connections), and come all the
/// time.
const QUIET: &[&str] = &[
    WRITING_CALLS,
    WRITING_AUDIT,
    TOUCHING_KEYS,
    TAKING_IN_MESSAGES,
    TAKING_IN_A_MESSAGE,
    TAKING_IN_FOLDERS,
    TAKING_IN_PEOPLE,
    WRITING_MIRROR,
    WRITING_ALERTS,
    KEEPING_READING,
];

/// What writing the call log is called.
pub(crate) const WRITING_CALLS: &str = "writing the call log";
/// What writing the audit log is called.
pub(crate) const WRITING_AUDIT: &str = "writing the audit log";
/// What noting when keys were used is called.
pub(crate) const TOUCHING_KEYS: &str = "noting the use of keys";
/// What taking in a page of messages is called.
pub(crate) const TAKING_IN_MESSAGES: &str = "taking in messages";
/// What taking in one is called.
pub(crate) const TAKING_IN_A_MESSAGE: &str = "taking in a message";
/// What taking in a tree of folders is called.
pub(crate) const TAKING_IN_FOLDERS: &str = "taking in folders";
/// What taking in a page of a directory is called.
pub(crate) const TAKING_IN_PEOPLE: &str = "taking in people";
/// What writing how a mirror stands is called.
pub(crate) const WRITING_MIRROR: &str = "writing how a mirror stands";
/// What a round of alerts is called.
pub(crate) const WRITING_ALERTS: &str = "writing alerts";
/// What keeping a reading of an application object is called that tells no credential's end.
const KEEPING_READING: &str = "keeping that an application object was read";
/// The same for one that does: the ends are written to the connection's credentials.
const KEEPING_ENDS: &str = "keeping what an application object said";

/// What keeping a reading of an application object is called.
pub(crate) fn keeping_reading(tells_ends: bool) -> &'static str {
    if tells_ends {
        KEEPING_ENDS
    } else {
        KEEPING_READING
    }
}

/// For so long after a unit of work was given up nothing is certain: its commit may be on its way.
const DOUBTFUL: Duration = Duration::from_secs(5);

/// A number that goes up with what is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    number: AtomicU64,
    /// Whether there is a time in `doubtful_until`.
    is_doubtful: AtomicBool,
    doubtful_until: Mutex<Option<Instant>>,
}

impl Version {
    /// The number. As long as something is in doubt it is another one each time.
    pub(crate) fn now(&self) -> u64 {
        if self.0.is_doubtful.load(Ordering::Acquire) && self.is_still_doubtful() {
            return self.0.number.fetch_add(1, Ordering::AcqRel) + 1;
        }
        self.0.number.load(Ordering::Acquire)
    }

    /// A unit of work may have been written.
    pub(crate) fn moved(&self, doing: &str) {
        if !QUIET.contains(&doing) {
            self.0.number.fetch_add(1, Ordering::Release);
        }
    }

    /// For a unit of work whose end may not be seen here: the number moves when this is dropped, and
    /// if that was before its end, it moves for a while.
    pub(crate) fn moves<'a>(&'a self, doing: &'a str) -> Moves<'a> {
        Moves {
            version: self,
            doing,
            has_ended: false,
        }
    }

    fn doubt(&self) {
        let mut until = self.doubtful_until();
        *until = Some(Instant::now() + DOUBTFUL);
        self.0.is_doubtful.store(true, Ordering::Release);
    }

    fn is_still_doubtful(&self) -> bool {
        let mut until = self.doubtful_until();
        if until.is_some_and(|until| Instant::now() < until) {
            return true;
        }
        if until.take().is_some() {
            // What was read in doubt does not count from here on.
            self.0.number.fetch_add(1, Ordering::AcqRel);
            self.0.is_doubtful.store(false, Ordering::Release);
        }
        false
    }

    fn doubtful_until(&self) -> MutexGuard<'_, Option<Instant>> {
        let until = &self.0.doubtful_until;
        until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Moves<'a> {
    version: &'a Version,
    doing: &'a str,
    has_ended: bool,
}

impl Moves<'_> {
    /// It has come to its end, and is written or not.
    pub(crate) fn ended(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Moves<'_> {
    fn drop(&mut self) {
        self.version.moved(self.doing);
        if !self.has_ended && !QUIET.contains(&self.doing) {
            self.version.doubt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_moves_it_once() {
        let version = Version::default();
        let before = version.now();
        version.moves("writing").ended();
        let after = version.now();
        assert!(after > before);
        assert_eq!(version.now(), after);
        drop(version.moves(WRITING_CALLS));
        assert_eq!(version.now(), after, "nothing that is remembered");
    }

    #[test]
    fn what_was_given_up_moves_it_for_a_while() {
        let version = Version::default();
        drop(version.moves("writing"));
        let doubtful = [version.now(), version.now(), version.now()];
        assert!(
            doubtful.is_sorted_by(|one, next| one < next),
            "{doubtful:?}"
        );
        *version.doubtful_until() = Some(Instant::now());
        let settled = version.now();
        assert!(settled > doubtful[2]);
        assert_eq!(version.now(), settled);
    }
}
