//! Tells whoever remembers what it read whether that may have changed since.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Units of work that change nothing that is worth remembering, and come all the time.
const QUIET: &[&str] = &[WRITING_CALLS, WRITING_AUDIT, TOUCHING_KEYS];

/// What writing the call log is called.
pub(crate) const WRITING_CALLS: &str = "writing the call log";
/// What writing the audit log is called.
pub(crate) const WRITING_AUDIT: &str = "writing the audit log";
/// What noting when keys were used is called.
pub(crate) const TOUCHING_KEYS: &str = "noting the use of keys";

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
