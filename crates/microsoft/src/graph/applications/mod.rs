//! `/applications` (Graph, *application resource type*).

mod get;

pub use get::{Application, KeyCredential, PasswordCredential, get};
