//! Mail to an administrator, through Postroom itself.

use crate::access::Caller;
use crate::{Engine, Result};
use postroom_model::alert::{Alert, AlertSeverity};
use postroom_model::clock::later;
use postroom_model::outbox::{
    BodyType, Importance, OutboxItem, OutboxKind, OutboxStatus, OutboxStep, OutgoingBody,
    OutgoingMessage,
};
use postroom_model::resource::recipient::Recipient;
use postroom_model::{AlertId, OutboxId, Timestamp};
use postroom_store::contract::alerts::LAST_ALERT_MAIL;
use std::fmt::Write as _;
use std::time::Duration;

/// Between two mails passes at least this much time: what comes meanwhile goes together.
pub(super) const APART: Duration = Duration::from_secs(10 * 60);
/// So many alerts stand in one mail in full.
const MOST: usize = 40;
/// The longest subject that Exchange takes.
const LONGEST_SUBJECT: usize = 255;

/// Whether a mail is to tell of an alert: of its level none did, and nobody said to know of it.
pub(super) fn is_to_be_told(alert: &Alert) -> bool {
    alert.is_open()
        && alert.acknowledged_at.is_none()
        && alert
            .mail
            .as_ref()
            .is_none_or(|mailed| mailed.level != alert.level)
}

/// When a mail was accepted last.
///
/// # Errors
/// When the store fails.
pub(super) async fn last(engine: &Engine) -> Result<Option<Timestamp>> {
    let kept = engine.store().setting(LAST_ALERT_MAIL).await?;
    Ok(kept.and_then(|it| it.parse().ok()))
}

/// The mail that is to be sent now, with the alerts that it tells of.
///
/// # Errors
/// When the store fails.
pub(super) async fn compose(
    engine: &Engine,
    open: &[Alert],
) -> Result<Option<(OutboxItem, Vec<(AlertId, u16)>)>> {
    let settings = &engine.settings().alerts;
    let Some(from) = settings.mail_from.as_deref() else {
        return Ok(None);
    };
    if settings.mail_to.is_empty() {
        return Ok(None);
    }
    let state = &engine.shared.alerts;
    let Some(mailbox) = engine.mailbox_named(&Caller::Local, from).await? else {
        let why = format!(
            "Alerts are to be mailed from {from}, which is not served: add it (`postroom mailbox \
             add`), or set alerts.mail_from to a mailbox that is."
        );
        if state.set_why_no_mail(Some(&why)) {
            tracing::warn!("{why}");
        }
        return Ok(None);
    };
    state.set_why_no_mail(None);
    let told: Vec<_> = open.iter().filter(|it| is_to_be_told(it)).collect();
    let now = engine.now();
    // A clock that went back holds nothing up.
    let is_soon = |last: Timestamp| last <= now && now < later(last, APART);
    if told.is_empty() || last(engine).await?.is_some_and(is_soon) {
        return Ok(None);
    }
    let item = OutboxItem {
        id: OutboxId::new(engine.shared.dice.timed_guid(now).to_string()),
        mailbox: mailbox.id,
        key: None,
        kind: OutboxKind::Send,
        original: None,
        message: message(&told, &settings.mail_to, now, &engine.settings().public_url),
        status: OutboxStatus::Queued,
        step: OutboxStep::New,
        message_id: None,
        internet_message_id: None,
        conversation_id: None,
        reason: None,
        attempts: 0,
        created_at: now,
        due_at: now,
        sent_at: None,
        doubtful_since: None,
    };
    let marks = told.iter().map(|it| (it.id.clone(), it.level)).collect();
    Ok(Some((item, marks)))
}

fn message(told: &[&Alert], to: &[String], now: Timestamp, url: &str) -> OutgoingMessage {
    let is_trouble = told.iter().any(|it| it.severity == AlertSeverity::Error);
    OutgoingMessage {
        subject: Some(subject(told, now)),
        body: Some(OutgoingBody {
            content_type: BodyType::Text,
            content: text(told, now, url),
        }),
        to_recipients: to.iter().map(Recipient::of).collect(),
        importance: is_trouble.then_some(Importance::High),
        ..OutgoingMessage::default()
    }
}

