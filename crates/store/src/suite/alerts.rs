//! Alerts, their events, and what was read of applications' credentials.

use super::Ground;
use super::made::*;
use crate::contract::alerts::{AlertMail, AlertQuery, AlertRound, AlertStep, LAST_ALERT_MAIL};
use crate::contract::changes::ChangeQuery;
use crate::contract::{Store, StoreError};
use postroom_model::alert::{
    Alert, AlertChange, AlertMailed, AlertSeverity, AlertType, ApplicationReading, CredentialEnd,
    ReadingOutcome,
};

fn raised(alerts: &[&Alert]) -> AlertRound {
    AlertRound {
        steps: alerts
            .iter()
            .map(|it| alert_step(it, None, AlertChange::Raised))
            .collect(),
        mail: None,
    }
}

fn escalated(alert: &Alert, seconds: i64) -> (Alert, AlertRound) {
    let now = Alert {
        kind: AlertType::CredentialExpired,
        severity: AlertSeverity::Error,
        level: 0,
        updated_at: at(seconds),
        acknowledged_at: None,
        acknowledged_by: None,
        ..alert.clone()
    };
    let steps = vec![alert_step(&now, Some(alert.level), AlertChange::Escalated)];
    (now, AlertRound { steps, mail: None })
}

fn resolved(alert: &Alert, seconds: i64) -> (Alert, AlertRound) {
    let now = Alert {
        updated_at: at(seconds),
        resolved_at: Some(at(seconds)),
        ..alert.clone()
    };
    let steps = vec![alert_step(&now, Some(alert.level), AlertChange::Resolved)];
    (now, AlertRound { steps, mail: None })
}

async fn all(store: &dyn Store) -> Vec<Alert> {
    let query = AlertQuery {
        with_resolved: true,
        after: None,
        limit: 100,
    };
    ok!(store.list_alerts(&query))
}

/// A second one for the same subject is refused until the first is resolved.
pub async fn one_is_open_for_a_subject(ground: &dyn Ground) {
    let store = ground.open().await;
    let (one, other) = (alert("1", "s", 1), alert("2", "t", 2));
    ok!(store.apply_alerts(&raised(&[&one, &other])));
    let again = alert("3", "s", 3);
    let refused = store.apply_alerts(&raised(&[&again])).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(ok!(store.open_alerts()), [one.clone(), other.clone()]);
    assert!(ok!(store.acknowledge_alert(&one.id, "Ada", at(4))));
    assert!(ok!(store.acknowledge_alert(&one.id, "Bob", at(5))));
    let known = ok!(store.alert(&one.id)).expect("there");
    assert_eq!(known.acknowledged_by.as_deref(), Some("Ada"));
    assert_eq!(known.acknowledged_at, Some(at(4)));
    // A round that was made before somebody said so does not take it back; an escalation does.
    let quiet = AlertStep {
        alert: one.clone(),
        was: Some(60),
        event: None,
    };
    ok!(store.apply_alerts(&AlertRound {
        steps: vec![quiet],
        mail: None
    }));
    assert_eq!(ok!(store.alert(&one.id)), Some(known));
    let (now, round) = escalated(&one, 6);
    ok!(store.apply_alerts(&round));
    assert_eq!(ok!(store.alert(&one.id)), Some(now.clone()));
    // The same again finds another level.
    let refused = store.apply_alerts(&round).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    let (gone, round) = resolved(&now, 7);
    ok!(store.apply_alerts(&round));
    assert!(!ok!(store.acknowledge_alert(&one.id, "Ada", at(8))));
    assert!(!ok!(store.acknowledge_alert(&"x".into(), "Ada", at(8))));
    ok!(store.apply_alerts(&raised(&[&again])));
    assert_eq!(
        all(&*store).await,
        [again.clone(), other.clone(), gone.clone()]
    );
    // Pages, and open ones only.
    let mut query = AlertQuery {
        limit: 1,
        ..AlertQuery::default()
    };
    assert_eq!(ok!(store.list_alerts(&query)), std::slice::from_ref(&again));
    query.after = Some(again.id);
    assert_eq!(ok!(store.list_alerts(&query)), std::slice::from_ref(&other));
    query.after = Some(other.id);
    assert_eq!(ok!(store.list_alerts(&query)), []);
    query.with_resolved = true;
    assert_eq!(ok!(store.list_alerts(&query)), [gone]);
}

