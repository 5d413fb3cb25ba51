//! One look at everything that ends: read, planned, written with its mail in one commit, then told.

use super::mail;
use super::plan::{Planned, plan};
use super::watched::{Facts, application_end, watched};
use crate::logins::earlier;
use crate::{Engine, Result};
use postroom_model::AlertId;
use postroom_model::account::AccountKind;
use postroom_model::alert::{Alert, AlertChange, AlertEvent, AlertSeverity};
use postroom_model::clock::later;
use postroom_store::StoreError;
use postroom_store::contract::alerts::{AlertMail, AlertRound, AlertStep};
use std::collections::HashSet;
use std::time::Duration;

/// Time between two rounds when nothing changes.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// After a round that failed.
const AGAIN: Duration = Duration::from_secs(60);
/// What changes within this time is looked at together. The machine's time: nothing hangs on it.
const GATHER: Duration = Duration::from_millis(250);
/// How long what was resolved, and events, are kept.
const KEEP: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How often it is looked whether something was kept long enough.
const SWEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Watches until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let mut next_sweep = engine.now();
    let mut accounts = engine.account_changes();
    loop {
        let wait = match now(&engine).await {
            Ok(()) => until_mail(&engine).await.unwrap_or(EVERY).min(EVERY),
            Err(_) if engine.is_stopping() => return,
            Err(error) => {
                tracing::warn!(%error, "looking at what ends; it is tried again");
                AGAIN
            }
        };
        // A clock that was far ahead holds nothing up.
        if engine.now() >= next_sweep || later(engine.now(), SWEEP) < next_sweep {
            next_sweep = later(engine.now(), SWEEP);
            let before = earlier(engine.now(), KEEP);
            if let Err(error) = engine.store().prune_alerts(before).await {
                tracing::debug!(%error, "forgetting old alerts");
            }
        }
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(wait) => {}
            () = engine.shared.alerts.woken() => tokio::time::sleep(GATHER).await,
            // Missed ones do not matter: everything is looked at.
            _ = accounts.recv() => tokio::time::sleep(GATHER).await,
        }
        // Of many changes one round is enough: it looks at everything.
        accounts = accounts.resubscribe();
    }
}

/// How long it is until the next mail may be sent: something may wait for that.
async fn until_mail(engine: &Engine) -> Option<Duration> {
    let last = mail::last(engine).await.ok()??;
    let left = later(last, mail::APART).duration_since(engine.now());
    Duration::try_from(left).ok().filter(|it| !it.is_zero())
}

/// One round, now.
pub(super) async fn now(engine: &Engine) -> Result<()> {
    let _turn = engine.shared.alerts.turn.lock().await;
    let at = engine.now();
    let facts = facts(engine).await?;
    settle(engine, &facts).await?;
    let open = engine.store().open_alerts().await?;
    let planned = plan(at, &watched(&facts, at), &open);
    let planned: Vec<_> = planned
        .into_iter()
        .map(|mut step| {
            if step.was.is_none() {
                step.alert.id = AlertId::new(guid(engine));
            }
            step
        })
        .collect();
    let standing = standing(&open, &planned);
    let mail = mail::compose(engine, &standing).await?;
    if planned.is_empty() && mail.is_none() {
        return Ok(());
    }
    let round = AlertRound {
        steps: planned.iter().map(|it| step(engine, it)).collect(),
        mail: mail.map(|(item, told)| AlertMail { item, alerts: told }),
    };
    match engine.store().apply_alerts(&round).await {
        Ok(()) => {}
        // Somebody else was faster (the command line beside a database): the next round sees it.
        Err(StoreError::Conflict { what, .. }) => {
            tracing::debug!(what, "a round of the watch was overtaken");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    if round.mail.is_some() {
        engine.shared.outbox.wake();
    }
    for it in &planned {
        log(it);
    }
    engine.shared.alerts.tell();
    Ok(())
}

async fn facts(engine: &Engine) -> Result<Facts> {
    let store = engine.store();
    let connections = store.connections().await?;
    let mut readings = Vec::new();
    for connection in &connections {
        readings.extend(store.application_reading(&connection.id).await?);
    }
    Ok(Facts {
        connections,
        accounts: store.accounts().await?,
        keys: store.keys().await?,
        readings,
    })
}

/// Where another credential matters than before, the application's account ends with that one.
async fn settle(engine: &Engine, facts: &Facts) -> Result<()> {
    for connection in &facts.connections {
        let end = application_end(connection, engine.now());
        let is_other = facts.accounts.iter().any(|it| {
            it.connection == connection.id
                && it.kind == AccountKind::Application
                && it.expires_at != end
        });
        let acts = !connection.credentials.is_empty() && !connection.is_for_consumers();
        if is_other && acts {
            engine.settle_ends(&connection.id).await?;
        }
    }
    Ok(())
}

/// The alerts that are open after these steps, the oldest first.
fn standing(open: &[Alert], planned: &[Planned]) -> Vec<Alert> {
    let changed: HashSet<_> = planned.iter().map(|it| &it.alert.id).collect();
    let untouched = open
        .iter()
        .filter(|alert| !changed.contains(&alert.id))
        .cloned();
    let touched = planned
        .iter()
        .filter(|it| it.change != Some(AlertChange::Resolved))
        .map(|it| it.alert.clone());
    untouched.chain(touched).collect()
}

fn step(engine: &Engine, planned: &Planned) -> AlertStep {
    let source = &engine.settings().public_url;
    AlertStep {
        alert: planned.alert.clone(),
        was: planned.was,
        event: planned
            .change
            .map(|change| AlertEvent::of(guid(engine), source, change, &planned.alert)),
    }
}

fn guid(engine: &Engine) -> String {
    engine.shared.dice.timed_guid(engine.now()).to_string()
}

/// One line for each thing that is said.
fn log(planned: &Planned) {
    let Some(change) = planned.change else {
        return;
    };
    let alert = planned.alert.clone().seen_at(planned.alert.updated_at);
    say(&alert, change.name());
}

/// One line of the log about an alert.
pub(crate) fn say(alert: &Alert, change: &str) {
    let connection = alert.connection.as_ref().map(ToString::to_string);
    macro_rules! line {
        ($level:ident, $text:expr) => {
            tracing::$level!(
                alert = %alert.id,
                r#type = alert.kind.name(),
                change,
                subject = %format_args!("{} {}", alert.subject.kind.name(), alert.subject.id),
                connection,
                days_left = alert.days_left,
                what_to_do = alert.hint,
                "{}",
                $text
            )
        };
    }
    if alert.resolved_at.is_some() {
        tracing::info!(
            alert = %alert.id,
            r#type = alert.kind.name(),
            change,
            connection,
            "mended: {}",
            alert.title
        );
    } else if alert.severity == AlertSeverity::Error {
        line!(error, alert.title);
    } else {
        line!(warn, alert.title);
    }
}
