//! Cursors: how far something of Microsoft's was read.

use super::Result;
use async_trait::async_trait;

/// Whose and which cursor. Not tied to mail, so that calendars and drives fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CursorKey {
    /// The mailbox (later: the drive, the tenant).
    pub owner: String,
    /// `mailFolders`, `messages`, …
    pub kind: &'static str,
    /// What it is within that: a folder's id, or empty.
    pub scope: String,
}

/// How far it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Microsoft's next or delta link, whole.
    pub link: String,
    /// Whether it is a delta link: the round is complete.
    pub complete: bool,
    /// The number of the full comparison that is under way, if one is: the time at which it began,
    /// in microseconds.
    pub comparison: Option<i64>,
}

/// Cursors. They are written by the units of work that they cover, never alone.
#[async_trait]
pub trait Cursors {
    /// One.
    async fn cursor(&self, key: &CursorKey) -> Result<Option<Cursor>>;
    /// Forgets one, so that the next round begins from nothing. What is mirrored stays.
    async fn forget_cursor(&self, key: &CursorKey) -> Result<()>;
}
