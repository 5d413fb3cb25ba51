//! Alerts: what is about to end, and what ended.

use crate::ids::{AlertId, ConnectionId, CredentialId, OutboxId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that a person has to look after: it is about to end, or did. One is open for a
/// subject at a time; as the end comes nearer it escalates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Ours.
    pub id: AlertId,
    /// What is the matter.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// How many days ahead of the end it was said last: 60, 30, 7 or 1; 0: the end is there.
    pub level: u16,
    /// What it is about.
    pub subject: AlertSubject,
    /// The connection that it belongs to.
    pub connection: Option<ConnectionId>,
    /// In a few words.
    pub title: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub hint: String,
    /// Whole days until the end, negative when it is over.
    pub days_left: Option<i64>,
    /// The end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When it was raised.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it was said last: raised, escalated or resolved.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
    /// When it was found mended.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub resolved_at: Option<Timestamp>,
    /// When somebody said to know of it. An escalation takes that back.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub acknowledged_at: Option<Timestamp>,
    /// Who said so: a key's name.
    pub acknowledged_by: Option<String>,
    /// The mail that told of it last.
    #[serde(skip)]
    pub mail: Option<AlertMailed>,
}

/// Which mail told of an alert, and of which level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertMailed {
    /// The mail in the outbox.
    pub outbox: OutboxId,
    /// The level that the alert had.
    pub level: u16,
}

impl Alert {
    /// The same with the days that are left at `now`.
    #[must_use]
    pub fn seen_at(mut self, now: Timestamp) -> Self {
        self.days_left = self.expires_at.map(|end| days_between(now, end));
        self
    }

    /// Whether it was neither mended nor is over otherwise.
    pub fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }
}

/// Whole days from `now` to `end`, negative when that is over.
pub fn days_between(now: Timestamp, end: Timestamp) -> i64 {
    end.duration_since(now).as_secs().div_euclid(24 * 60 * 60)
}

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AlertType {
    /// A connection's last good credential ends soon.
    #[serde(rename = "credential.expiring")]
    CredentialExpiring,
    /// A connection's last good credential is over.
    #[serde(rename = "credential.expired")]
    CredentialExpired,
    /// Microsoft does not accept a connection's credential, or there is none.
    #[serde(rename = "credential.refused")]
    CredentialRefused,
    /// A user's grant ends soon, for it is not used.
    #[serde(rename = "grant.expiring")]
    GrantExpiring,
    /// A user's grant was not used for so long that it is over.
    #[serde(rename = "grant.expired")]
    GrantExpired,
    /// A user has to sign in again.
    #[serde(rename = "account.needsSignIn")]
    AccountNeedsSignIn,
    /// An account's grant was revoked at Microsoft.
    #[serde(rename = "account.revoked")]
    AccountRevoked,
    /// Consent is missing.
    #[serde(rename = "account.consentMissing")]
    AccountConsentMissing,
    /// A key of Postroom's own ends soon.
    #[serde(rename = "key.expiring")]
    KeyExpiring,
    /// A key of Postroom's own is over.
    #[serde(rename = "key.expired")]
    KeyExpired,
}

impl AlertType {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::CredentialExpiring => "credential.expiring",
            Self::CredentialExpired => "credential.expired",
            Self::CredentialRefused => "credential.refused",
            Self::GrantExpiring => "grant.expiring",
            Self::GrantExpired => "grant.expired",
            Self::AccountNeedsSignIn => "account.needsSignIn",
            Self::AccountRevoked => "account.revoked",
            Self::AccountConsentMissing => "account.consentMissing",
            Self::KeyExpiring => "key.expiring",
            Self::KeyExpired => "key.expired",
        }
    }
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AlertSeverity {
    /// It will be trouble.
    Warning,
    /// It is trouble, or will be within a day.
    Error,
}

impl AlertSeverity {
    /// Every severity.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Error];

    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AlertSubject {
    /// What kind of thing.
    pub kind: AlertSubjectKind,
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
}

/// Kinds of thing that alerts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AlertSubjectKind {
    /// A credential of a connection.
    Credential,
    /// A connection.
    Connection,
    /// An account.
    Account,
    /// A key.
    Key,
}

impl AlertSubjectKind {
    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Connection => "connection",
            Self::Account => "account",
            Self::Key => "key",
        }
    }
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum AlertChange {
    /// It is new.
    Raised,
    /// The end is nearer than when it was said last, or there.
    Escalated,
    /// It was mended, or what it was about is gone.
    Resolved,
}

impl AlertChange {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
        }
    }
}

