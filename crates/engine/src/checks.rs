//! Checks: of one connection, step by step, and of everything.

use crate::{Engine, Result};
use postroom_model::ConnectionId;
use serde::Serialize;

mod application;
mod clock;
mod connection;
mod consented;
mod credentials;
mod discovery;
mod examine;
mod feature_calls;
mod grants;
mod limit;
mod redirect;
mod secrets;
mod steps;
mod users;

pub use consented::ConsentEnd;
pub use limit::{LimitAnswer, LimitReport, LimitResult};
pub(crate) use redirect::how_to_register;

/// What a check looks at besides the connection itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckAsk {
    /// Whether the application's limit to mailboxes is to be proven. Naming a mailbox asks for it,
    /// too.
    pub limit: bool,
    /// A mailbox that the application has to reach; one that is served unless given.
    pub inside_mailbox: Option<String>,
    /// A mailbox that it must not reach; one of the directory unless given.
    pub outside_mailbox: Option<String>,
}

impl CheckAsk {
    fn asks_for_limit(&self) -> bool {
        self.limit || self.inside_mailbox.is_some() || self.outside_mailbox.is_some()
    }
}

/// What a check of a connection found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Whether no essential step failed.
    pub ok: bool,
    /// The steps in order.
    pub steps: Vec<CheckStep>,
    /// What became of proving the limit, where that was asked for.
    pub limit: Option<LimitReport>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckStep {
    /// Which step, stable: `authority`, `tenant`, `application`, `credential`, `credential:` with
    /// the id of each where there are several, `clock`, `permissions`, `graph`, `feature:` with the
    /// name of each that is in use (`feature:mail.read`), `redirectUri`, `users`, `limit`,
    /// `limit:entra`.
    pub name: String,
    /// `None`: it could not be tried.
    pub ok: Option<bool>,
    /// Whether the connection is not well when this fails. An old secret beside a good one is not.
    pub essential: bool,
    /// What Microsoft said no with: `AADSTS…` or Graph's code.
    pub code: Option<String>,
    /// What was seen.
    pub detail: String,
    /// What to do, when it is not well.
    pub hint: Option<String>,
    /// The page of Microsoft's admin center where it is done.
    pub link: Option<String>,
}

/// What `doctor` finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// it is reported as not tried. Nothing is written at Microsoft.
    ///
    /// What the door remembers of the connection is forgotten first, so that everything is asked
    /// for anew.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` where the limit of an application is to be proven and there is
    /// none, or no mailbox to prove it with.
    pub async fn check_connection(&self, id: &ConnectionId, ask: &CheckAsk) -> Result<CheckReport> {
        let connection = self.connection_by_id(id).await?;
        let (steps, limit) = connection::steps(self, connection, ask).await?;
        Ok(CheckReport {
            ok: !steps
                .iter()
                .any(|step| step.essential && step.ok == Some(false)),
            steps,
            limit,
        })
    }

    /// Looks at everything that the engine knows of: store, accounts, secrets' days left, mailboxes
    /// and how old their mirrors are, items of the outbox that failed or are uncertain. With
    /// `online`, connections are checked too.
    pub async fn examine(&self, online: bool) -> Result<Vec<Finding>> {
        examine::findings(self, online).await
    }
}
