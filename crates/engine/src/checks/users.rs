//! The users who signed in through a connection: whose sign-in is good, and what mends the others.

use super::CheckStep;
use super::grants::how_to_grant;
use super::steps::{bad, code_of, sentence, untried, well};
use crate::setup::portal::{Page, place};
use crate::{Engine, Result};
use postroom_microsoft::{DoorError, Identity};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::connection::Connection;
use std::sync::Arc;

/// The step's name.
pub(super) const NAME: &str = "users";

/// The most users that one check asks Microsoft about.
const MOST: usize = 20;

/// Asks for a token of each user, those first who could not act when they were last asked for.
pub(super) async fn users(engine: &Engine, connection: &Arc<Connection>) -> Result<CheckStep> {
    let mut users: Vec<Account> = engine
        .store()
        .accounts()
        .await?
        .into_iter()
        .filter(|one| one.connection == connection.id && one.kind == AccountKind::User)
        .collect();
    if users.is_empty() {
        return Ok(untried(NAME, "No user has signed in through it."));
    }
    users.sort_by_key(|user| user.state == AccountState::Active);
    let all = users.len();
    users.truncate(MOST);
    let tried = users.len();
    let mut refused = Vec::new();
    for user in users {
        let who = Identity {
            connection: Arc::clone(connection),
            account: Arc::new(user.clone()),
            caller: "check".into(),
        };
        if let Err(error) = engine.door().access_token(&who).await {
            refused.push((name(&user), error));
        }
    }
    Ok(step(connection, tried, all, &refused))
}

fn name(user: &Account) -> String {
    user.user_principal_name
        .as_deref()
        .or(user.display_name.as_deref())
        .unwrap_or(user.id.as_str())
        .to_owned()
}

fn step(
    connection: &Connection,
    tried: usize,
    all: usize,
    refused: &[(String, DoorError)],
) -> CheckStep {
    let mut lines = vec![match (tried - refused.len(), all) {
        (good, all) if tried == all => format!("{good} of {all} can act."),
        (good, all) => format!("{good} of the {tried} that were tried can act, of {all}."),
    }];
    lines.extend(
        refused
            .iter()
            .map(|(user, error)| format!("{user}: {}", sentence(&why(error)))),
    );
    let detail = lines.join(" ");
    if refused.is_empty() {
        return well(NAME, detail);
    }
    let lacks_consent = refused
        .iter()
        .any(|(_, error)| error.ends_grant() == Some(AccountState::ConsentMissing));
    if lacks_consent {
        return bad(NAME, detail, how_to_grant(connection, AccountKind::User))
            .at(&place(connection, Page::Consent));
    }
    // One user's sign-in that ended says nothing against the connection.
    well(NAME, detail).hint(format!(
        "They sign in again: `postroom login {:?}`.",
        connection.name
    ))
}

fn why(error: &DoorError) -> String {
    match error {
        DoorError::SignIn(refusal) => {
            format!("{} ({})", refusal.cause, code_of(refusal))
        }
        other => other.to_string(),
    }
}
