//! One harmless call for each feature in use. Nothing is ever written; what only writing would
//! show is not tried, and judged by the permission.

use super::CheckStep;
use super::connection::Actors;
use super::steps::{bad, refused, sentence, untried, well};
use crate::setup::portal::{Page, place};
use crate::setup::{Feature, FeatureUse, claims, needs};
use crate::{Engine, Result};
use postroom_microsoft::graph::messages::{self, ListMessages};
use postroom_microsoft::graph::{Page as GraphPage, users};
use postroom_microsoft::{DoorError, Identity};
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::connection::Connection;
use postroom_model::mailbox::Mailbox;
use serde_json::Value;

/// What became of a feature's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Called {
    pub(super) feature: Feature,
    pub(super) kind: AccountKind,
    /// `None`: it was not tried, or the answer says nothing of it.
    pub(super) worked: Option<bool>,
}

/// The steps `feature:…` of what is in use.
pub(super) async fn call(
    engine: &Engine,
    connection: &Connection,
    actors: &Actors,
    uses: &[FeatureUse],
) -> Result<(Vec<CheckStep>, Vec<Called>)> {
    let mut steps = Vec::new();
    let mut called = Vec::new();
    for feature in Feature::ALL {
        let mut parts = Vec::new();
        for one in uses
            .iter()
            .filter(|one| one.feature == feature && one.in_use)
        {
            let part = tried(engine, connection, actors, one).await?;
            called.push(Called {
                feature,
                kind: one.kind,
                worked: part.ok,
            });
            parts.push((one.kind, part));
        }
        if let Some(step) = merged(parts) {
            steps.push(step);
        }
    }
    Ok((steps, called))
}

/// One step of those of both kinds of account: the worse one counts.
fn merged(mut parts: Vec<(AccountKind, CheckStep)>) -> Option<CheckStep> {
    if parts.len() < 2 {
        return parts.pop().map(|(_, step)| step);
    }
    let detail: Vec<String> = parts
        .iter()
        .map(|(kind, step)| match kind {
            AccountKind::Application => format!("By the application: {}", step.detail),
            AccountKind::User => format!("By users: {}", step.detail),
        })
        .collect();
    parts.sort_by_key(|(_, step)| match step.ok {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    });
    parts.into_iter().next().map(|(_, worst)| CheckStep {
        detail: detail.join(" "),
        ..worst
    })
}

async fn tried(
    engine: &Engine,
    connection: &Connection,
    actors: &Actors,
    one: &FeatureUse,
) -> Result<CheckStep> {
    let name = format!("feature:{}", one.feature.name());
    let Some(actor) = actors.of(one.kind) else {
        return Ok(untried(name, "There is no token to try it with."));
    };
    Ok(match one.feature {
        Feature::MailRead => match mailbox(engine, connection, one.kind).await? {
            Some((mailbox, who)) => read(engine, name, &mailbox, &who).await,
            None => untried(
                name,
                "Not tried: no mailbox is served yet. `postroom mailbox add` shows whether one is \
                 in reach.",
            ),
        },
        Feature::MailWrite => judged(name, one, actor, "change mail"),
        Feature::MailSend => judged(name, one, actor, "send something"),
        Feature::Profile => profile(engine, name, &actor.who).await,
        _ => people(engine, name, &actor.who).await,
    })
}

/// What cannot be tried without doing it.
fn judged(
    name: String,
    one: &FeatureUse,
    actor: &super::connection::Actor,
    would: &str,
) -> CheckStep {
    let why = format!("Not tried, for it would {would}.");
    let Some(granted) = claims::granted(&actor.token.token) else {
        return untried(name, why);
    };
    let missing = needs::missing(&needs::of(one.feature, one.kind, one.shared), &granted);
    untried(
        name,
        if missing.is_empty() {
            format!("{why} Its permission is granted.")
        } else {
            format!(
                "{why} Its permission is not in the token: {}.",
                missing.join(", ")
            )
        },
    )
}

