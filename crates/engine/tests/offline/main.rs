//! What the engine does without Microsoft: access, keys, connections, sign-ins up to the code.

#![allow(clippy::unwrap_used, reason = "a test stops where something is amiss")]

mod access;
mod calls;
mod changes;
mod connections;
mod docs;
mod idempotency;
mod logins;
mod support;
