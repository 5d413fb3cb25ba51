//! Where the database is: a `postgres://` address.

use crate::contract::{Result, StoreError};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How the way to the server is protected (`sslmode`, libpq's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// In the clear.
    Disable,
    /// Encrypted if the server can, without looking at its certificate.
    Prefer,
    /// Encrypted, with a certificate that is verified. `require` and `verify-ca` are this, too: a
    /// name that is not looked at protects from nobody who is in the way.
    Verify,
}

/// A PostgreSQL database's address, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`. It
/// never shows its password.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
    pub(super) root_certificates: Option<PathBuf>,
    place: String,
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.place).finish()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// What is handed on to the client library as it is.
const KNOWN: &[&str] = &[
    "user",
    "password",
    "dbname",
    "options",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "load_balance_hosts",
];

/// What libpq knows and has no meaning here.
const PASSED_OVER: &[&str] = &["application_name", "client_encoding", "channel_binding"];

fn unusable(reason: impl Into<String>) -> StoreError {
    StoreError::Unusable {
        place: "the PostgreSQL address".into(),
        reason: reason.into(),
    }
}

impl DatabaseUrl {
    /// Reads an address. `Unusable` when it is none, in words that do not repeat it: there is a
    /// password in it.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(unusable(
                "it has to begin with postgres:// (postgres://USER:PASSWORD@HOST:PORT/DATABASE)",
            ));
        }
        // A password may have a question mark in it.
        let host_begins = text.rfind('@').map_or(0, |at| at + 1);
        let (base, query) = match text[host_begins..].find('?') {
            Some(at) => (&text[..host_begins + at], &text[host_begins + at + 1..]),
            None => (text, ""),
        };
        let mut sslmode = None;
        let mut root_certificates = None;
        let mut rest = Vec::new();
        for parameter in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let decoded = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => sslmode = Some(decoded()),
                "sslrootcert" if value != "system" => {
                    root_certificates = Some(PathBuf::from(decoded()));
                }
                "sslrootcert" => {}
                name if KNOWN.contains(&name) => rest.push(parameter),
                name if PASSED_OVER.contains(&name) => {}
                name => {
                    return Err(unusable(format!(
                        "it has a parameter {name:?}, which is not known here"
                    )));
                }
            }
        }
        let mut whole = base.to_owned();
        if !rest.is_empty() {
            whole.push('?');
            whole.push_str(&rest.join("&"));
        }
        // The library's error may quote the address.
        let mut config: Config = whole.parse().map_err(|_| {
            unusable(
                "it cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with \
                 %-escapes for characters of the password such as @ / : ? #",
            )
        })?;
        if config.get_hosts().is_empty() {
            return Err(unusable("it names no host"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        let tls = match sslmode.as_deref() {
            None if is_near(&config) => TlsMode::Prefer,
            None | Some("require" | "verify-ca" | "verify-full") => TlsMode::Verify,
            Some("disable") => TlsMode::Disable,
            Some("prefer" | "allow") => TlsMode::Prefer,
            Some(_) => {
                return Err(unusable(
                    "its sslmode is none of disable, prefer, require, verify-ca and verify-full",
                ));
            }
        };
        let place = place(&config);
        Ok(Self {
            config,
            tls,
            root_certificates,
            place,
        })
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// Whether every host is this machine.
fn is_near(config: &Config) -> bool {
    let named = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    let addressed = config
        .get_hostaddrs()
        .iter()
        .all(std::net::IpAddr::is_loopback);
    named && addressed
}

/// The database in words, without the password.
fn place(config: &Config) -> String {
    let hosts: Vec<_> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let ports = config.get_ports();
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    format!("postgres://{user}@{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_the_password() {
        let url =
            DatabaseUrl::parse("postgres://ada:hid%40den?@db.example:5433/mail").expect("read");
        for shown in [format!("{url:?}"), url.to_string()] {
            assert!(!shown.contains("hid"), "{shown}");
            assert!(shown.contains("ada@db.example:5433/mail"), "{shown}");
        }
        assert_eq!(url.config.get_password(), Some(&b"hid@den?"[..]));
        for wrong in [
            "postgres://ada:hidden@db.example:port/mail",
            "mysql://ada:hidden@db.example/mail",
            "postgres://ada:hidden@db.example/mail?sslmode=hidden",
            "postgres://ada:hidden@db.example/mail?unknown=hidden",
        ] {
            let error = DatabaseUrl::parse(wrong).expect_err("refused").to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_far_server_is_verified_unless_told_otherwise() {
        for (url, tls) in [
            ("postgres://a@localhost/b", TlsMode::Prefer),
            ("postgres://a@127.0.0.1/b", TlsMode::Prefer),
            ("postgres://a@%2Frun%2Fpostgresql/b", TlsMode::Prefer),
            ("postgres://a@db.example/b", TlsMode::Verify),
            ("postgres://a@localhost,db.example/b", TlsMode::Verify),
            (
                "postgres://a@localhost/b?sslmode=verify-full",
                TlsMode::Verify,
            ),
            ("postgres://a@db.example/b?sslmode=require", TlsMode::Verify),
            (
                "postgres://a@db.example/b?sslmode=disable",
                TlsMode::Disable,
            ),
            ("postgres://a@db.example/b?sslmode=prefer", TlsMode::Prefer),
        ] {
            assert_eq!(DatabaseUrl::parse(url).expect("read").tls, tls, "{url}");
        }
        let url = DatabaseUrl::parse("postgres://a@b/c?sslrootcert=%2Fca.pem&connect_timeout=2")
            .expect("read");
        assert_eq!(url.root_certificates, Some("/ca.pem".into()));
        assert_eq!(
            url.config.get_connect_timeout(),
            Some(&Duration::from_secs(2))
        );
    }
}
