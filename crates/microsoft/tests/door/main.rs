//! The door against a small server that answers as each test says.

mod budgets;
mod challenges;
mod discovery;
mod keys;
mod repeats;
mod secrets;
mod sign_in;
mod streams;
mod support;
mod tokens;
