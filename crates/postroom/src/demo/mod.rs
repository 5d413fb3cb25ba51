//! The demo: a stage with a sandbox tenant and a server on it, a beginning, a tour.

mod begin;
mod sign_in;
mod stage;
mod tour;

pub(crate) use begin::{Play, begin};
pub(crate) use stage::Stage;
pub(crate) use tour::tour;
