//! Microsoft's noes.

use super::error::Again;
use postroom_model::account::AccountState;
use std::fmt;
use std::time::Duration;

/// Graph's refusal (Graph, *Microsoft Graph error responses and resource types*).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphRefusal {
    /// The connection's name.
    pub connection: String,
    /// The status.
    pub status: u16,
    /// Microsoft's code; empty where it gave none.
    pub code: String,
    /// Microsoft's message, or what came in its place.
    pub message: String,
    /// Microsoft's `request-id`.
    pub request_id: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `Location`: where a lost delta begins anew (410).
    pub location: Option<String>,
    /// Codes of nested `innerError`s, outermost first.
    pub inner_codes: Vec<String>,
    /// Whether the call may have had its effect although Microsoft answered so.
    pub doubtful: bool,
}

impl GraphRefusal {
    /// Whether it carries this code, at any depth, whatever its case (Graph's own advice).
    pub fn has_code(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
            || self
                .inner_codes
                .iter()
                .any(|inner| inner.eq_ignore_ascii_case(code))
    }

    /// Whether a delta token is lost and the round has to begin anew: 410 with any code, or
    /// `syncStateNotFound` and its kin with any status (Graph, *Use delta query*).
    pub fn is_delta_lost(&self) -> bool {
        self.status == 410
            || [
                "syncStateNotFound",
                "syncStateInvalid",
                "resyncRequired",
                "fullSyncRequired",
            ]
            .iter()
            .any(|code| self.has_code(code))
    }

    /// Whether the user has no mailbox in Exchange Online.
    pub fn is_no_mailbox(&self) -> bool {
        self.has_code("MailboxNotEnabledForRESTAPI")
            || self.has_code("MailboxNotSupportedForRESTAPI")
    }

    /// Whether to try again.
    pub fn again(&self) -> Again {
        match self.status {
            _ if self.doubtful => Again::Look,
            429 | 500 | 502 | 503 | 504 | 509 => Again::Later(self.retry_after),
            409 if self.has_code("Directory_ConcurrencyViolation") => {
                Again::Later(self.retry_after)
            }
            408 | 423 => Again::Later(self.retry_after),
            _ => Again::Never,
        }
    }

    /// What to do about it, in words for people.
    pub fn remedy(&self) -> &'static str {
        let raop = self.message.contains("[RAOP]");
        match self.status {
            401 => {
                "Microsoft does not take the token: check the connection's Graph address and sign in again"
            }
            403 if raop => {
                "an application access policy or RBAC scope in Exchange keeps the application from this mailbox: add the mailbox to it"
            }
            403 if self.has_code("ErrorSendAsDenied") => {
                "the account may not send as this address: grant Send As or Send on Behalf in Exchange"
            }
            403 => {
                "a permission is missing: add it to the app registration and let an administrator consent, or give the account access to the mailbox"
            }
            404 if self.is_no_mailbox() => {
                "the user has no Exchange Online mailbox: assign a licence, and wait up to 15 minutes after that"
            }
            404 => "it is not there, or this account cannot see it",
            410 => "begin the round anew",
            413 => "send less at once; attachments from 3 MB on go through an upload session",
            429 => "too many calls: wait as long as Microsoft says",
            507 => "the mailbox or drive is full",
            500..=599 => "Microsoft's service has a problem: try again later",
            _ => "see Microsoft's message",
        }
    }
}

impl fmt::Display for GraphRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "connection {}: Microsoft answered {}",
            self.connection, self.status
        )?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.trim_end_matches('.'))?;
        }
        write!(f, ". What to do: {}", self.remedy())?;
        if self.doubtful {
            f.write_str("; whether it was done is not known: look before trying again")?;
        }
        Ok(())
    }
}

/// The sign-in service's refusal (entra-docs, `reference-error-codes.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInError {
    /// The connection's name.
    pub connection: String,
    /// The AADSTS number, where one was given.
    pub code: Option<u32>,
    /// OAuth's `error` (RFC 6749, section 5.2), or a word of ours.
    pub error: String,
    /// The first line of Microsoft's description, without its ids.
    pub description: String,
    /// What it means, in plain words.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// The state that the account is in by this, where it ends the grant.
    pub ends_grant: Option<AccountState>,
    /// Whether it passes by itself.
    pub transient: bool,
    /// When to come back, where Microsoft says so.
    pub retry_after: Option<Duration>,
    /// The claims challenge to hand to an interactive sign-in (entra-docs, `claims-challenge.md`).
    pub claims: Option<String>,
    /// Microsoft's `correlation_id`, for its support.
    pub correlation_id: Option<String>,
}

impl fmt::Display for SignInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.connection, self.cause)?;
        match self.code {
            Some(code) => write!(f, " (AADSTS{code})")?,
            None => write!(f, " ({})", self.error)?,
        }
        write!(f, ". What to do: {}", self.remedy)
    }
}
