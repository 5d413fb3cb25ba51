//! How the HTTP API behaves.

use postroom_model::Network;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How [`crate::serve`] behaves.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Where to listen. Port 0 takes a free one; [`crate::Running::local_addr`] says which.
    pub listen: SocketAddr,
    /// Serves HTTPS with these. `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// How many connections are served side by side; more wait.
    pub max_connections: usize,
    /// What is the same without a socket.
    pub router: RouterOptions,
}

impl HttpOptions {
    /// Plain HTTP on this address, everything else as usual.
    pub fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            max_connections: 1024,
            router: RouterOptions::default(),
        }
    }
}

/// How [`crate::router`] behaves.
#[derive(Clone, Debug)]
pub struct RouterOptions {
    /// The longest JSON body, in bytes. It lies in memory whole, so large files belong into
    /// `multipart/form-data`.
    pub max_body_bytes: usize,
    /// The most that the files of one `multipart/form-data` body may have together, in bytes. They
    /// go to the store piece by piece.
    pub max_upload_bytes: u64,
    /// A note on the start page: that this is a demo, for example.
    pub banner: Option<String>,
    /// The proxies that are believed when they say whom they were called by (`X-Forwarded-For`,
    /// `Forwarded`).
    pub trusted_proxies: Vec<Network>,
}

impl Default for RouterOptions {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            // Base64 adds a third: 45 MiB carry attachments of 33 MiB.
            max_body_bytes: 45 * MIB,
            // Exchange Online takes messages up to 150 MB (Graph, "Attach large files to Outlook
            // messages").
            max_upload_bytes: 150 * MIB as u64,
            banner: None,
            trusted_proxies: Vec::new(),
        }
    }
}

/// A certificate with its key, as PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, then those that lead to its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
