//! Signing in: a file per OAuth 2.0 flow (RFC 6749), discovery, the ID token, PKCE, and the table
//! of Microsoft's refusals.

pub mod admin_consent;
pub mod authorization_code;
pub(crate) mod claims;
mod client_assertion;
mod client_authentication;
pub(crate) mod client_credentials;
pub mod device_code;
pub mod discovery;
mod federated;
mod fetch;
mod id_token;
pub(crate) mod jwks;
pub mod openid;
pub mod pkce;
pub mod probe;
pub(crate) mod refresh_token;
pub mod refusals;
pub(crate) mod rotation;
mod scopes;
mod token_endpoint;
pub mod trial;

pub use admin_consent::AdminConsentAsk;
pub use authorization_code::{AuthorizeAsk, SignedIn};
pub use device_code::{DeviceCode, DevicePoll};
pub use discovery::Discovery;
pub use federated::federated_address;
pub use id_token::IdTokenUser;
pub use openid::{Identified, IdentityAsk};
pub use probe::AuthorizeProbe;
pub use trial::CredentialTrial;

pub(crate) use fetch::{Fetched, fetch};
