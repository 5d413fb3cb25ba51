//! What a person or program is told when something does not work.

use postroom_microsoft::DoorError;
use postroom_store::StoreError;
use serde::Serialize;

/// A refusal or failure: what happened, to what, and what to do next. `detail` is for whoever
/// asked; the chain behind it is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// Which kind: stable, for programs.
    pub code: Code,
    /// What happened and what to do, in words.
    pub detail: String,
    /// What Microsoft said, where it refused.
    pub microsoft: Option<MicrosoftRefusal>,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
    /// The id of the thing that is there already, for `conflict`.
    pub existing: Option<String>,
    /// Why, for the log.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What Microsoft said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MicrosoftRefusal {
    /// Graph's code, or `AADSTS…`.
    pub code: String,
    /// Microsoft's own text.
    pub message: String,
    /// What Microsoft's support asks for.
    pub request_id: Option<String>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Kinds of problem. The text is what callers see; the status is HTTP's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The `code` that callers see.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// A few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// What was sent cannot be understood.
    InvalidRequest = "invalidRequest", 400, "The request cannot be understood";
    /// No key, or one that opens nothing.
    Unauthorized = "unauthorized", 401, "A valid key is needed";
    /// The key lacks a scope.
    ScopeMissing = "scopeMissing", 403, "The key may not do this";
    /// The key's list of mailboxes does not have this one.
    MailboxForbidden = "mailboxForbidden", 403, "The key does not reach this mailbox";
    /// A key or an address that only an administrator may give.
    Forbidden = "forbidden", 403, "Not allowed";
    /// A change with a session, and without proof that a page of ours asked for it.
    CsrfFailed = "csrfFailed", 403, "Not asked for by a page of this server";
    /// It is not here, or not for this key.
    NotFound = "notFound", 404, "Not found";
    /// The API promises it, this version has it not.
    NotYet = "notYet", 404, "Not built yet";
    /// The path takes another method.
    MethodNotAllowed = "methodNotAllowed", 405, "The method is not taken here";
    /// It is there already, or in a state that does not allow this.
    Conflict = "conflict", 409, "Conflicts with what is there";
    /// The first call with this `Idempotency-Key` is still under way.
    IdempotencyUnderWay = "idempotencyUnderWay", 409, "The first call is still under way";
    /// The change feed does not reach back so far.
    CursorExpired = "cursorExpired", 410, "The cursor is too old";
    /// Too many bytes.
    TooLarge = "tooLarge", 413, "Too large";
    /// A body of another type than the call takes.
    UnsupportedMediaType = "unsupportedMediaType", 415, "The content type is not taken here";
    /// The same `Idempotency-Key` with another body.
    IdempotencyMismatch = "idempotencyMismatch", 422, "Another request had this Idempotency-Key";
    /// Too many calls.
    Throttled = "throttled", 429, "Too many requests";
    /// The user has to sign in (again).
    NeedsSignIn = "needsSignIn", 409, "A user has to sign in";
    /// The connection's secret is wrong, over or missing.
    CredentialExpired = "credentialExpired", 409, "The connection's credential is not accepted";
    /// Permissions were not agreed to.
    ConsentMissing = "consentMissing", 409, "Consent is missing";
    /// The permission of the app registration or the mailbox does not allow it.
    MicrosoftForbade = "microsoftForbade", 403, "Microsoft does not allow it";
    /// Microsoft has no such thing.
    MicrosoftNotFound = "microsoftNotFound", 404, "Microsoft does not know it";
    /// Microsoft refused otherwise.
    MicrosoftRefused = "microsoftRefused", 502, "Microsoft refused";
    /// Microsoft did not answer, or not understandably.
    MicrosoftUnreachable = "microsoftUnreachable", 502, "Microsoft cannot be reached";
    /// The disk is full.
    StorageFull = "storageFull", 507, "No room to write";
    /// The store cannot be used.
    StorageFailed = "storageFailed", 503, "The store cannot be used";
    /// The program is stopping.
    Stopping = "stopping", 503, "The server is stopping";
    /// A fault of ours.
    Internal = "internal", 500, "Something went wrong here";
}

impl Problem {
    /// A problem with its text.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            microsoft: None,
            retry_after: None,
            existing: None,
            cause: None,
        }
    }

    /// Something is not there, or not for this caller: both look the same.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no {what} {id:?}."))
    }

    /// What was sent cannot be understood.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// The same with the reason for the log.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// After so many seconds it is worth while to ask again for what a database that is away could not
/// answer.
const UNAVAILABLE_FOR: u64 = 5;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Conflict { .. } => Code::Conflict,
            StoreError::CursorExpired => Code::CursorExpired,
            StoreError::Full { .. } => Code::StorageFull,
            StoreError::Closed => Code::Stopping,
            _ => Code::StorageFailed,
        };
        let mut problem = match code {
            Code::StorageFailed if matches!(error, StoreError::Unavailable { .. }) => Self {
                retry_after: Some(UNAVAILABLE_FOR),
                ..Self::new(
                    code,
                    "The database cannot be reached just now; Postroom keeps trying. Ask again, a \
                     sending call with the same Idempotency-Key.",
                )
            },
            Code::StorageFailed if !matches!(error, StoreError::ReadOnly { .. }) => Self::new(
                code,
                "The store cannot be used; the server's log and `postroom doctor` say why.",
            ),
            Code::CursorExpired => Self::new(
                code,
                "The cursor is too old or none of this server's: read the lists anew, then follow \
                 /changes from its newest cursor.",
            ),
            _ => Self::new(code, format!("{error}.")),
        };
        if let StoreError::Conflict { existing, .. } = &error {
            problem.existing = Some(existing.clone());
        }
        problem.because(error)
    }
}

impl From<DoorError> for Problem {
    fn from(error: DoorError) -> Self {
        crate::problem::microsoft::explain(error)
    }
}

mod microsoft;
