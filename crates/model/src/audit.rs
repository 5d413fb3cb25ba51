//! The audit log: what was changed, by whom.

use crate::ids::AuditId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// An entry of the audit log. Never holds a secret, a token or the content of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Ours; sorts by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// From where, as far as that is known.
    pub address: Option<IpAddr>,
    /// What was done: noun and verb, like `connection.add`.
    pub action: String,
    /// To what.
    pub subject: Option<Subject>,
    /// What became of it.
    pub outcome: Outcome,
    /// More about it: which fields were sent, what a key may do from now on.
    pub details: Map<String, Value>,
    /// The call, as `X-Request-Id` and the server's log name it.
    pub request_id: Option<String>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// The key's or person's id; `None` for those who have none, or were not recognised.
    pub id: Option<String>,
    /// The name at that time.
    pub name: String,
}

/// Kinds of actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum ActorKind {
    /// A key of the API.
    Key,
    /// Somebody who signed in to Postroom.
    Person,
    /// Whoever opened the data itself.
    CommandLine,
    /// Postroom by itself, or a browser that nobody knows yet.
    System,
}

impl ActorKind {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Person => "person",
            Self::CommandLine => "commandLine",
            Self::System => "system",
        }
    }
}

/// What something was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = AuditSubject))]
pub struct Subject {
    /// What kind of thing: `connection`, `key`, `person`, …
    pub kind: String,
    /// Its id, where it has one already.
    pub id: Option<String>,
    /// Its name at that time.
    pub name: Option<String>,
}

/// What became of something that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AuditOutcome))]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Begun, and nothing is known of its end: it is under way, or the program ended in between.
    Begun,
    /// It happened.
    Done,
    /// It was not allowed, or could not be: nothing happened.
    Refused,
    /// It failed; part of it may have happened.
    Failed,
}

impl Outcome {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}
