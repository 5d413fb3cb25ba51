//! The users who signed in through a connection: whose sign-in is good, and what mends the others.

use super::CheckStep;
use super::grants::how_to_grant;
use super::steps::{bad, code_of, passing, sentence, untried, well};
use crate::setup::portal::{Page, place};
use crate::{Engine, Result, shell_word};
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
    let passing: Vec<_> = refused
        .iter()
        .filter_map(|(_, error)| passing(error))
        .collect();
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
    let ends_by = |state: AccountState| {
        refused
            .iter()
            .any(|(_, error)| error.ends_grant() == Some(state))
    };
    if ends_by(AccountState::ConsentMissing) {
        return bad(NAME, detail, how_to_grant(connection, AccountKind::User))
            .at(&place(connection, Page::Consent));
    }
    let mut hints = Vec::new();
    let needs_sign_in = |error: &DoorError| {
        matches!(error, DoorError::NoGrant { .. })
            || error
                .ends_grant()
                .is_some_and(|state| state != AccountState::CredentialExpired)
    };
    if refused.iter().any(|(_, error)| needs_sign_in(error)) {
        hints.push(format!(
            "Whose sign-in ended signs in again: `postroom login {}`.",
            shell_word(&connection.name)
        ));
    }
    let lacks_credential = refused
        .iter()
        .any(|(_, error)| matches!(error, DoorError::Credential { .. }));
    if ends_by(AccountState::CredentialExpired) || lacks_credential {
        hints.push(
            "Where the connection's credential is at fault, nobody has to sign in again: see the \
             step `credential`."
                .to_owned(),
        );
    }
    if let Some((_, hint)) = passing.first() {
        hints.push((*hint).to_owned());
        // Of whom nothing could be found out, nothing is said to be well.
        return untried(NAME, detail).hint(hints.join(" "));
    }
    // One user's sign-in that ended says nothing against the connection.
    let step = well(NAME, detail);
    if hints.is_empty() {
        return step;
    }
    step.hint(hints.join(" "))
}

fn why(error: &DoorError) -> String {
    if let Some((why, _)) = passing(error) {
        return format!("could not be tried: {why}");
    }
    match error {
        DoorError::SignIn(refusal) => {
            format!("{} ({})", refusal.cause, code_of(refusal))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::portal::tests::connection;
    use postroom_model::AccountId;
    use postroom_model::cloud::Cloud;

    fn with(errors: Vec<DoorError>) -> CheckStep {
        let mut connection = connection(Cloud::Global);
        connection.name = "`id`".to_owned();
        let refused: Vec<_> = errors
            .into_iter()
            .map(|error| ("ann@contoso.example".to_owned(), error))
            .collect();
        step(&connection, 3, 3, &refused)
    }

    fn lost() -> DoorError {
        DoorError::Network {
            connection: "Contoso".to_owned(),
            what: "no answer came".to_owned(),
            doubtful: false,
        }
    }

    /// Nobody is to sign in again because a network was gone for a moment.
    #[test]
    fn what_passes_is_not_held_against_a_sign_in() {
        let step = with(vec![lost()]);
        assert_eq!(step.ok, None, "{step:?}");
        assert!(step.detail.contains("2 of 3") && step.detail.contains("Could not be tried"));
        assert!(step.hint.is_some_and(|hint| !hint.contains("login")));
    }

    #[test]
    fn who_has_to_sign_in_again_is_told_how() {
        let ended = DoorError::NoGrant {
            connection: "Contoso".to_owned(),
            account: AccountId::new("a"),
            what: "the user has not signed in".to_owned(),
        };
        let step = with(vec![ended.clone()]);
        assert_eq!(step.ok, Some(true));
        let hint = step.hint.unwrap_or_default();
        assert!(hint.contains("`postroom login '`id`'`"), "{hint}");
        let both = with(vec![ended, lost()]);
        assert_eq!(both.ok, None);
        let hint = both.hint.unwrap_or_default();
        assert!(
            hint.contains("login") && hint.contains("try again"),
            "{hint}"
        );
    }

    #[test]
    fn a_credential_that_cannot_be_shown_is_nobodys_sign_in() {
        let step = with(vec![DoorError::Credential {
            connection: "Contoso".to_owned(),
            kind: "federated credential",
            what: "the file /t cannot be read".to_owned(),
        }]);
        let hint = step.hint.unwrap_or_default();
        assert!(
            hint.contains("`credential`") && !hint.contains("login"),
            "{hint}"
        );
    }
}
