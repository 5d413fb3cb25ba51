//! Postroom's HTTP API: the entrance for everything that can make an HTTP call.
//!
//! [`serve`] runs it; [`router`] is the same without a socket; [`openapi`] describes it, made from
//! the handlers. A call passes through these, in this order:
//!
//! 1. `observe`: a request id, a span, the numbers for `/metrics`;
//! 2. `extract::access`: who calls, and whether that caller may, before anything else of the call
//!    is looked at;
//! 3. `extract::query`, `extract::body`: what was sent, refused by name where it does not fit;
//! 4. a handler in `routes`, a file for each noun, which asks the engine;
//! 5. `problem`: the one place where a refusal becomes an answer and its reasons go to the log.

// A problem is made at most once for each call and goes straight out: its size costs nothing.
#![allow(clippy::result_large_err)]

mod app;
mod cookies;
mod csrf;
mod extract;
mod files;
mod lists;
mod metrics;
mod multipart;
mod observe;
mod openapi;
mod options;
mod pages;
mod problem;
mod router;
mod routes;
mod serve;
mod through;
mod tls;
mod trail;
mod unread;

pub use openapi::{RouteAccess, RouteScope, error_table, openapi, route_table};
pub use options::{HttpOptions, RouterOptions, TlsFiles};
pub use router::router;
pub use serve::{Running, ServeError, serve};
pub use tls::TlsError;
