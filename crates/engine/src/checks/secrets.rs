//! Days that a connection's secrets have left.

use super::Finding;
use super::steps::{fine, trouble, warning};
use postroom_model::Timestamp;
use postroom_model::connection::{Connection, CredentialInfo};

/// Days before the end at which an administrator is told. A day or less is trouble already.
const WARN_AT: i64 = 60;
const TROUBLE_AT: i64 = 1;

/// What to do about a secret that ends.
const RENEW: &str = "Make a new client secret (Entra admin center → App registrations → \
    Certificates & secrets), add its value to the connection beside the old one with its expiry \
    date, and remove the old one when the check is well.";

/// What there is to say of a connection's secrets.
pub(super) fn findings(connection: &Connection, now: Timestamp) -> Vec<Finding> {
    let subject = format!("connection {}", connection.name);
    if connection.credentials.is_empty() {
        return vec![fine(
            subject,
            "It has no credential: it acts for users who signed in, and not as the application.",
        )];
    }
    let longest = connection
        .credentials
        .iter()
        .filter_map(|credential| credential.days_left(now))
        .max();
    connection
        .credentials
        .iter()
        .map(|credential| finding(&subject, credential, longest, now))
        .collect()
}

fn finding(
    subject: &str,
    credential: &CredentialInfo,
    longest: Option<i64>,
    now: Timestamp,
) -> Finding {
    let Some(days) = credential.days_left(now) else {
        return warning(
            subject,
            "Nobody said when its client secret ends, so nobody can be warned.",
            "Look up the expiry date (Entra admin center → App registrations → Certificates & \
             secrets) and give the secret again together with it.",
        );
    };
    let replaced = longest.is_some_and(|longest| longest > days && longest > WARN_AT);
    if replaced && days <= WARN_AT {
        return match days {
            ..0 => warning(
                subject,
                "One of its client secrets is over; another one is good.",
                "Remove the old one from the connection.",
            ),
            _ => fine(
                subject,
                format!(
                    "One of its client secrets ends in {}; another one is good for longer.",
                    in_days(days)
                ),
            ),
        };
    }
    match days {
        ..0 => trouble(subject, "Its client secret is over.", RENEW),
        0..=TROUBLE_AT => trouble(
            subject,
            format!("Its client secret ends in {}.", in_days(days)),
            RENEW,
        ),
        days if days <= WARN_AT => warning(
            subject,
            format!("Its client secret ends in {}.", in_days(days)),
            RENEW,
        ),
        days => fine(
            subject,
            format!("Its client secret is good for {}.", in_days(days)),
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
