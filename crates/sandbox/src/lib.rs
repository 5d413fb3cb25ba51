//! A pretend Entra ID and Microsoft Graph tenant, with state.
//!
//! ```no_run
//! # async fn example() -> Result<(), postroom_sandbox::Error> {
//! use postroom_sandbox::{Options, Sandbox};
//!
//! let running = Sandbox::start(Options::default()).await?;
//! println!("{} {}", running.authority_url, running.graph_url);
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! What a client can do to the real services it can do here, and what they refuse is refused here
//! with the same words. Tests reach behind the scenes through [`Running::sandbox`]: they move the
//! clock, revoke sessions, set [`faults`] and read counters.

pub mod call;
mod chaos;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod control;
pub mod directory;
mod entra;
mod error;
pub mod exchange;
pub mod faults;
mod graph;
mod home;
mod ids;
pub mod mail;
mod options;
mod sandbox;
mod server;
mod stats;
mod tls;
#[cfg(feature = "conformance")]
mod watch;

pub use self::entra::{
    AppRegistration, Challenge, ClientCertificate, FederatedCredential, Secret, SignedIn,
};
pub use self::error::Error;
pub use self::options::Options;
pub use self::sandbox::{Running, Sandbox, UserAccount};
pub use self::stats::Stats;