/// ", in 30 days": how long there is time.
fn time_left(alert: &Alert, now: Timestamp) -> Option<String> {
    let days = alert.clone().seen_at(now).days_left?;
    match days {
        ..0 => None,
        0 => Some("within a day".to_owned()),
        1 => Some("in 1 day".to_owned()),
        days => Some(format!("in {days} days")),
    }
}

fn subject(told: &[&Alert], now: Timestamp) -> String {
    let text = match told {
        [one] => match time_left(one, now) {
            Some(left) if one.level > 0 => {
                format!("Postroom: {}: {left}", one.title)
            }
            _ => format!("Postroom: {}", one.title),
        },
        many => format!("Postroom: {} things to look after", many.len()),
    };
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST_SUBJECT).collect()
}

fn text(told: &[&Alert], now: Timestamp, url: &str) -> String {
    let mut text = String::from(match told {
        [_] => "Hello,\n\nPostroom found something that needs you:\n",
        _ => "Hello,\n\nPostroom found some things that need you:\n",
    });
    // Writing to a String cannot fail.
    for alert in told.iter().take(MOST) {
        let left = time_left(alert, now).filter(|_| alert.level > 0);
        let _ = match left {
            Some(left) => write!(text, "\n* {} ({left})\n", alert.title),
            None => write!(text, "\n* {}\n", alert.title),
        };
        let _ = write!(text, "  {}\n  What to do: {}\n", alert.detail, alert.hint);
    }
    if let Some(more) = told.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = write!(
            text,
            "\nand {more} more: `postroom alerts list` shows all.\n"
        );
    }
    let _ = write!(
        text,
        "\nEach of these is said once for 60, 30, 7 and 1 days ahead, and when the end is there. \
         `postroom alerts list` shows what is open; `postroom alerts acknowledge ID` says that \
         somebody looks after it.\n\nPostroom at {url}\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::alert::{AlertMailed, AlertSubject, AlertSubjectKind, AlertType};

    fn alert(level: u16, days: i64) -> Alert {
        let now = Timestamp::UNIX_EPOCH;
        Alert {
            id: "a".into(),
            kind: AlertType::CredentialExpiring,
            severity: AlertSeverity::Warning,
            level,
            subject: AlertSubject {
                kind: AlertSubjectKind::Credential,
                id: "s".into(),
                name: "client secret of Contoso".into(),
            },
            connection: None,
            title: "The client secret of Contoso ends soon".into(),
            detail: "It ends.".into(),
            hint: "Make another one.".into(),
            days_left: None,
            expires_at: Timestamp::from_second(days * 86_400).ok(),
            created_at: now,
            updated_at: now,
            resolved_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            mail: None,
        }
    }

    #[test]
    fn a_level_is_mailed_once_and_not_to_who_knows() {
        let mut one = alert(30, 30);
        assert!(is_to_be_told(&one));
        let told = |level| AlertMailed {
            outbox: "o".into(),
            level,
        };
        one.mail = Some(told(60));
        assert!(is_to_be_told(&one));
        one.mail = Some(told(30));
        assert!(!is_to_be_told(&one));
        one.mail = None;
        one.acknowledged_at = Some(Timestamp::UNIX_EPOCH);
        assert!(!is_to_be_told(&one));
        one.acknowledged_at = None;
        one.resolved_at = Some(Timestamp::UNIX_EPOCH);
        assert!(!is_to_be_told(&one));
    }

    #[test]
    fn it_says_what_when_and_what_to_do() {
        let one = alert(30, 30);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(
            subject(&[&one], now),
            "Postroom: The client secret of Contoso ends soon: in 30 days"
        );
        let text = text(&[&one], now, "http://here");
        for part in ["in 30 days", "It ends.", "Make another one.", "http://here"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let many: Vec<_> = (0..50).map(|_| &one).collect();
        assert_eq!(subject(&many, now), "Postroom: 50 things to look after");
        assert!(super::text(&many, now, "").contains("and 10 more"));
        let mut odd = alert(0, -1);
        odd.title = "a\r\nBcc: x".repeat(99);
        let odd = subject(&[&odd], now);
        assert!(odd.len() <= LONGEST_SUBJECT && !odd.contains(['\r', '\n']));
    }
}
