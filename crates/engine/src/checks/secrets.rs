//! Days that a connection's credentials have left: what alerts say, for `doctor`.

use super::Finding;
use super::credentials::nobody;
use super::steps::{fine, trouble, warning};
use crate::alerts::{Due, LastCredential, credential_of, due, last_credential};
use postroom_model::Timestamp;
use postroom_model::alert::{AlertSeverity, ApplicationReading, days_between};
use postroom_model::connection::{Connection, CredentialInfo, CredentialKind};

/// What there is to say of a connection's credentials. `has_users`: whether users signed in, for
/// whom it can act without one.
pub(super) fn findings(
    connection: &Connection,
    has_users: bool,
    reading: Option<&ApplicationReading>,
    now: Timestamp,
) -> Vec<Finding> {
    let subject = format!("connection {}", connection.name);
    if connection.credentials.is_empty() && !has_users {
        let missing = nobody(connection);
        return vec![warning(
            subject,
            missing.detail,
            missing.hint.unwrap_or_default(),
        )];
    }
    if connection.credentials.is_empty() {
        return vec![fine(
            subject,
            "It has no credential: it acts for users who signed in, and not as the application.",
        )];
    }
    let last = last_credential(connection, now);
    connection
        .credentials
        .iter()
        .map(|credential| match last {
            LastCredential::Known(it, end) if std::ptr::eq(it, credential) => {
                let watched = credential_of(connection, reading, now);
                match watched.and_then(|it| due(now, &it)) {
                    Some(due) => said(&subject, due, now),
                    None => good(&subject, credential, days_between(now, end)),
                }
            }
            _ => other(&subject, credential, now),
        })
        .collect()
}

/// What an alert says of it.
pub(super) fn said(subject: &str, due: Due, now: Timestamp) -> Finding {
    let days = due.expires_at.map(|end| days_between(now, end));
    let detail = match days {
        Some(days) if due.level > 0 => format!("{}: in {}.", due.words.title, in_days(days)),
        _ => format!("{}.", due.words.title),
    };
    match due.severity {
        AlertSeverity::Warning => warning(subject, detail, due.words.hint),
        AlertSeverity::Error => trouble(subject, detail, due.words.hint),
    }
}

fn good(subject: &str, credential: &CredentialInfo, days: i64) -> Finding {
    let word = credential.kind.words();
    fine(
        subject,
        format!("Its {word} is good for {}.", in_days(days)),
    )
}

/// One of which nobody knows the end, or beside which there is one that lasts longer.
fn other(subject: &str, credential: &CredentialInfo, now: Timestamp) -> Finding {
    let word = credential.kind.words();
    if credential.kind == CredentialKind::Federated {
        return fine(
            subject,
            "It has a federated credential, which its issuer renews: there is no end to watch.",
        );
    }
    match credential.days_left(now) {
        None => warning(
            subject,
            format!("Nobody said when its {word} ends, so nobody can be warned."),
            "Look up the expiry date (Entra admin center → App registrations → Certificates & \
             secrets) and give the credential again together with it; or grant the application \
             Application.Read.All, and Postroom reads it there.",
        ),
        Some(..0) => warning(
            subject,
            format!("A {word} of it is over; it has another one."),
            "Remove the old one from the connection.",
        ),
        Some(days) => fine(
            subject,
            format!(
                "A {word} of it ends in {}; it has another one.",
                in_days(days)
            ),
        ),
    }
}

fn in_days(days: i64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;
    use postroom_model::cloud::Cloud;
    use postroom_model::connection::Endpoints;
    use postroom_model::{ConnectionId, CredentialId};

    fn severities(days: &[Option<i64>]) -> Vec<Severity> {
        severities_of(days, true)
    }

    fn severities_of(days: &[Option<i64>], has_users: bool) -> Vec<Severity> {
        let now = Timestamp::UNIX_EPOCH;
        let end = |days: i64| Timestamp::from_second(days * 86_400 + 60).ok();
        let connection = Connection {
            id: ConnectionId::new("c"),
            name: "Contoso".to_owned(),
            tenant_id: String::new(),
            client_id: String::new(),
            cloud: Cloud::Global,
            authority_url: String::new(),
            graph_url: String::new(),
            endpoints: Endpoints::default(),
            redirect_uri: None,
            scopes: Vec::new(),
            credentials: days
                .iter()
                .map(|days| CredentialInfo {
                    id: CredentialId::new("s"),
                    kind: CredentialKind::Secret,
                    expires_at: days.and_then(end),
                    created_at: now,
                    taken_at: Some(now),
                    certificate: None,
                    federated: None,
                })
                .collect(),
            created_at: now,
        };
        findings(&connection, has_users, None, now)
            .into_iter()
            .map(|finding| finding.severity)
            .collect()
    }

    #[test]
    fn warnings_come_ahead_of_the_end() {
        use Severity::{Error, Ok, Warning};
        for (days, severity) in [
            (Some(61), Ok),
            (Some(60), Warning),
            (Some(30), Warning),
            (Some(7), Warning),
            (Some(2), Warning),
            (Some(1), Error),
            (Some(0), Error),
            (Some(-1), Error),
            (None, Warning),
        ] {
            assert_eq!(severities(&[days]), [severity], "{days:?}");
        }
        assert_eq!(severities(&[]), [Ok]);
        // Without a credential and without a user nothing works, whatever a check does not find.
        assert_eq!(severities_of(&[], false), [Warning]);
        assert_eq!(severities_of(&[Some(61)], false), [Ok]);
    }

    #[test]
    fn a_replaced_secret_is_no_trouble() {
        use Severity::{Ok, Warning};
        assert_eq!(severities(&[Some(400), Some(3)]), [Ok, Ok]);
        assert_eq!(severities(&[Some(400), Some(-3)]), [Ok, Warning]);
        assert_eq!(severities(&[Some(5), Some(-3)]), [Warning, Warning]);
    }
}
