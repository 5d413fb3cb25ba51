//! Checks: of one connection, step by step, and of everything.

use crate::{Engine, Problem, Result};
use postroom_model::ConnectionId;
use serde::Serialize;

mod claims;
mod connection;
mod examine;
mod permissions;
mod secrets;
mod steps;
mod users;

pub(crate) use connection::how_to_register;

/// What a check of a connection found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Whether every step that was tried went well.
    pub ok: bool,
    /// The steps in order.
    pub steps: Vec<CheckStep>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckStep {
    /// Which step, stable: `authority`, `tenant`, `credential`, `clock`, `permissions`, `graph`,
    /// `redirectUri`, `users`.
    pub name: String,
    /// `None`: it could not be tried.
    pub ok: Option<bool>,
    /// What was seen.
    pub detail: String,
    /// What to do, when it is not well.
    pub hint: Option<String>,
}

/// What `doctor` finds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `store`, `master key`, `connection Contoso`, `mailbox a@b` …
    pub subject: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Will be trouble.
    Warning,
    /// Is trouble.
    Error,
}

impl Engine {
    /// Tries a connection step by step. A step that fails does not end the check; what depends on
    /// it is reported as not tried.
    ///
    /// What the door remembers of the connection is forgotten first, so that everything is asked
    /// for anew.
    pub async fn check_connection(&self, id: &ConnectionId) -> Result<CheckReport> {
        let connection = self
            .store()
            .connection(id)
            .await?
            .ok_or_else(|| Problem::not_found("connection", id.as_str()))?;
        let steps = connection::steps(self, connection).await?;
        Ok(CheckReport {
            ok: steps.iter().all(|step| step.ok != Some(false)),
            steps,
        })
    }

    /// Looks at everything that the engine knows of: store, accounts, secrets' days left, mailboxes
    /// and how old their mirrors are, items of the outbox that failed or are uncertain. With
    /// `online`, connections are checked too.
    pub async fn examine(&self, online: bool) -> Result<Vec<Finding>> {
        examine::findings(self, online).await
    }
}
