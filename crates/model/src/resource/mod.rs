//! Microsoft's resources in Microsoft's shapes, as far as we use them.

pub mod attachment;
pub mod folder;
pub mod message;
pub mod person;
pub mod recipient;
pub mod user;
