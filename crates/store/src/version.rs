//! Tells whoever remembers what it read whether that may have changed since.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// A number that goes up with what is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version(Arc<AtomicU64>);

impl Version {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// A unit of work may have been written.
    pub(crate) fn moved(&self, doing: &str) {
        if !QUIET.contains(&doing) {
            self.0.fetch_add(1, Ordering::Release);
        }
    }

    /// The same when this is dropped: also for a caller that goes away.
    pub(crate) fn moves<'a>(&'a self, doing: &'a str) -> Moves<'a> {
        Moves {
            version: self,
            doing,
        }
    }
}

pub(crate) struct Moves<'a> {
    version: &'a Version,
    doing: &'a str,
}

impl Drop for Moves<'_> {
    fn drop(&mut self) {
        self.version.moved(self.doing);
    }
}
