//! Microsoft's JSON for messages, attachments and folders, written straight into bytes.

pub(crate) mod attachment;
pub(crate) mod folder;
pub(crate) mod message;

pub(crate) use message::{View, write_message};
