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
    /// A number that goes up whenever this process may have changed an account or a connection with
    /// its credentials, before the method that wrote it returns; and all the time while it is not
    /// known whether something was written, because its caller went away. Whoever remembers what was
    /// read remembers the number from before reading with it, and reads again once it has moved.
    /// Other processes write keys only, for which there is [`Store::commits`].
    fn version(&self) -> u64;
    /// A number that is another one once anything at all was committed, by this process or by
    /// another one, from the moment of the commit on. What was read after the number was asked for
    /// is as it is in the store as long as the number is the same. `None` where it cannot be told
    /// for less than a read costs: then nothing that others write is to be remembered. Does not
    /// wait.
    fn commits(&self) -> Option<u64>;
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
