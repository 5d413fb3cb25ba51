//! Starts everything that a journey needs: a sandbox tenant, an engine on a data folder, the HTTP
//! API in front of it, and a client that speaks to it as callers do.

pub mod api;
pub mod browser;
pub mod certificates;
pub mod compare;
pub mod curl;
pub mod ground;
pub mod listener;
pub mod process;
pub mod report;
pub mod secrets;
pub mod tenant;
pub mod wait;
pub mod world;

pub use api::Api;
pub use ground::Ground;
pub use tenant::Tenant;
pub use world::{World, WorldOptions};
