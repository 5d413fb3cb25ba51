//! From PostgreSQL's errors to the store's, in words that say what to do and hold no values.

use crate::contract::StoreError;
use std::error::Error as _;
use std::io;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// What a piece of work inside the database fails with, before it is known what was being done.
#[derive(Debug)]
pub(super) enum Fault {
    /// PostgreSQL said no, or nothing.
    Postgres(Error),
    /// Every connection was busy for too long.
    Busy,
    /// Something that has its own words already.
    Store(StoreError),
    /// A row that this program would not have written, or a request that it would not have made.
    Broken(&'static str),
}

/// What a piece of work inside the database gives back.
pub(super) type Answer<T> = Result<T, Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What to do about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The server was away, is busy or starts: try again for a while.
    Wait,
    /// Two transactions stood in each other's way: run it again at once, a few times.
    RunAgain,
    /// Trying again does not help.
    Tell,
}

impl Fault {
    /// What to do about it.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Store(_) | Self::Broken(_) => Remedy::Tell,
            Self::Busy => Remedy::Wait,
            Self::Postgres(error) => remedy(error),
        }
    }

    /// Whether it is a text that PostgreSQL cannot hold: then nothing in the database is equal to
    /// it.
    pub(super) fn is_nul(&self) -> bool {
        matches!(self, Self::Postgres(error)
            if error.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE))
    }

    /// The store's error, with what was being done where.
    pub(super) fn into_store(self, doing: &str, place: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Broken(reason) => StoreError::Database {
                doing: doing.into(),
                reason: reason.into(),
            },
            Self::Busy => StoreError::Unavailable {
                place: place.into(),
                reason:
                    "no connection came free or could be made in time: see that PostgreSQL runs \
                         there and can be reached from here, or allow more connections"
                        .into(),
            },
            Self::Postgres(error) => from_postgres(&error, doing, place),
        }
    }
}

/// Whether the server refused a statement and its transaction with it. Anything else (the
/// connection broke, the server shut down) says nothing of what became of a commit.
pub(super) fn is_refusal(error: &Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|error| error.parsed_severity() == Some(Severity::Error))
}

fn is_conflict(code: &SqlState) -> bool {
    [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
    ]
    .contains(code)
}

fn is_passing(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || [
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::OUT_OF_MEMORY,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
        // A connection that was idle for longer than the server likes (14 and later).
        || code.code() == "57P05"
}

fn remedy(error: &Error) -> Remedy {
    match error.as_db_error() {
        Some(refused) if is_conflict(refused.code()) => Remedy::RunAgain,
        Some(refused) if is_passing(refused.code()) => Remedy::Wait,
        Some(_) => Remedy::Tell,
        None if error.is_closed() || is_timeout(error) => Remedy::Wait,
        None => match io_cause(error) {
            Some(cause) if tls_cause(cause).is_none() => Remedy::Wait,
            _ => Remedy::Tell,
        },
    }
}

fn is_timeout(error: &Error) -> bool {
    error.to_string() == "timeout waiting for server"
}

fn io_cause(error: &Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

fn tls_cause(cause: &io::Error) -> Option<&rustls::Error> {
    cause.get_ref()?.downcast_ref()
}

/// The store's error for one of the client library's.
pub(super) fn from_postgres(error: &Error, doing: &str, place: &str) -> StoreError {
    let place = place.to_owned();
    match (error.as_db_error(), remedy(error)) {
        (Some(refused), Remedy::Wait) => StoreError::Unavailable {
            place,
            reason: passing(refused),
        },
        (None, Remedy::Wait) => StoreError::Unavailable {
            place,
            reason: format!(
                "{}; see that PostgreSQL runs there and can be reached from here",
                silence(error)
            ),
        },
        (Some(refused), _) => from_server(refused, doing, place),
        (None, _) => without_server(error, doing, place),
    }
}

/// Why the server cannot be reached, in the system's words. They hold no values.
fn silence(error: &Error) -> String {
    match io_cause(error) {
        Some(cause) => cause.to_string(),
        None if error.is_closed() => "the connection was closed".into(),
        None => "it does not answer".into(),
    }
}

fn passing(refused: &DbError) -> String {
    if *refused.code() == SqlState::TOO_MANY_CONNECTIONS {
        return "it takes no more connections: raise max_connections or the role's CONNECTION \
                LIMIT, or allow fewer here"
            .into();
    }
    words(refused)
}

fn from_server(refused: &DbError, doing: &str, place: String) -> StoreError {
    let unusable = |reason: String| StoreError::Unusable {
        place: place.clone(),
        reason,
    };
    let code = refused.code();
    if *code == SqlState::DISK_FULL {
        StoreError::Full { place }
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        StoreError::ReadOnly {
            place,
            reason: "it is a standby, or default_transaction_read_only is on for this role or \
                     database: give the primary's address, or turn it off"
                .into(),
        }
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        unusable(format!(
            "{}: let the role own the database (ALTER DATABASE … OWNER TO …), or grant it what is \
             missing",
            words(refused)
        ))
    } else if [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ]
    .contains(code)
    {
        unusable(format!(
            "{}: see user and password in the address, and the server's pg_hba.conf",
            words(refused)
        ))
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        unusable(format!(
            "{}: make it with createdb, or name another one in the address",
            words(refused)
        ))
    } else {
        StoreError::Database {
            doing: doing.into(),
            reason: words(refused),
        }
    }
}

fn without_server(error: &Error, doing: &str, place: String) -> StoreError {
    if let Some(tls) = io_cause(error).and_then(tls_cause) {
        let reason = match tls {
            rustls::Error::InvalidCertificate(_) => format!(
                "its certificate cannot be verified ({tls}): name the file of the authority that \
                 signed it with sslrootcert=FILE in the address, and the host as the certificate \
                 does"
            ),
            _ => format!("TLS failed: {tls}"),
        };
        return StoreError::Unusable { place, reason };
    }
    if error.to_string() == "error performing TLS handshake" {
        return StoreError::Unusable {
            place,
            reason: "it does not speak TLS: turn ssl on there, or give sslmode=disable if the way \
                     to it is safe"
                .into(),
        };
    }
    if error.to_string() == "authentication error" || error.to_string() == "invalid configuration" {
        return StoreError::Unusable {
            place,
            reason: "it asks for a password, or a way to sign in, that the address does not have"
                .into(),
        };
    }
    // Its own words only: what lies beneath may quote a value.
    StoreError::Database {
        doing: doing.into(),
        reason: error.to_string(),
    }
}

/// What the server said. Its DETAIL quotes rows, and so may the message of a data exception.
fn words(refused: &DbError) -> String {
    let code = refused.code().code();
    if *refused.code() == SqlState::CHARACTER_NOT_IN_REPERTOIRE {
        "a text holds U+0000, which PostgreSQL cannot keep".into()
    } else if code.starts_with("22") {
        format!("PostgreSQL does not take a value (SQLSTATE {code})")
    } else {
        format!("{} (SQLSTATE {code})", refused.message())
    }
}

/// Whether a row was refused because an equal one is there.
pub(super) fn is_duplicate(fault: &Fault) -> bool {
    matches!(fault, Fault::Postgres(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
}
