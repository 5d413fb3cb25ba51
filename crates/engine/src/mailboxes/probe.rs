//! Asks Microsoft whose a mailbox is and whether it can be read.

use crate::{Problem, Result};
use postroom_microsoft::graph::{mail_folders, users};
use postroom_microsoft::{Door, DoorError, GraphRefusal, Identity};
use postroom_model::MailboxId;
use postroom_model::account::AccountKind;
use postroom_model::resource::user::User;
use serde_json::Value;

const SELECT: &str = "id,displayName,userPrincipalName,mail";

/// The user that owns a mailbox, found by id, sign-in name or address.
pub(super) async fn owner(door: &Door, who: &Identity, named: &str) -> Result<User> {
    let error = match users::get::<User>(door, who, named, Some(SELECT)).await {
        Ok(user) => return Ok(user),
        Err(error) => error,
    };
    if error.is_not_found() && named.contains('@') {
        // An address need not be the sign-in name, and only that one works in a path.
        if let Some(user) = by_address(door, who, named).await? {
            return Ok(user);
        }
    }
    let advice = match (error.status(), who.account.kind) {
        (Some(403), AccountKind::Application) => Some(format!(
            "The application may not look up {named:?}: add the application permission \
             User.ReadBasic.All (Entra admin center → App registrations → {} → API permissions) \
             and grant admin consent.",
            who.connection.name
        )),
        (Some(403), AccountKind::User) => Some(format!(
            "{} may not look up {named:?}: add the delegated permissions User.ReadBasic.All and \
             Mail.ReadWrite.Shared to the connection's scopes, then sign in again.",
            actor(who)
        )),
        (Some(404), _) => Some(format!(
            "Microsoft knows no user or shared mailbox {named:?} in the tenant of connection {:?}: \
             check the address.",
            who.connection.name
        )),
        _ => None,
    };
    Err(advised(error, advice))
}

async fn by_address(door: &Door, who: &Identity, address: &str) -> Result<Option<User>> {
    let filter = format!("mail eq '{}'", address.replace('\'', "''"));
    let ask = users::ListUsers {
        select: Some(SELECT),
        filter: Some(&filter),
        top: Some(2),
        ..users::ListUsers::default()
    };
    match users::list::<User>(door, who, ask).await {
        Ok(page) => Ok(page.value.into_iter().next()),
        // Who may not list says nothing about this one: the first answer stands.
        Err(error) if error.refusal().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the inbox's folder, as the mirror will.
pub(super) async fn readable(
    door: &Door,
    who: &Identity,
    id: &MailboxId,
    named: &str,
) -> Result<()> {
    let error = match mail_folders::get::<Value>(door, who, id, "inbox").await {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let advice = error
        .refusal()
        .and_then(|refusal| why_unreadable(refusal, who, named));
    Err(advised(error, advice))
}

fn why_unreadable(refusal: &GraphRefusal, who: &Identity, named: &str) -> Option<String> {
    if refusal.is_no_mailbox() {
        return Some(format!(
            "{named:?} has no mailbox in Exchange Online: assign a licence that has one, and wait \
             up to 15 minutes after that."
        ));
    }
    match (refusal.status, who.account.kind) {
        (403, AccountKind::Application) => Some(format!(
            "The application may not read the mailbox {named:?}. Either its permission is missing: \
             grant the application permission Mail.ReadWrite (Entra admin center → App \
             registrations → {} → API permissions → Grant admin consent). Or Exchange limits it to \
             other mailboxes: add this one to the scope of its RBAC role or application access \
             policy. Exchange can take up to two hours to notice.",
            who.connection.name
        )),
        (403 | 404, AccountKind::User) => Some(format!(
            "{} cannot read the mailbox {named:?}: for a shared one, give the user Full Access in \
             Exchange, have Mail.ReadWrite.Shared among the connection's scopes, and sign in again.",
            actor(who)
        )),
        _ => None,
    }
}

fn actor(who: &Identity) -> &str {
    who.account
        .user_principal_name
        .as_deref()
        .unwrap_or("The user")
}

fn advised(error: DoorError, advice: Option<String>) -> Problem {
    let mut problem = Problem::from(error);
    if let Some(advice) = advice {
        problem.detail = advice;
    }
    problem
}

/// A mailbox's address: `mail`, or the sign-in name, in small letters.
pub(super) fn address(owner: &User) -> String {
    owner
        .mail
        .as_deref()
        .filter(|mail| !mail.is_empty())
        .or(owner.user_principal_name.as_deref())
        .unwrap_or(&owner.id)
        .to_lowercase()
}
