//! What a call brings, taken out in the order in which it is judged: first who calls and whether
//! that caller may (`access`), then what was sent (`path`, `query`, `body`).

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod once;
pub(crate) mod origin;
pub(crate) mod path;
pub(crate) mod query;
pub(crate) mod values;
