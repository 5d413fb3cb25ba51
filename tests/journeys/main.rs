//! Journeys through the whole of Postroom, a file each.

#![allow(clippy::unwrap_used, missing_docs)]

mod alerts;
mod audit;
mod authorize;
mod backup;
mod bad_input;
mod beside;
mod check;
mod conformance;
mod console;
mod credentials;
mod curl;
mod database;
mod device_code;
mod file_limit;
mod folders;
mod forms;
mod grants;
mod hostile_address;
mod house;
mod kill;
mod login;
mod mirror;
mod outbox;
mod passthrough;
mod people;
mod refusals;
mod setup;
mod sign_in;
mod slow;
mod storm;
mod strangers;
mod tls;
mod tokens;
mod vault;
