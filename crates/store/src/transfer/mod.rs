//! Whole stores: taken from one kind to the other ([`copy`]) and proven to be whole ([`check`]).

mod check;
mod copy;
pub(crate) mod faults;
mod tables;

pub use check::check;
pub use copy::{Copied, CopyError, MOVED_TO, UNDER_WAY, UNFINISHED, copy};
pub use tables::{ATTACHMENTS, BLOBS, CHANGES, MESSAGE_TEXTS, MESSAGES, TABLES};

/// How far a long piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, in a word or two for people.
    pub doing: &'static str,
    /// Rows or contents that are done …
    pub done: u64,
    /// … of so many.
    pub of: u64,
}

/// Somebody who is told of progress.
pub type Watcher<'w> = &'w (dyn Fn(Progress) + Send + Sync);
