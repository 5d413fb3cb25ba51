//! Why a sandbox does not start.

/// A sandbox could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The made certificates failed.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS settings failed.
    #[error("cannot set TLS up: {0}")]
    Tls(#[from] rustls::Error),
    /// A signing key that ships with the sandbox is unusable.
    #[error("the sandbox's signing keys are unusable")]
    SigningKey,
}
