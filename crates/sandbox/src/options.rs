//! What a sandbox can be told before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::mail::MailOptions;

/// How to start a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Serve HTTPS with a made certificate, signed by a made authority.
    pub tls: bool,
    /// How many users the directory holds, at least the seed company.
    pub users: usize,
    /// How many messages the tenant holds.
    pub messages: usize,
    /// Everything made up follows from this number.
    pub seed: u64,
    /// How long an access token lives. Entra's default is a random 60 to 90 minutes
    /// ("Configurable token lifetimes").
    pub access_token_lifetime: Duration,
    /// How long an authorization code lives, about ten minutes at Entra ("Microsoft identity
    /// platform and OAuth 2.0 authorization code flow").
    pub code_lifetime: Duration,
    /// A refresh token lives this long without use, 90 days at Entra ("Refresh tokens").
    pub refresh_token_lifetime: Duration,
    /// How long a device code lives, 15 minutes at Entra ("Microsoft identity platform and the
    /// OAuth 2.0 device authorization grant flow").
    pub device_code_lifetime: Duration,
    /// How long a device waits between two polls, 5 seconds at Entra.
    pub device_code_interval: Duration,
    /// Use of a refresh token that was already exchanged is refused, and ends the grant: all that
    /// descends from the same sign-in (RFC 9700, section 4.14.2). Entra does not do this.
    pub strict_rotation: bool,
    /// Enforce Graph's limits ("Microsoft Graph service-specific throttling limits").
    pub limits: bool,
    /// Every Graph request takes at least this long.
    pub latency: Duration,
    /// Every token request takes at least this long.
    pub token_latency: Duration,
    /// How the mailboxes begin and which oddities of the real service they have. Seed and number
    /// of messages come from above.
    pub mail: MailOptions,
    /// `.mbox` files, or folders of `.eml` files or Maildir, put into the first users' mailboxes.
    pub imports: Vec<PathBuf>,
    /// Hold everything that passes at Graph against Microsoft's document; see
    /// [`crate::Sandbox::violations`].
    #[cfg(feature = "conformance")]
    pub conformance: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            users: 0,
            messages: 2_000,
            seed: 1,
            access_token_lifetime: Duration::from_secs(75 * 60),
            code_lifetime: Duration::from_secs(10 * 60),
            refresh_token_lifetime: Duration::from_secs(90 * 24 * 60 * 60),
            device_code_lifetime: Duration::from_secs(15 * 60),
            device_code_interval: Duration::from_secs(5),
            strict_rotation: false,
            limits: true,
            latency: Duration::ZERO,
            token_latency: Duration::ZERO,
            mail: MailOptions::default(),
            imports: Vec::new(),
            #[cfg(feature = "conformance")]
            conformance: false,
        }
    }
}
