//! What a store does, whatever it is made of.
//!
//! Duties of every method that writes: it is one transaction; when it returns `Ok`, the change is
//! on disk; when it returns `Err` or the caller goes away, either all of it happened or nothing
//! did. Times are kept to the microsecond. Texts are compared byte by byte unless a method says
//! otherwise.
//!
//! "Without regard to case" in searches means: both sides in small letters by Unicode's rules that
//! hold in no language of their own, with σ for ς. Nothing else is made equal: not ß and ss, not é
//! and e with an accent, not i and ı.
//!
//! U+0000 is in no text: in what is mirrored (messages, attachments, folders; in JSON, where it is
//! written as an escape, too) U+FFFD stands in its place, and an id with it is not there. Elsewhere
//! a text with it may be refused.
//!
//! A store on a server may be away. Then a method waits for a while and fails with
//! [`StoreError::Unavailable`]; it has written nothing, or says that it does not know.

pub mod accounts;
pub mod alerts;
pub mod audit;
pub mod blobs;
pub mod calls;
pub mod changes;
pub mod connections;
pub mod cursors;
pub mod data_keys;
pub mod error;
pub mod folders;
pub mod idempotency;
pub mod keys;
pub mod logins;
pub mod mailboxes;
pub mod messages;
pub mod outbox;
pub mod people;
pub mod persons;
pub mod sessions;
pub mod settings;
pub mod tables;

pub use error::{Result, StoreError};

use async_trait::async_trait;

/// A whole store.
#[async_trait]
pub trait Store:
    accounts::Accounts
    + alerts::Alerts
    + audit::Audit
    + blobs::Blobs
    + calls::Calls
    + changes::Changes
    + connections::Connections
    + cursors::Cursors
    + data_keys::DataKeys
    + folders::Folders
    + idempotency::Idempotency
    + keys::Keys
    + logins::Logins
    + mailboxes::Mailboxes
    + messages::Messages
    + outbox::Outbox
    + people::People
    + persons::Persons
    + sessions::Sessions
    + settings::Settings
    + tables::Tables
    + Send
    + Sync
{
    /// What it is, for people: kind, place, version of its schema.
    async fn describe(&self) -> Result<Description>;
    /// Reads and writes something, to see that both work.
    async fn check(&self) -> Result<()>;
    /// Writes out what is pending and lets go of everything. Further calls fail.
    async fn close(&self) -> Result<()>;
}

/// What a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `SQLite` or `PostgreSQL`, with its version.
    pub kind: String,
    /// The data folder, or host and database.
    pub place: String,
    /// The schema's version.
    pub schema: u32,
    /// Bytes that it takes, where that is cheap to know.
    pub bytes: Option<u64>,
}
