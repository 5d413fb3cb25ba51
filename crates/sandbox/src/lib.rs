//! A pretend Entra ID and Microsoft Graph tenant, with state.

pub mod call;
pub mod clock;
pub mod directory;
pub mod mail;
