//! Mail: read from the mirror, changed at Microsoft.

pub mod attachments;
mod cursor;
pub mod folders;
pub mod messages;
pub mod view;