/// The mailbox that has been served for longest, and whoever reaches it.
async fn mailbox(
    engine: &Engine,
    connection: &Connection,
    kind: AccountKind,
) -> Result<Option<(Mailbox, Identity)>> {
    let mut mailboxes = engine.store().mailboxes().await?;
    mailboxes.sort_by_key(|mailbox| mailbox.created_at);
    for mailbox in mailboxes {
        if mailbox.connection != connection.id {
            continue;
        }
        let who = engine.identity_for(&mailbox, "check").await?;
        // A user whose sign-in ended is named elsewhere.
        let can_act = kind == AccountKind::Application || who.account.state == AccountState::Active;
        if who.account.kind == kind && can_act {
            return Ok(Some((mailbox, who)));
        }
    }
    Ok(None)
}

/// Reads the id of one message.
pub(super) async fn read_one(
    engine: &Engine,
    who: &Identity,
    mailbox: &postroom_model::MailboxId,
) -> std::result::Result<(), DoorError> {
    let ask = ListMessages {
        select: Some("id"),
        top: Some(1),
        ..ListMessages::default()
    };
    let page: std::result::Result<GraphPage<Value>, DoorError> =
        messages::list(engine.door(), who, mailbox, ask).await;
    page.map(|_| ())
}

async fn read(engine: &Engine, name: String, mailbox: &Mailbox, who: &Identity) -> CheckStep {
    let address = &mailbox.address;
    let error = match read_one(engine, who, &mailbox.id).await {
        Ok(()) => return well(name, format!("A message's id was read in {address}.")),
        Err(error) => error,
    };
    let connection = &who.connection;
    let Some(refusal) = error.refusal() else {
        return refused(name, connection, &error);
    };
    let answer = sentence(&format!(
        "{address}: Microsoft answered {} {}: {}",
        refusal.status, refusal.code, refusal.message
    ));
    match refusal.status {
        403 => {
            let hint = match who.account.kind {
                AccountKind::Application if refusal.message.contains("[RAOP]") => {
                    "An application access policy in Exchange keeps the application from this \
                     mailbox: an Exchange administrator adds it to the policy's group, or changes \
                     over to RBAC for Applications (`postroom connection setup --script`)."
                }
                AccountKind::Application => {
                    "Either the permission is missing in Entra ID, or Exchange limits the \
                     application to other mailboxes: then add this one to the group of its scope. \
                     Exchange can take up to two hours to notice."
                }
                AccountKind::User => {
                    "For a mailbox of somebody else, the user needs Full Access in Exchange and the \
                     permissions ending in .Shared; then the user signs in again."
                }
            };
            bad(name, answer, hint)
                .code(&refusal.code)
                .at(&place(connection, Page::Permissions(who.account.kind)))
        }
        _ => {
            let step = refused(name, connection, &error);
            CheckStep {
                detail: answer,
                ..step
            }
        }
    }
}

async fn people(engine: &Engine, name: String, who: &Identity) -> CheckStep {
    let ask = users::ListUsers {
        select: Some("id"),
        top: Some(1),
        ..users::ListUsers::default()
    };
    let page: std::result::Result<GraphPage<Value>, DoorError> =
        users::list(engine.door(), who, ask).await;
    match page {
        Ok(_) => well(name, "A user's id was read in the directory."),
        Err(error) => {
            let step = refused(name, &who.connection, &error);
            match error.status() {
                Some(403) => step.at(&place(&who.connection, Page::Permissions(who.account.kind))),
                _ => step,
            }
        }
    }
}

async fn profile(engine: &Engine, name: String, who: &Identity) -> CheckStep {
    let Some(user) = &who.account.user_id else {
        return untried(name, "No user has signed in.");
    };
    match users::get::<Value>(engine.door(), who, user, Some("id")).await {
        Ok(_) => well(name, "The user who signed in was looked up."),
        Err(error) => refused(name, &who.connection, &error),
    }
}
