//! Journeys through the whole of Postroom, a file each.

#![allow(clippy::unwrap_used, missing_docs)]

mod alerts;
mod backup;
mod bad_input;
mod check;
mod conformance;
mod curl;
mod database;
mod device_code;
mod file_limit;
mod folders;
mod forms;
mod house;
mod kill;
mod login;
mod mirror;
mod outbox;
mod people;
mod setup;
mod slow;
mod storm;
mod strangers;
mod tls;
