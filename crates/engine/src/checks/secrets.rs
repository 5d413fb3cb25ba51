//! Days that a connection's credentials have left.

use super::Finding;
use super::credentials::{never_ends, place_of, words};
use super::steps::{fine, trouble, warning};
use postroom_model::Timestamp;
use postroom_model::connection::{Connection, CredentialInfo};

/// Days before the end at which an administrator is told. A day or less is trouble already.
const WARN_AT: i64 = 60;
const TROUBLE_AT: i64 = 1;

/// What there is to say of a connection's credentials.
pub(super) fn findings(connection: &Connection, now: Timestamp) -> Vec<Finding> {
    if connection.credentials.is_empty() {
        return vec![fine(
            format!("connection {}", connection.name),
            "It has no credential: it acts for users who signed in, and not as the application.",
        )];
    }
    let longest = connection
        .credentials
        .iter()
        .map(|credential| match credential.days_left(now) {
            None if never_ends(credential.kind) => i64::MAX,
            days => days.unwrap_or(i64::MIN),
        })
        .max();
    connection
        .credentials
        .iter()
        .map(|credential| finding(connection, credential, longest, now))
        .collect()
}

/// What to do about a credential that ends.
fn renew(connection: &Connection, credential: &CredentialInfo) -> String {
    format!(
        "Make a new {} ({}), add it to the connection beside the old one, and remove the old one \
         when the check is well.",
        words(credential.kind),
        place_of(connection, credential.kind).path
    )
}

fn finding(
    connection: &Connection,
    credential: &CredentialInfo,
    longest: Option<i64>,
    now: Timestamp,
) -> Finding {
    let subject = format!("connection {}", connection.name);
    let what = words(credential.kind);
    let Some(days) = credential.days_left(now) else {
        if never_ends(credential.kind) {
            return fine(subject, format!("Its {what} has no end."));
        }
        return warning(
            subject,
            format!("Nobody said when its {what} ends, so nobody can be warned."),
            format!(
                "Look up the expiry date ({}) and give it again together with that.",
                place_of(connection, credential.kind).path
            ),
        );
    };
    let replaced = longest.is_some_and(|longest| longest > days && longest > WARN_AT);
    if replaced && days <= WARN_AT {
        return match days {
            ..0 => warning(
                subject,
                format!("A {what} of it is over; another credential is good."),
                "Remove the old one from the connection.",
            ),
            _ => fine(
                subject,
                format!(
                    "A {what} of it ends in {}; another credential is good for longer.",
                    in_days(days)
                ),
            ),
        };
    }
    match days {
        ..0 => trouble(
            subject,
            format!("Its {what} is over."),
            renew(connection, credential),
        ),
        0..=TROUBLE_AT => trouble(
            subject,
            format!("Its {what} ends in {}.", in_days(days)),
            renew(connection, credential),
        ),
        days if days <= WARN_AT => warning(
            subject,
            format!("Its {what} ends in {}.", in_days(days)),
            renew(connection, credential),
        ),
        days => fine(
            subject,
            format!("Its {what} is good for {}.", in_days(days)),
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
pub(super) mod tests {
    use super::super::Severity;
    use super::*;
    use postroom_model::cloud::Cloud;
    use postroom_model::connection::{CredentialKind, Endpoints};
    use postroom_model::{ConnectionId, CredentialId};

    /// A client secret.
    pub(in crate::checks) fn secret(id: CredentialId, at: Timestamp) -> CredentialInfo {
        CredentialInfo {
            id,
            kind: CredentialKind::Secret,
            expires_at: None,
            created_at: at,
        }
    }

    fn severities(days: &[Option<i64>]) -> Vec<Severity> {
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
                    expires_at: days.and_then(end),
                    ..secret(CredentialId::new("s"), now)
                })
                .collect(),
            created_at: now,
        };
        findings(&connection, now)
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
    }

    #[test]
    fn a_replaced_secret_is_no_trouble() {
        use Severity::{Error, Ok, Warning};
        assert_eq!(severities(&[Some(400), Some(3)]), [Ok, Ok]);
        assert_eq!(severities(&[Some(400), Some(-3)]), [Ok, Warning]);
        assert_eq!(severities(&[Some(5), Some(-3)]), [Warning, Error]);
    }
}