/// Alerts, events and mail are written together or not at all.
pub async fn a_round_is_all_or_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(&*store, &["one"]).await;
    let one = alert("1", "s", 1);
    let item = outbox_item("m", "one", 1);
    let mut round = raised(&[&one, &alert("2", "s", 1)]);
    round.mail = Some(AlertMail {
        item: item.clone(),
        alerts: vec![(one.id.clone(), 60)],
    });
    let begin = ok!(store.latest_alert_event());
    let refused = store.apply_alerts(&round).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    assert_eq!(ok!(store.open_alerts()), []);
    assert_eq!(ok!(store.outbox_item(&item.id)), None);
    assert_eq!(ok!(store.latest_alert_event()), begin);
    // A level that the mail does not tell of.
    round.steps.pop();
    let mut wrong = round.clone();
    wrong.mail.as_mut().expect("a mail").alerts[0].1 = 30;
    assert!(store.apply_alerts(&wrong).await.is_err());
    assert_eq!(ok!(store.outbox_item(&item.id)), None);

    assert_eq!(ok!(store.setting(LAST_ALERT_MAIL)), None);

    ok!(store.apply_alerts(&round));
    let last = ok!(store.setting(LAST_ALERT_MAIL)).and_then(|it| it.parse().ok());
    assert_eq!(last, Some(item.created_at));
    assert_eq!(ok!(store.outbox_item(&item.id)), Some(item.clone()));
    let kept = ok!(store.alert(&one.id)).expect("there");
    let mailed = AlertMailed {
        outbox: item.id.clone(),
        level: 60,
    };
    assert_eq!(kept.mail, Some(mailed.clone()));
    // The mailbox's change is there, too.
    let changes = ok!(store.changes(&ChangeQuery {
        limit: 10,
        ..ChangeQuery::default()
    }));
    assert!(changes.changes.iter().any(|it| it.id == item.id.as_str()));
    // An escalation leaves the mark: that it has another level is how the next mail is known.
    let (_, round) = escalated(&one, 2);
    ok!(store.apply_alerts(&round));
    let kept = ok!(store.alert(&one.id)).expect("there");
    assert_eq!((kept.mail, kept.level), (Some(mailed), 0));
    drop(store);
    let store = ground.open().await;
    assert_eq!(ok!(store.open_alerts()).len(), 1);
}

/// A reader that follows the cursor sees each once, in order.
pub async fn events_are_numbered_and_followed(ground: &dyn Ground) {
    let store = ground.open().await;
    let begin = ok!(store.latest_alert_event());
    let none = ok!(store.alert_events(Some(&begin), 10));
    assert_eq!((none.events.len(), none.cursor), (0, begin.clone()));
    let (one, other) = (alert("1", "s", 1), alert("2", "t", 2));
    ok!(store.apply_alerts(&raised(&[&one, &other])));
    let (_, round) = resolved(&one, 3);
    ok!(store.apply_alerts(&round));
    // What changes quietly is no event.
    let quiet = AlertStep {
        alert: Alert {
            expires_at: Some(at(6_000_000)),
            ..other.clone()
        },
        was: Some(60),
        event: None,
    };
    ok!(store.apply_alerts(&AlertRound {
        steps: vec![quiet.clone()],
        mail: None
    }));
    assert_eq!(ok!(store.alert(&other.id)), Some(quiet.alert));
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = ok!(store.alert_events(cursor.as_deref(), 2));
        if page.events.is_empty() {
            assert_eq!(cursor, Some(page.cursor));
            break;
        }
        assert_eq!(page.events.last().expect("one").0, page.cursor);
        cursor = Some(page.cursor);
        seen.extend(page.events.into_iter().map(|(_, event)| event));
    }
    let told: Vec<_> = seen
        .iter()
        .map(|it| (it.kind.as_str(), it.subject.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("postroom.credential.expiring", "credential/s"),
            ("postroom.credential.expiring", "credential/t"),
            ("postroom.credential.resolved", "credential/s"),
        ]
    );
    assert_eq!(cursor, Some(ok!(store.latest_alert_event())));
    let all = ok!(store.alert_events(Some(&begin), 10));
    assert_eq!(all.events.len(), 3);
    // A cursor of the change feed is none of this one.
    for wrong in [ok!(store.latest_change()), "x".to_owned()] {
        let refused = store.alert_events(Some(&wrong), 10).await;
        assert!(
            matches!(refused, Err(StoreError::CursorExpired)),
            "{refused:?}"
        );
    }
}

