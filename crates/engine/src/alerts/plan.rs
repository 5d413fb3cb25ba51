//! What is due compared with what was said already: each level is said once.

use super::due::{Due, due};
use super::watched::Watched;
use postroom_model::Timestamp;
use postroom_model::alert::{Alert, AlertChange, AlertSubjectKind};
use postroom_model::clock::later;
use std::collections::HashMap;
use std::time::Duration;

/// What is to be written of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// The alert as it is to be. One that is raised has no id yet.
    pub(super) alert: Alert,
    /// The level that it had; `None`: it is new.
    pub(super) was: Option<u16>,
    /// What is to be told; `None`: nothing, only texts or the end are others.
    pub(super) change: Option<AlertChange>,
}

/// By so much a clock may be set back without anything being taken back.
const SET_RIGHT: Duration = Duration::from_secs(24 * 60 * 60);

type SubjectKey<'a> = (AlertSubjectKind, &'a str);

/// The steps from `open` to what is due at `now`, in order. What is resolved comes before what is
/// raised.
pub(super) fn plan(now: Timestamp, watched: &[Watched], open: &[Alert]) -> Vec<Planned> {
    let key = |kind, id| -> SubjectKey<'_> { (kind, id) };
    let mut by_subject: HashMap<_, _> = open
        .iter()
        .map(|alert| (key(alert.subject.kind, alert.subject.id.as_str()), alert))
        .collect();
    let (mut resolved, mut told) = (Vec::new(), Vec::new());
    for it in watched {
        let subject = key(it.subject.kind, it.subject.id.as_str());
        let was = by_subject.remove(&subject);
        match (due(now, it), was) {
            (None, None) => {}
            (None, Some(was)) => {
                let stands = it
                    .matter
                    .end()
                    .zip(was.expires_at)
                    .is_some_and(|(end, before)| end <= before)
                    && is_said_in_time(now, it, was);
                if !stands {
                    resolved.push(resolve(now, was));
                }
            }
            (Some(due), None) => told.push(raise(now, due)),
            (Some(due), Some(was)) => {
                let in_time = is_said_in_time(now, it, was);
                again(now, due, in_time, was, &mut resolved, &mut told);
            }
        }
    }
    // What is left is about something that is gone, or that nobody has to look after any more.
    let mut gone: Vec<_> = by_subject.into_values().collect();
    gone.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    resolved.extend(gone.into_iter().map(|was| resolve(now, was)));
    resolved.extend(told);
    resolved
}

/// Whether what was said is not far ahead of its time. A clock that is set right by seconds or hours
/// takes back nothing: said is said. One that was days ahead said what was not so.
fn is_said_in_time(now: Timestamp, it: &Watched, was: &Alert) -> bool {
    due(later(now, SET_RIGHT), it).is_some_and(|due| due.level <= was.level)
}

/// Something that was said already, and is due.
fn again(
    now: Timestamp,
    due: Due,
    in_time: bool,
    was: &Alert,
    resolved: &mut Vec<Planned>,
    told: &mut Vec<Planned>,
) {
    if due.level > was.level {
        let is_later = match (due.expires_at, was.expires_at) {
            (Some(end), Some(before)) => end > before,
            // It ended otherwise, and can act again.
            (Some(_), None) => true,
            (None, _) => false,
        };
        // With the same end, only the clock went back.
        if is_later || !in_time {
            resolved.push(resolve(now, was));
            told.push(raise(now, due));
        }
        return;
    }
    let escalates = due.level < was.level;
    let next = Alert {
        kind: due.kind,
        severity: due.severity,
        level: due.level,
        subject: due.subject,
        title: due.words.title,
        detail: due.words.detail,
        hint: due.words.hint,
        expires_at: due.expires_at,
        ..was.clone()
    };
    if escalates {
        told.push(Planned {
            alert: Alert {
                updated_at: now,
                acknowledged_at: None,
                acknowledged_by: None,
                ..next
            },
            was: Some(was.level),
            change: Some(AlertChange::Escalated),
        });
    } else if next != *was {
        told.push(Planned {
            alert: next,
            was: Some(was.level),
            change: None,
        });
    }
}

fn raise(now: Timestamp, due: Due) -> Planned {
    Planned {
        alert: Alert {
            id: String::new().into(),
            kind: due.kind,
            severity: due.severity,
            level: due.level,
            subject: due.subject,
            connection: due.connection,
            title: due.words.title,
            detail: due.words.detail,
            hint: due.words.hint,
            days_left: None,
            expires_at: due.expires_at,
            created_at: now,
            updated_at: now,
            resolved_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            mail: None,
        },
        was: None,
        change: Some(AlertChange::Raised),
    }
}

fn resolve(now: Timestamp, was: &Alert) -> Planned {
    Planned {
        alert: Alert {
            updated_at: now,
            resolved_at: Some(now),
            ..was.clone()
        },
        was: Some(was.level),
        change: Some(AlertChange::Resolved),
    }
}

#[cfg(test)]
mod tests;
