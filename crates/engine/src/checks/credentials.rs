//! Whether Microsoft takes the credentials: one for all that is asked, and each on its own.

use super::CheckStep;
use super::application::is_about_application;
use super::steps::{bad, code_of, refused, sentence, signed_in_not, untried, well};
use crate::setup::Place;
use crate::setup::portal::{Page, place};
use crate::{Engine, Result, shell_word};
use postroom_microsoft::{CredentialTrial, DoorError, Identity};
use postroom_model::Timestamp;
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::connection::{Connection, CredentialInfo, CredentialKind, FederatedSource};
use postroom_model::grant::AccessToken;

/// The step's name.
pub(super) const NAME: &str = "credential";

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
        Err(error) => {
            // Of several it is not told which one this is about; the steps for each say it.
            let one = match who.connection.credentials.as_slice() {
                [one] => Some(one),
                _ => None,
            };
            not_taken(NAME, &who.connection, one, error)
        }
    }
}

/// The step for a connection in which there is nothing to ask with.
pub(super) fn nobody(connection: &Connection) -> CheckStep {
    let name = shell_word(&connection.name);
    untried(
        NAME,
        "The connection has no credential, and no user has signed in through it: nobody can act.",
    )
    .hint(format!(
        "For the application, add a credential: `postroom connection credential add {name} \
         --client-secret-file FILE` (or --certificate FILE, --make-certificate). For users, sign \
         one in: `postroom login {name}`."
    ))
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

/// Refusals of the credential itself, whatever its kind.
const NOT_GOOD: [&str; 4] = [
    "AADSTS70002",
    "AADSTS50012",
    "AADSTS7000222",
    "invalid_client",
];

/// Why a credential was not taken, and what mends one of its kind. What passes by itself, and what
/// never reached Microsoft, is not held against it.
fn not_taken(
    name: impl Into<String>,
    connection: &Connection,
    credential: Option<&CredentialInfo>,
    error: &DoorError,
) -> CheckStep {
    let refusal = match (error, credential) {
        (DoorError::SignIn(refusal), Some(_)) if !refusal.transient => refusal,
        (DoorError::Credential { what, .. }, _) => {
            return unusable(name, connection, credential, what);
        }
        _ => return refused(name, connection, error),
    };
    let code = code_of(refusal);
    let remedy = match credential.map(|it| it.kind) {
        Some(CredentialKind::Certificate)
            if refusal.code == Some(NOT_REGISTERED) || NOT_GOOD.contains(&code.as_str()) =>
        {
            credential.map(|it| how_to_upload(connection, it))
        }
        Some(CredentialKind::Federated) if NOT_GOOD.contains(&code.as_str()) => Some(
            "Compare issuer, subject and audience there with the assertion's, letter by letter."
                .to_owned(),
        ),
        _ => None,
    };
    match (credential, remedy) {
        (Some(it), Some(remedy)) => bad(
            name,
            sentence(&format!("{} ({code})", refusal.cause)),
            remedy,
        )
        .code(code)
        .at(&place_of(connection, it.kind)),
        _ => signed_in_not(name, connection, refusal),
    }
}

/// The certificate is not registered, or the signature does not fit it.
const NOT_REGISTERED: u32 = 700_027;

/// A certificate is good as soon as its public half is at Microsoft: one that was made here waits
/// for just that.
fn how_to_upload(connection: &Connection, certificate: &CredentialInfo) -> String {
    let thumbprint = certificate
        .certificate
        .as_ref()
        .map_or_else(String::new, |it| {
            format!(" Its thumbprint there is {}.", it.thumbprint)
        });
    format!(
        "Upload the public half of it, which `postroom connection credential certificate {} {} --out \
         FILE.pem` saves.{thumbprint}",
        shell_word(&connection.name),
        shell_word(certificate.id.as_str()),
    )
}

/// What cannot even be shown is mended here and not at Microsoft: an assertion where it comes from.
fn unusable(
    name: impl Into<String>,
    connection: &Connection,
    credential: Option<&CredentialInfo>,
    what: &str,
) -> CheckStep {
    let source = credential.or_else(|| {
        let federated = |it: &&CredentialInfo| it.federated.is_some();
        connection.credentials.iter().find(federated)
    });
    let hint = match source.and_then(|it| it.federated.as_ref()) {
        Some(FederatedSource::File { file }) => format!(
            "On this machine, see to the file {file}: it has to be there with a fresh assertion, \
             readable for the user that Postroom runs as, and what renews it has to run. If it is \
             elsewhere, add a federated credential with the right path and remove this one."
        ),
        Some(FederatedSource::Url { url, .. }) => format!(
            "From this machine, {url} has to answer with a fresh assertion: see that what answers \
             there runs, and that the headers that it wants are given. If it is elsewhere, add a \
             federated credential with the right address and remove this one."
        ),
        None => format!(
            "Give it again: `postroom connection credential add {} …`, then remove this one.",
            shell_word(&connection.name)
        ),
    };
    bad(name, sentence(what), hint)
}

/// The steps for each credential, where there are several: which of them Microsoft takes.
pub(super) async fn each(engine: &Engine, who: &Identity) -> Result<Vec<CheckStep>> {
    if who.account.kind != AccountKind::Application || who.connection.credentials.len() < 2 {
        return Ok(Vec::new());
    }
    let trials = match engine.door().try_credentials(who).await {
        Ok(trials) => trials,
        Err(error) => {
            let step = refused(format!("{NAME}:all"), &who.connection, &error);
            return Ok(vec![step.aside()]);
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
            let step = not_taken(name, connection, Some(&trial.info), error);
            let step = CheckStep {
                detail: format!("{about}: {}", step.detail),
                ..step
            };
            let is_replaced = another_is_good
                && error.ends_grant() == Some(AccountState::CredentialExpired)
                && step.code.as_deref() != Some("AADSTS700027");
            match step.hint.clone() {
                _ if is_replaced => step
                    .hint(
                        "Another one is good. Remove this one from the connection, or replace it at \
                         Microsoft.",
                    )
                    .at(&place_of(connection, trial.info.kind)),
                Some(hint) if another_is_good && step.ok == Some(false) => {
                    step.hint(format!("Another one is good until then. {hint}"))
                }
                _ => step,
            }
            .aside()
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
    use crate::setup::portal::tests::connection;
    use postroom_microsoft::SignInError;
    use postroom_model::cloud::Cloud;

    fn credential(id: &str, json: serde_json::Value) -> CredentialInfo {
        let mut whole = serde_json::json!({
            "id": id, "expiresAt": null, "createdAt": Timestamp::UNIX_EPOCH,
        });
        for (name, value) in json.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).expect("a credential")
    }

    fn certificate() -> CredentialInfo {
        credential(
            "one",
            serde_json::json!({
                "kind": "certificate",
                "certificate": {
                    "pem": "", "thumbprint": "AB12", "x5tS256": "", "subject": "CN=Postroom",
                    "notBefore": Timestamp::UNIX_EPOCH,
                },
            }),
        )
    }

    fn refusal(code: u32) -> DoorError {
        let said = postroom_microsoft::signin::refusals::explain(code).expect("a known number");
        DoorError::SignIn(Box::new(SignInError {
            connection: "Contoso".to_owned(),
            code: Some(code),
            error: "invalid_client".to_owned(),
            description: String::new(),
            cause: said.cause.to_owned(),
            remedy: said.remedy.to_owned(),
            ends_grant: said.ends_grant,
            transient: said.transient,
            retry_after: None,
            claims: None,
            correlation_id: None,
        }))
    }

    fn lost() -> DoorError {
        DoorError::Network {
            connection: "Contoso".to_owned(),
            what: "no answer came".to_owned(),
            doubtful: false,
        }
    }

    fn tried(info: CredentialInfo, error: DoorError, another_is_good: bool) -> CheckStep {
        let mut connection = connection(Cloud::Global);
        connection.name = "Contoso $(x)".to_owned();
        connection.credentials = vec![info.clone()];
        let trial = CredentialTrial {
            info,
            outcome: Err(error),
        };
        one(&connection, &trial, another_is_good, Timestamp::UNIX_EPOCH)
    }

    /// A network that is gone, a fault that passes and a full queue say nothing of a credential:
    /// nobody is to throw a good one away.
    #[test]
    fn what_passes_is_not_held_against_a_credential() {
        let throttled = DoorError::Throttled {
            connection: "Contoso".to_owned(),
            until: Timestamp::UNIX_EPOCH,
        };
        for error in [lost(), throttled, refusal(90_033)] {
            for another_is_good in [true, false] {
                let step = tried(certificate(), error.clone(), another_is_good);
                assert_eq!(step.ok, None, "{step:?}");
                assert!(step.detail.contains("ould not be tried"), "{step:?}");
                let hint = step.hint.unwrap_or_default();
                assert!(
                    hint.contains("again") && !hint.contains("Remove") && !hint.contains("Entra"),
                    "{hint}"
                );
            }
        }
    }

    /// A certificate that was made here is not thrown away before it was uploaded.
    #[test]
    fn a_certificate_that_microsoft_does_not_know_is_to_be_uploaded() {
        for another_is_good in [true, false] {
            let step = tried(certificate(), refusal(NOT_REGISTERED), another_is_good);
            assert_eq!(step.ok, Some(false));
            let hint = step.hint.unwrap_or_default();
            for words in [
                "Upload certificate",
                "credential certificate 'Contoso $(x)' one --out",
                "AB12",
            ] {
                assert!(hint.contains(words), "{words}: {hint}");
            }
            assert!(!hint.contains("Remove"), "{hint}");
        }
        // One that is really replaced is named so.
        let secret = credential("s", serde_json::json!({"kind": "secret"}));
        let step = tried(secret, refusal(7_000_222), true);
        let hint = step.hint.unwrap_or_default();
        assert!(hint.starts_with("Another one is good. Remove"), "{hint}");
    }

    /// A file that is missing is not mended in the admin center.
    #[test]
    fn an_assertion_that_is_not_there_is_mended_where_it_comes_from() {
        for (source, named) in [
            (
                serde_json::json!({"file": "/var/run/token"}),
                "/var/run/token",
            ),
            (
                serde_json::json!({"url": "https://idp.example/t", "headers": []}),
                "https://idp.example/t",
            ),
        ] {
            let info = credential(
                "f",
                serde_json::json!({"kind": "federated", "federated": source}),
            );
            let error = DoorError::Credential {
                connection: "Contoso".to_owned(),
                kind: "federated credential",
                what: "it is not there".to_owned(),
            };
            for another_is_good in [true, false] {
                let step = tried(info.clone(), error.clone(), another_is_good);
                assert_eq!((step.ok, &step.link), (Some(false), &None), "{step:?}");
                let hint = step.hint.unwrap_or_default();
                assert!(hint.contains(named) && !hint.contains("Entra"), "{hint}");
            }
        }
    }

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