/// What happened to an alert, as a CloudEvent (CloudEvents 1.0, JSON format). Once written it
/// never changes: whoever hands it on may do so as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// The event's own id: who gets it twice knows it by that.
    pub id: String,
    /// The server that it is of.
    pub source: String,
    /// `postroom.` and what is the matter (`postroom.credential.expiring`); for what was mended,
    /// `postroom.credential.resolved`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: `credential/{id}`, `account/{id}` …
    pub subject: String,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The alert as it was then.
    pub data: AlertEventData,
}

/// What an event of an alert carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AlertEventData {
    /// What happened.
    pub change: AlertChange,
    /// The alert as it was then.
    #[serde(flatten)]
    pub alert: Alert,
}

impl AlertEvent {
    /// The event of `alert`'s being raised, escalated or resolved.
    pub fn of(id: String, source: &str, change: AlertChange, alert: &Alert) -> Self {
        let time = alert.updated_at;
        let family = alert.kind.name().split('.').next().unwrap_or_default();
        let kind = match change {
            AlertChange::Resolved => format!("postroom.{family}.resolved"),
            _ => format!("postroom.{}", alert.kind.name()),
        };
        Self {
            specversion: "1.0".to_owned(),
            id,
            source: source.to_owned(),
            kind,
            subject: format!("{}/{}", alert.subject.kind.name(), alert.subject.id),
            time,
            datacontenttype: "application/json".to_owned(),
            data: AlertEventData {
                change,
                alert: Alert {
                    mail: None,
                    ..alert.clone().seen_at(time)
                },
            },
        }
    }
}

/// What was read of a connection's credentials in its application object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationReading {
    /// Whose.
    pub connection: ConnectionId,
    /// When Microsoft was asked.
    pub read_at: Timestamp,
    /// Whether it may be read.
    pub outcome: ReadingOutcome,
    /// What was found of our credentials.
    pub credentials: Vec<CredentialEnd>,
}

/// Whether an application object may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadingOutcome {
    /// It was read.
    Read,
    /// The application lacks the permission.
    NotPermitted,
}

impl ReadingOutcome {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::NotPermitted => "notPermitted",
        }
    }
}

/// When one of our credentials ends, as Microsoft says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialEnd {
    /// Which.
    pub credential: CredentialId,
    /// The end.
    pub ends_at: Timestamp,
    /// Whether it is known which of the application's credentials ours is. If not, the earliest
    /// end of those that it may be was taken.
    pub is_certain: bool,
    /// Microsoft's `keyId`, where it is known.
    pub key_id: Option<String>,
    /// Microsoft's description of it.
    pub display_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An alert as it goes out is as it comes back, and an event says what a sink needs.
    #[test]
    fn an_event_is_a_cloud_event_and_survives_json() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let alert = Alert {
            id: "a".into(),
            kind: AlertType::CredentialExpiring,
            severity: AlertSeverity::Warning,
            level: 30,
            subject: AlertSubject {
                kind: AlertSubjectKind::Credential,
                id: "s".into(),
                name: "Contoso".into(),
            },
            connection: Some("c".into()),
            title: "t".into(),
            detail: "d".into(),
            hint: "h".into(),
            days_left: None,
            expires_at: Some(crate::clock::later(
                now,
                std::time::Duration::from_secs(30 * 86_400),
            )),
            created_at: now,
            updated_at: now,
            resolved_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            mail: Some(AlertMailed {
                outbox: "o".into(),
                level: 30,
            }),
        };
        let event = AlertEvent::of("e".into(), "http://here", AlertChange::Raised, &alert);
        let json = serde_json::to_value(&event).expect("JSON");
        for (name, value) in [
            ("specversion", "1.0"),
            ("id", "e"),
            ("source", "http://here"),
            ("type", "postroom.credential.expiring"),
            ("subject", "credential/s"),
        ] {
            assert_eq!(json[name], value, "{name}");
        }
        assert_eq!(json["data"]["change"], "raised");
        assert_eq!(json["data"]["daysLeft"], 30);
        assert_eq!(json["data"]["type"], "credential.expiring");
        let back: AlertEvent = serde_json::from_value(json).expect("an event");
        assert_eq!(back, event);
        let resolved = AlertEvent::of("f".into(), "", AlertChange::Resolved, &alert);
        assert_eq!(resolved.kind, "postroom.credential.resolved");
    }

    #[test]
    fn days_are_whole_and_negative_when_over() {
        let now = Timestamp::UNIX_EPOCH;
        let end = |seconds| Timestamp::from_second(seconds).expect("a time");
        for (seconds, days) in [(86_400, 1), (86_399, 0), (0, 0), (-1, -1), (-86_401, -2)] {
            assert_eq!(days_between(now, end(seconds)), days, "{seconds}");
        }
    }
}
