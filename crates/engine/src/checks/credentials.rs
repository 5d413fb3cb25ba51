//! Whether Microsoft takes the credentials: one for all that is asked, and each on its own.

use super::CheckStep;
use super::application::is_about_application;
use super::steps::{refused, sentence, untried, well};
use crate::setup::Place;
use crate::setup::portal::{Page, place};
use crate::{Engine, Result};
use postroom_microsoft::{CredentialTrial, DoorError, Identity};
use postroom_model::Timestamp;
use postroom_model::account::AccountKind;
use postroom_model::connection::{Connection, CredentialInfo, CredentialKind};
use postroom_model::grant::AccessToken;

const NAME: &str = "credential";

/// The step for the whole: whether there is a token.
pub(super) fn credential(
    engine: &Engine,
    who: &Identity,
    asked: &std::result::Result<AccessToken, DoorError>,
) -> CheckStep {
    match asked {
        Ok(_) => match who.account.kind {
            AccountKind::Application => well(NAME, taken(&who.connection, engine.now())),
            AccountKind::User => well(
                NAME,
                format!(
                    "The connection has no credential; the sign-in of {} is good.",
                    who.account
                        .user_principal_name
                        .as_deref()
                        .unwrap_or("a user")
                ),
            ),
        },
        Err(error) if is_about_application(error) => untried(
            NAME,
            "Microsoft did not look at the credential, for it does not take the application.",
        ),
        Err(error) => mended(refused(NAME, &who.connection, error), &who.connection),
    }
}

fn taken(connection: &Connection, now: Timestamp) -> String {
    match connection.credentials.as_slice() {
        [one] => format!(
            "Microsoft takes the {}{}.",
            one.kind.words(),
            left(one, now)
        ),
        all => format!("Microsoft takes one of {} credentials.", all.len()),
    }
}

/// A refused credential is replaced by one of its own kind.
fn mended(step: CheckStep, connection: &Connection) -> CheckStep {
    let is_about_credential = step.code.as_deref().is_some_and(|code| {
        matches!(
            code,
            "AADSTS7000215" | "AADSTS7000222" | "AADSTS70002" | "AADSTS700027" | "invalid_client"
        )
    });
    match connection.credentials.as_slice() {
        [one] if is_about_credential => step.at(&place_of(connection, one.kind)),
        _ => step,
    }
}

/// The steps for each credential, where there are several: which of them Microsoft takes.
pub(super) async fn each(engine: &Engine, who: &Identity) -> Result<Vec<CheckStep>> {
    if who.account.kind != AccountKind::Application || who.connection.credentials.len() < 2 {
        return Ok(Vec::new());
    }
    let trials = match engine.door().try_credentials(who).await {
        Ok(trials) => trials,
        Err(error) => {
            let why = sentence(&error.to_string());
            return Ok(vec![untried(format!("{NAME}:all"), why).aside()]);
        }
    };
    let now = engine.now();
    let longest_good = trials
        .iter()
        .filter(|trial| trial.outcome.is_ok())
        .map(|trial| trial.info.days_left(now).unwrap_or(i64::MAX))
        .max();
    Ok(trials
        .iter()
        .map(|trial| one(&who.connection, trial, longest_good.is_some(), now))
        .collect())
}

fn one(
    connection: &Connection,
    trial: &CredentialTrial,
    another_is_good: bool,
    now: Timestamp,
) -> CheckStep {
    let name = format!("{NAME}:{}", trial.info.id);
    let about = format!(
        "The {} of {:.0}{}",
        trial.info.kind.words(),
        trial.info.created_at,
        left(&trial.info, now)
    );
    match &trial.outcome {
        Ok(()) => well(name, format!("{about}: Microsoft takes it.")).aside(),
        Err(error) if is_about_application(error) => untried(
            name,
            format!("{about}: Microsoft did not look at it, for it does not take the application."),
        )
        .aside(),
        Err(error) => {
            let step = refused(name, connection, error);
            let step = CheckStep {
                detail: format!("{about}: {}", step.detail),
                ..step
            };
            if another_is_good {
                step.hint(
                    "Another one is good. Remove this one from the connection, or replace it at \
                     Microsoft.",
                )
                .at(&place_of(connection, trial.info.kind))
                .aside()
            } else {
                step.at(&place_of(connection, trial.info.kind)).aside()
            }
        }
    }
}

/// Where one of this kind is made.
fn place_of(connection: &Connection, kind: CredentialKind) -> Place {
    let page = match kind {
        CredentialKind::Secret => Page::Secrets,
        CredentialKind::Certificate => Page::Certificates,
        CredentialKind::Federated => Page::Federated,
    };
    place(connection, page)
}

fn left(info: &CredentialInfo, now: Timestamp) -> String {
    match info.days_left(now) {
        Some(days) if days < 0 => ", whose date is over".to_owned(),
        Some(0) => ", which ends within a day".to_owned(),
        Some(1) => ", good for 1 more day".to_owned(),
        Some(days) => format!(", good for {days} more days"),
        // Another issuer's word is fetched anew each time.
        None if info.kind == CredentialKind::Federated => String::new(),
        None => ", whose end nobody told".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_are_said() {
        let now = Timestamp::UNIX_EPOCH;
        let info = |days: Option<i64>| -> CredentialInfo {
            let end = days.and_then(|days| Timestamp::from_second(days * 86_400 + 60).ok());
            let json = serde_json::json!({
                "id": "s", "kind": "secret", "expiresAt": end, "createdAt": now,
            });
            serde_json::from_value(json).expect("a credential")
        };
        for (days, text) in [
            (Some(-2), "over"),
            (Some(0), "within a day"),
            (Some(1), "1 more day"),
            (Some(40), "40 more days"),
            (None, "nobody told"),
        ] {
            assert!(left(&info(days), now).contains(text), "{days:?}");
        }
    }
}
