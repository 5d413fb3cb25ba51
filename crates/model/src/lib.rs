//! The words of Postroom, without I/O.
//!
//! Where Microsoft has a word, it is ours; what it does not have (connection, account, mailbox,
//! key, outbox, change, call log) is defined here, once, for every other crate.

pub mod account;
pub mod alert;
pub mod audit;
pub mod call;
pub mod change;
pub mod clock;
pub mod cloud;
pub mod connection;
pub mod dice;
pub mod grant;
pub mod ids;
pub mod key;
pub mod login;
pub mod mailbox;
pub mod network;
pub mod outbox;
pub mod person;
pub mod ports;
pub mod resource;
pub mod secret;

pub use clock::{Clock, HeldClock, SystemClock};
pub use dice::{Dice, SeededDice, SystemDice};
pub use ids::*;
pub use jiff::Timestamp;
pub use network::Network;
pub use secret::Secret;
