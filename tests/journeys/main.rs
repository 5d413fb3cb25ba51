//! Journeys through the whole of Postroom, a file each.

#![allow(clippy::unwrap_used, missing_docs)]

mod backup;
mod bad_input;
mod check;
mod conformance;
mod curl;
mod database;
mod file_limit;
mod folders;
mod forms;
mod house;
mod kill;
mod login;
mod mirror;
mod outbox;
mod passthrough;
mod people;
mod slow;
mod strangers;
mod tls;
mod tokens;
