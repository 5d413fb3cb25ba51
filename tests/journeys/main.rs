//! Journeys through the whole of Postroom, a file each.

#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
mod conformance;
mod folders;
mod house;
mod kill;
mod login;
mod mirror;
mod outbox;
mod people;
mod strangers;
