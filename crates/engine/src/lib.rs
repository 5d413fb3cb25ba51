//! Postroom's engines. Entrances (HTTP, the command line, later SMTP, IMAP, POP3) see this crate
//! and nothing behind it.
//!
//! [`access`] decides who may do what; every other module does one subject's work on the store and
//! through the door to Microsoft.

pub mod access;
pub mod accounts;
pub mod alerts;
pub mod audit;
pub mod calls;
pub mod changes;
pub mod checks;
pub mod connections;
pub mod grants;
pub mod graph;
pub mod idempotency;
pub mod keys;
pub mod logins;
pub mod mail;
pub mod mailboxes;
pub mod mirror;
pub mod outbox;
pub mod people;
pub mod persons;
pub mod problem;
pub mod setup;
pub mod tokens;

mod engine;
mod identities;
mod shell;

pub use engine::{Engine, EngineParts, EngineSettings};
pub use problem::{Code, Problem};
pub use shell::shell_word;

/// What an engine's method gives back.
pub type Result<T> = std::result::Result<T, Problem>;
