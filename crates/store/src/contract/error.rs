//! What a store can fail with.

/// What a store's method gives back.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What went wrong, in words that say what to do. Never holds a value that was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Something of that name, address or id is there already.
    #[error("{what} is there already")]
    Conflict {
        /// What kind of thing, and its name.
        what: String,
        /// The id of the one that is there.
        existing: String,
    },
    /// A cursor that the change feed no longer reaches back to, or that is none.
    #[error("the cursor is too old, or none of this store's")]
    CursorExpired,
    /// No room to write. Nothing was written.
    #[error(
        "the disk is full, or the database reached its limit: nothing was written; free some space in {place}"
    )]
    Full {
        /// Where.
        place: String,
    },
    /// The data folder or database cannot be written.
    #[error("{place} cannot be written: {reason}")]
    ReadOnly {
        /// Where.
        place: String,
        /// Why.
        reason: String,
    },
    /// Another engine has the store.
    #[error("{place} is in use by {holder}")]
    Locked {
        /// The data folder or database, in words.
        place: String,
        /// The process that holds it, as far as it told.
        holder: String,
    },
    /// The database could not be reached for as long as the store is patient. Nothing was written,
    /// unless the reason says otherwise.
    #[error("{place} cannot be reached: {reason}")]
    Unavailable {
        /// Where.
        place: String,
        /// What was tried last, and what to do.
        reason: String,
    },
    /// The database answers, but cannot be used as it is: rights, password, version, encoding,
    /// another program's tables. Trying again does not help.
    #[error("{place} cannot be used: {reason}")]
    Unusable {
        /// Where.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The store was written by a newer version.
    #[error("{place} has schema version {found}, this program knows {known}: use a newer postroom")]
    Newer {
        /// Where.
        place: String,
        /// The schema's version there.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// A secret could not be opened: another master key, or the row was tampered with.
    #[error(
        "{what} cannot be opened with this master key: give the key it was made with, or sign in and enter secrets anew"
    )]
    Sealed {
        /// What was to be opened.
        what: String,
    },
    /// The master key is missing or unfit.
    #[error("{0}")]
    MasterKey(String),
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
    /// Reading or writing failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The database failed otherwise.
    #[error("{doing}: {reason}")]
    Database {
        /// What was being done.
        doing: String,
        /// What the database said, without values.
        reason: String,
    },
}
