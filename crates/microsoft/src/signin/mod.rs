//! Signing in: a file per OAuth 2.0 flow (RFC 6749), discovery, the ID token, PKCE, and the table
//! of Microsoft's refusals.

pub mod authorization_code;
pub(crate) mod claims;
pub(crate) mod client_credentials;
pub mod device_code;
pub mod discovery;
mod fetch;
mod id_token;
pub(crate) mod jwks;
pub mod openid;
pub mod pkce;
pub mod probe;
pub(crate) mod refresh_token;
pub mod refusals;
mod scopes;
mod token_endpoint;

pub use authorization_code::{AuthorizeAsk, SignedIn};
pub use device_code::{DeviceCode, DevicePoll};
pub use discovery::Discovery;
pub use id_token::IdTokenUser;
pub use openid::{Identified, IdentityAsk};
pub use probe::AuthorizeProbe;

pub(crate) use fetch::{Fetched, fetch};
