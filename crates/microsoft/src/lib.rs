//! The one door to Microsoft: sign-in and Graph.
//!
//! Every call of Postroom to Microsoft leaves through a [`Door`]: it holds the access tokens, the
//! budget of each mailbox, the waiting and repeating that Microsoft asks for, and it makes an entry
//! in the call log for every attempt.
//!
//! - [`door`]: how a call is made, and what can become of it.
//! - [`signin`]: tokens. A file per OAuth flow, and one table of Microsoft's refusals.
//! - [`graph`]: the calls themselves, laid out as Microsoft's reference.

pub mod door;
pub mod graph;
pub mod signin;

pub use door::{
    Again, BudgetSettings, Door, DoorError, DoorParts, DoorSettings, GraphPath, GraphRefusal,
    GraphRequest, GraphResponse, GraphStream, HandedOn, Identity, PassedAnswer, PassedBody,
    PassedRequest, Priority, Repeat, RequestBody, SignInError, Target, TokenScopes, Upload,
    UploadFailure, immutable_ids_with,
};
pub use signin::{
    AdminConsentAsk, AuthorizeAsk, AuthorizeProbe, CredentialTrial, DeviceCode, DevicePoll,
    Discovery, IdTokenUser, Identified, IdentityAsk, SignedIn, federated_address,
    pkce::{Pkce, pkce},
};