/// What was resolved long ago goes, and what is open stays; cursors into what is gone are refused.
pub async fn old_ones_are_forgotten(ground: &dyn Ground) {
    let store = ground.open().await;
    let (one, other) = (alert("1", "s", 1), alert("2", "t", 2));
    let begin = ok!(store.latest_alert_event());
    ok!(store.apply_alerts(&raised(&[&one, &other])));
    let (_, round) = resolved(&one, 50);
    ok!(store.apply_alerts(&round));
    assert_eq!(ok!(store.prune_alerts(at(40))), 2);
    assert_eq!(all(&*store).await.len(), 2);
    let refused = store.alert_events(Some(&begin), 10).await;
    assert!(matches!(refused, Err(StoreError::CursorExpired)));
    let left = ok!(store.alert_events(None, 10));
    assert_eq!(left.events.len(), 1);
    assert_eq!(ok!(store.prune_alerts(at(60))), 2);
    assert_eq!(all(&*store).await, [other]);
    // Positions go on behind what is gone.
    let none = ok!(store.alert_events(Some(&left.cursor), 10));
    assert_eq!(none.events, []);
    let (_, round) = escalated(&alert("2", "t", 2), 70);
    ok!(store.apply_alerts(&round));
    assert_eq!(
        ok!(store.alert_events(Some(&left.cursor), 10)).events.len(),
        1
    );
}

/// Ends that Microsoft tells are the credentials', and what is not known of stays.
pub async fn a_reading_writes_the_ends(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c"), None));
    ok!(store.insert_credential(&"c".into(), &credential("s", "one", 1)));
    ok!(store.insert_credential(&"c".into(), &credential("t", "two", 2)));
    assert_eq!(ok!(store.application_reading(&"c".into())), None);
    let mut reading = ApplicationReading {
        connection: "c".into(),
        read_at: at(9),
        outcome: ReadingOutcome::Read,
        credentials: vec![
            CredentialEnd {
                credential: "s".into(),
                ends_at: at(77),
                is_certain: false,
                key_id: Some("k".into()),
                display_name: None,
            },
            CredentialEnd {
                credential: "gone".into(),
                ends_at: at(78),
                is_certain: true,
                key_id: None,
                display_name: Some("x".into()),
            },
        ],
    };
    ok!(store.save_application_reading(&reading));
    assert_eq!(
        ok!(store.application_reading(&"c".into())),
        Some(reading.clone())
    );
    let ends = async || {
        let connection = ok!(store.connection(&"c".into())).expect("there");
        let mut ends: Vec<_> = connection
            .credentials
            .into_iter()
            .map(|it| (it.id.into_string(), it.expires_at))
            .collect();
        ends.sort();
        ends
    };
    let expected = [
        ("s".to_owned(), Some(at(77))),
        ("t".to_owned(), Some(at(1_000_000))),
    ];
    assert_eq!(ends().await, expected);
    // What is kept of a reading that was permitted is written over nobody's typing.
    reading.outcome = ReadingOutcome::NotPermitted;
    reading.credentials[0].ends_at = at(99);
    ok!(store.save_application_reading(&reading));
    assert_eq!(
        ok!(store.application_reading(&"c".into())),
        Some(reading.clone())
    );
    assert_eq!(ends().await, expected);
    ok!(store.remove_connection(&"c".into()));
    assert_eq!(ok!(store.application_reading(&"c".into())), None);
    ok!(store.save_application_reading(&reading));
    assert_eq!(ok!(store.application_reading(&"c".into())), None);
}
