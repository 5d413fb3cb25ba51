//! The environment, read in this one place.

use std::ffi::OsString;

/// A variable that has something in it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment comes in"
)]
pub(crate) fn raw(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text; what is none counts as not set.
pub(crate) fn text(name: &str) -> Option<String> {
    raw(name)?.into_string().ok()
}
