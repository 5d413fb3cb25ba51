//! Which of an application's credentials ours is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroom_microsoft::graph::applications::{Application, KeyCredential, PasswordCredential};
use postroom_model::alert::CredentialEnd;
use postroom_model::connection::CredentialInfo;
use postroom_model::{Secret, Timestamp};

/// So many characters of a secret are told (`hint`; Graph, *passwordCredential resource type*).
const HINT: usize = 3;

/// What is known of a credential of ours.
pub(super) struct Ours<'o> {
    pub(super) info: &'o CredentialInfo,
    pub(super) proof: Proof<'o>,
    /// The end that somebody typed in.
    pub(super) typed: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// What it is known by.
pub(super) enum Proof<'o> {
    /// A client secret.
    Secret(&'o Secret),
    /// A certificate's SHA-1 thumbprint, in hexadecimal digits.
    Thumbprint(&'o str),
}

/// One that ours may be.
#[derive(Clone, Debug)]
struct Candidate {
    end: Timestamp,
    key_id: Option<String>,
    display_name: Option<String>,
}

/// When ours ends, as the application object says; nothing when it is not in there.
pub(super) fn end_of(ours: &Ours<'_>, application: &Application) -> Option<CredentialEnd> {
    let mut candidates = match &ours.proof {
        Proof::Secret(secret) => secrets(secret, &application.password_credentials),
        Proof::Thumbprint(thumbprint) => certificates(thumbprint, &application.key_credentials),
    };
    // Nobody adds a credential that is over already; unless the clock was ahead when it was added.
    let added = ours.info.created_at.min(ours.now);
    if candidates.iter().any(|it| it.end > added) {
        candidates.retain(|it| it.end > added);
    }
    if candidates.len() > 1
        && let Some(typed) = ours.typed
    {
        let same_day: Vec<_> = candidates
            .iter()
            .filter(|it| it.end.duration_since(typed).abs().as_hours() <= 24)
            .cloned()
            .collect();
        if same_day.len() == 1 {
            candidates = same_day;
        }
    }
    let is_certain = candidates.len() == 1;
    let earliest = candidates.into_iter().min_by_key(|it| it.end)?;
    Some(CredentialEnd {
        credential: ours.info.id.clone(),
        // As the store keeps it, to be compared with that: Microsoft tells the ten millionth of a
        // second.
        ends_at: Timestamp::from_microsecond(earliest.end.as_microsecond()).unwrap_or(earliest.end),
        is_certain,
        key_id: earliest.key_id.filter(|_| is_certain),
        display_name: earliest.display_name.filter(|_| is_certain),
    })
}

fn secrets(secret: &Secret, all: &[PasswordCredential]) -> Vec<Candidate> {
    let start: String = secret.reveal().chars().take(HINT).collect();
    let with_end = |it: &PasswordCredential| {
        Some(Candidate {
            end: it.end_date_time?,
            key_id: it.key_id.clone(),
            display_name: it.display_name.clone(),
        })
    };
    let told: Vec<_> = all
        .iter()
        .filter(|it| it.hint.as_deref() == Some(start.as_str()))
        .filter_map(with_end)
        .collect();
    if !told.is_empty() {
        return told;
    }
    // Secrets of the directory's early years have no hint.
    all.iter()
        .filter(|it| it.hint.as_deref().is_none_or(str::is_empty))
        .filter_map(with_end)
        .collect()
}

fn certificates(thumbprint: &str, all: &[KeyCredential]) -> Vec<Candidate> {
    all.iter()
        .filter(|it| {
            it.custom_key_identifier
                .as_deref()
                .is_some_and(|identifier| is_thumbprint(identifier, thumbprint))
        })
        .filter_map(|it| {
            Some(Candidate {
                end: it.end_date_time?,
                key_id: it.key_id.clone(),
                display_name: it.display_name.clone(),
            })
        })
        .collect()
}

/// `customKeyIdentifier` is the thumbprint's bytes in base64; hexadecimal digits are met, too.
fn is_thumbprint(identifier: &str, thumbprint: &str) -> bool {
    if identifier.eq_ignore_ascii_case(thumbprint) {
        return true;
    }
    let Ok(bytes) = STANDARD.decode(identifier) else {
        return false;
    };
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.eq_ignore_ascii_case(thumbprint) || bytes.eq_ignore_ascii_case(thumbprint.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::connection::CredentialKind;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).expect("a time")
    }

    fn password(key: &str, hint: Option<&str>, end: i64) -> PasswordCredential {
        PasswordCredential {
            key_id: Some(key.to_owned()),
            display_name: None,
            hint: hint.map(str::to_owned),
            end_date_time: Some(day(end)),
        }
    }

    fn found(
        typed: Option<i64>,
        all: Vec<PasswordCredential>,
    ) -> Option<(Timestamp, bool, Option<String>)> {
        found_at(120, typed, all)
    }

    /// On that day; ours was added on day 100.
    fn found_at(
        now: i64,
        typed: Option<i64>,
        all: Vec<PasswordCredential>,
    ) -> Option<(Timestamp, bool, Option<String>)> {
        let info = CredentialInfo {
            id: "c".into(),
            kind: CredentialKind::Secret,
            expires_at: None,
            created_at: day(100),
            taken_at: None,
            certificate: None,
            federated: None,
        };
        let secret = Secret::new("abc8Q~rest");
        let ours = Ours {
            info: &info,
            proof: Proof::Secret(&secret),
            typed: typed.map(day),
            now: day(now),
        };
        let application = Application {
            password_credentials: all,
            ..Application::default()
        };
        end_of(&ours, &application).map(|it| (it.ends_at, it.is_certain, it.key_id))
    }

    #[test]
    fn a_secret_is_known_by_its_first_characters() {
        let all = vec![
            password("1", Some("xyz"), 200),
            password("2", Some("abc"), 300),
            password("3", None, 150),
        ];
        assert_eq!(found(None, all), Some((day(300), true, Some("2".into()))));
    }

    #[test]
    fn of_several_the_earliest_is_taken_and_said_to_be_a_guess() {
        let two = || {
            vec![
                password("1", Some("abc"), 300),
                password("2", Some("abc"), 200),
            ]
        };
        assert_eq!(found(None, two()), Some((day(200), false, None)));
        // The end that was typed in tells them apart, if it is near to one of them.
        assert_eq!(
            found(Some(300), two()),
            Some((day(300), true, Some("1".into())))
        );
        assert_eq!(found(Some(250), two()), Some((day(200), false, None)));
        // One that was over when ours was added is not ours.
        let mut with_old = two();
        with_old[1].end_date_time = Some(day(99));
        assert_eq!(
            found(None, with_old.clone()),
            Some((day(300), true, Some("1".into())))
        );
        // If the clock was ahead when ours was added, it may be.
        assert_eq!(found_at(90, None, with_old), Some((day(99), false, None)));
    }

    #[test]
    fn without_hints_those_without_may_be_ours() {
        let one = vec![password("1", None, 300), password("2", Some("xyz"), 200)];
        assert_eq!(found(None, one), Some((day(300), true, Some("1".into()))));
        assert_eq!(found(None, vec![password("2", Some("xyz"), 200)]), None);
        assert_eq!(found(None, Vec::new()), None);
        let mut endless = password("1", Some("abc"), 1);
        endless.end_date_time = None;
        assert_eq!(found(None, vec![endless]), None);
    }

    #[test]
    fn a_certificate_is_known_by_its_thumbprint() {
        let thumbprint = "00ff10ABcd00ff10abcd00ff10abcd00ff10abcd";
        let bytes: Vec<u8> = (0..20)
            .map(|at| u8::from_str_radix(&thumbprint[at * 2..at * 2 + 2], 16).expect("hex"))
            .collect();
        let info = CredentialInfo {
            id: "c".into(),
            kind: CredentialKind::Secret,
            expires_at: None,
            created_at: day(1),
            taken_at: None,
            certificate: None,
            federated: None,
        };
        let ours = Ours {
            info: &info,
            proof: Proof::Thumbprint(thumbprint),
            typed: None,
            now: day(1),
        };
        let key = |identifier: Option<String>, end| KeyCredential {
            key_id: Some("k".to_owned()),
            display_name: None,
            custom_key_identifier: identifier,
            end_date_time: Some(day(end)),
        };
        for identifier in [
            STANDARD.encode(&bytes),
            thumbprint.to_owned(),
            STANDARD.encode(thumbprint.to_uppercase()),
        ] {
            let application = Application {
                key_credentials: vec![
                    key(None, 3),
                    key(Some("?".to_owned()), 4),
                    key(Some(STANDARD.encode([7; 20])), 5),
                    key(Some(identifier.clone()), 9),
                ],
                ..Application::default()
            };
            let end = end_of(&ours, &application).map(|it| (it.ends_at, it.is_certain));
            assert_eq!(end, Some((day(9), true)), "{identifier}");
        }
    }
}
