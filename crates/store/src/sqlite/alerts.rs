//! Alerts, their events, and what was read of applications' credentials.

use super::errors::{Answer, Fault, is_duplicate};
use super::values::{affected, from_json, micros, micros_of, named, time, time_of, to_json};
use super::writer::Tx;
use super::{SqliteStore, outbox, settings};
use crate::change_cursor::CursorText;
use crate::contract::alerts::{
    AlertEventPage, AlertQuery, AlertRound, AlertStep, Alerts, LAST_ALERT_MAIL,
};
use crate::contract::{Result, StoreError};
use crate::text::{Texts as _, clean};
use crate::version::{WRITING_ALERTS, keeping_reading};
use async_trait::async_trait;
use postroom_model::alert::{Alert, AlertMailed, AlertSubject, ApplicationReading, ReadingOutcome};
use postroom_model::{AlertId, ConnectionId, OutboxId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, type, severity, level, subject_kind, subject_id, subject_name, connection,
                title, detail, hint, expires_at, created_at, updated_at, resolved_at,
                acknowledged_at, acknowledged_by, mail, mailed_level FROM alerts ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO alerts (id, type, severity, level, subject_kind, subject_id,
        subject_name, connection, title, detail, hint, expires_at, created_at, updated_at,
        resolved_at, acknowledged_at, acknowledged_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
// Somebody may acknowledge while a round is made: only an escalation takes that back.
const UPDATE: &str = "UPDATE alerts SET type = $1, severity = $2, level = $3, subject_name = $4,
        title = $5, detail = $6, hint = $7, expires_at = $8, updated_at = $9, resolved_at = $10,
        acknowledged_at = CASE WHEN level = $3 THEN acknowledged_at ELSE $11 END,
        acknowledged_by = CASE WHEN level = $3 THEN acknowledged_by ELSE $12 END
    WHERE id = $13 AND level = $14 AND resolved_at IS NULL";
const MAILED: &str = "UPDATE alerts SET mail = $1, mailed_level = $2
    WHERE id = $3 AND level = $2 AND resolved_at IS NULL";
const LIST: &str = select!(
    "WHERE ($1 OR resolved_at IS NULL)
        AND ($2 IS NULL OR (created_at, id) < (SELECT created_at, id FROM alerts WHERE id = $2))
     ORDER BY created_at DESC, id DESC LIMIT $3"
);
const OPEN: &str = select!("WHERE resolved_at IS NULL ORDER BY created_at, id");
const ONE: &str = select!("WHERE id = $1");
const ACKNOWLEDGE: &str = "UPDATE alerts SET
        acknowledged_at = COALESCE(acknowledged_at, $1),
        acknowledged_by = COALESCE(acknowledged_by, $2)
    WHERE id = $3 AND resolved_at IS NULL";
const NEXT_POSITION: &str = "INSERT INTO alert_feed (one, last_position, forgotten)
    VALUES (1, 1, 0)
    ON CONFLICT (one) DO UPDATE SET last_position = alert_feed.last_position + 1
    RETURNING last_position";
const INSERT_EVENT: &str = "INSERT INTO alert_events (position, at, event) VALUES ($1, $2, $3)";
const FEED: &str = "SELECT last_position, forgotten FROM alert_feed";
const EVENTS: &str = "SELECT position, event FROM alert_events
    WHERE position > $1 ORDER BY position LIMIT $2";
const PRUNE: &str = "DELETE FROM alerts WHERE resolved_at < $1";
// Only from the old end, so that what is left has no gaps, even if the clock went back once.
const OLD_END: &str = "SELECT COALESCE(
        (SELECT position - 1 FROM alert_events WHERE at >= $1 ORDER BY position LIMIT 1),
        (SELECT MAX(position) FROM alert_events),
        0)";
const PRUNE_EVENTS: &str = "DELETE FROM alert_events WHERE position <= $1";
const SET_FORGOTTEN: &str = "UPDATE alert_feed SET forgotten = $1 WHERE forgotten < $1";

const READING: &str = "SELECT read_at, outcome, credentials FROM application_readings
    WHERE connection = $1";
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM connections WHERE id = $1)";
const PUT_READING: &str = "INSERT INTO application_readings (connection, read_at, outcome,
        credentials)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (connection) DO UPDATE SET read_at = excluded.read_at,
        outcome = excluded.outcome, credentials = excluded.credentials";
const SET_END: &str = "UPDATE credentials SET expires_at = $1 WHERE connection = $2 AND id = $3";

fn alert(row: &Row<'_>) -> Answer<Alert> {
    let mail: Option<String> = row.get(17)?;
    let level: Option<u16> = row.get(18)?;
    Ok(Alert {
        id: AlertId::new(row.get::<_, String>(0)?),
        kind: named(row.get(1)?)?,
        severity: named(row.get(2)?)?,
        level: row.get(3)?,
        subject: AlertSubject {
            kind: named(row.get(4)?)?,
            id: row.get(5)?,
            name: row.get(6)?,
        },
        connection: row.get::<_, Option<String>>(7)?.map(ConnectionId::new),
        title: row.get(8)?,
        detail: row.get(9)?,
        hint: row.get(10)?,
        days_left: None,
        expires_at: time_of(row.get(11)?)?,
        created_at: time(row.get(12)?)?,
        updated_at: time(row.get(13)?)?,
        resolved_at: time_of(row.get(14)?)?,
        acknowledged_at: time_of(row.get(15)?)?,
        acknowledged_by: row.get(16)?,
        mail: mail.zip(level).map(|(outbox, level)| AlertMailed {
            outbox: OutboxId::new(outbox),
            level,
        }),
    })
}

/// Somebody else was here since the round was made.
fn overtaken(id: &AlertId) -> Fault {
    Fault::Store(StoreError::Conflict {
        what: format!("another state of the alert {id}"),
        existing: id.as_str().to_owned(),
    })
}

fn step(tx: &Tx<'_>, step: &AlertStep) -> Answer<()> {
    let it = &step.alert.cleaned();
    match step.was {
        None => insert(tx, it)?,
        Some(level) => {
            let rows = tx.prepare_cached(UPDATE)?.execute(params![
                it.kind.name(),
                it.severity.name(),
                it.level,
                it.subject.name,
                it.title,
                it.detail,
                it.hint,
                micros_of(it.expires_at),
                micros(it.updated_at),
                micros_of(it.resolved_at),
                micros_of(it.acknowledged_at),
                it.acknowledged_by,
                it.id.as_str(),
                level,
            ])?;
            if rows == 0 {
                return Err(overtaken(&it.id));
            }
        }
    }
    if let Some(event) = &step.event {
        let position: i64 = tx
            .prepare_cached(NEXT_POSITION)?
            .query_row([], |row| row.get(0))?;
        tx.prepare_cached(INSERT_EVENT)?.execute(params![
            position,
            micros(event.time),
            to_json(event)?
        ])?;
    }
    Ok(())
}

fn insert(tx: &Tx<'_>, it: &Alert) -> Answer<()> {
    let inserted = tx.prepare_cached(INSERT)?.execute(params![
        it.id.as_str(),
        it.kind.name(),
        it.severity.name(),
        it.level,
        it.subject.kind.name(),
        it.subject.id,
        it.subject.name,
        it.connection.as_ref().map(ConnectionId::as_str),
        it.title,
        it.detail,
        it.hint,
        micros_of(it.expires_at),
        micros(it.created_at),
        micros(it.updated_at),
        micros_of(it.resolved_at),
        micros_of(it.acknowledged_at),
        it.acknowledged_by,
    ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => Err(overtaken(&it.id)),
        Err(error) => Err(error.into()),
    }
}

/// The feed's last position, and the highest that is forgotten.
fn feed(connection: &Connection) -> Answer<(i64, i64)> {
    let ends = connection
        .prepare_cached(FEED)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(ends.unwrap_or((0, 0)))
}

impl SqliteStore {
    /// A cursor of the change feed is none of this one.
    fn alert_feed(&self) -> String {
        format!("{}/alerts", self.0.id)
    }
}

#[async_trait]
impl Alerts for SqliteStore {
    async fn list_alerts(&self, query: &AlertQuery) -> Result<Vec<Alert>> {
        self.read("listing alerts", |connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let values = params![
                query.with_resolved,
                query.after.as_ref().map(AlertId::as_str),
                query.limit
            ];
            statement.query_and_then(values, alert)?.collect()
        })
    }

    async fn open_alerts(&self) -> Result<Vec<Alert>> {
        self.read("listing open alerts", |connection| {
            let mut statement = connection.prepare_cached(OPEN)?;
            statement.query_and_then([], alert)?.collect()
        })
    }

    async fn alert(&self, id: &AlertId) -> Result<Option<Alert>> {
        self.read("reading an alert", |connection| {
            let mut statement = connection.prepare_cached(ONE)?;
            let mut rows = statement.query([id.as_str()])?;
            rows.next()?.map(alert).transpose()
        })
    }

    async fn apply_alerts(&self, round: &AlertRound) -> Result<()> {
        let round = round.clone();
        self.write(WRITING_ALERTS, move |tx| {
            for it in &round.steps {
                step(tx, it)?;
            }
            let Some(mail) = &round.mail else {
                return Ok(());
            };
            outbox::accept(tx, &mail.item, None)?;
            settings::put(tx, LAST_ALERT_MAIL, &mail.item.created_at.to_string())?;
            for (id, level) in &mail.alerts {
                let item = mail.item.id.as_str();
                let rows = tx
                    .prepare_cached(MAILED)?
                    .execute(params![item, level, id.as_str()])?;
                if rows == 0 {
                    return Err(overtaken(id));
                }
            }
            Ok(())
        })
        .await
    }

    async fn acknowledge_alert(&self, id: &AlertId, by: &str, at: Timestamp) -> Result<bool> {
        let (id, by) = (id.clone(), clean(by).into_owned());
        self.write("acknowledging an alert", move |tx| {
            let rows =
                tx.prepare_cached(ACKNOWLEDGE)?
                    .execute(params![micros(at), by, id.as_str()])?;
            Ok(rows > 0)
        })
        .await
    }

    async fn alert_events(&self, since: Option<&str>, limit: u32) -> Result<AlertEventPage> {
        let feed_name = self.alert_feed();
        let cursor = CursorText { store: &feed_name };
        self.read("reading the events of alerts", |connection| {
            // One snapshot for all of it, so that the cursor never jumps over what it did not see.
            let snapshot = connection.unchecked_transaction()?;
            let (last, forgotten) = feed(&snapshot)?;
            let start = match since {
                None => forgotten,
                Some(since) => cursor
                    .read(since)
                    // A position that was never given: of a store that was set back to an older
                    // copy.
                    .filter(|at| (forgotten..=last).contains(at))
                    .ok_or(Fault::Store(StoreError::CursorExpired))?,
            };
            let mut statement = snapshot.prepare_cached(EVENTS)?;
            let rows = statement.query_and_then(params![start, limit], |row| {
                let position: i64 = row.get(0)?;
                let event = from_json(&row.get::<_, String>(1)?)?;
                Ok((position, event))
            })?;
            let found = rows.collect::<Answer<Vec<_>>>()?;
            let position = found.last().map_or(start, |(position, _)| *position);
            Ok(AlertEventPage {
                events: found
                    .into_iter()
                    .map(|(position, event)| (cursor.write(position), event))
                    .collect(),
                cursor: cursor.write(position),
            })
        })
    }

    async fn latest_alert_event(&self) -> Result<String> {
        let feed_name = self.alert_feed();
        self.read("reading the end of the events of alerts", |connection| {
            let (last, _) = feed(connection)?;
            Ok(CursorText { store: &feed_name }.write(last))
        })
    }

    async fn prune_alerts(&self, before: Timestamp) -> Result<u64> {
        self.write("forgetting alerts", move |tx| {
            let alerts = tx.prepare_cached(PRUNE)?.execute([micros(before)])?;
            let end: i64 = tx
                .prepare_cached(OLD_END)?
                .query_row([micros(before)], |row| row.get(0))?;
            let events = tx.prepare_cached(PRUNE_EVENTS)?.execute([end])?;
            if events > 0 {
                tx.prepare_cached(SET_FORGOTTEN)?.execute([end])?;
            }
            Ok(affected(alerts + events))
        })
        .await
    }

    async fn application_reading(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<ApplicationReading>> {
        self.read("reading what an application object said", |database| {
            let mut statement = database.prepare_cached(READING)?;
            let mut rows = statement.query([connection.as_str()])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(ApplicationReading {
                connection: connection.clone(),
                read_at: time(row.get(0)?)?,
                outcome: named(row.get(1)?)?,
                credentials: from_json(&row.get::<_, String>(2)?)?,
            }))
        })
    }

    async fn save_application_reading(&self, reading: &ApplicationReading) -> Result<()> {
        let reading = reading.clone();
        let doing = keeping_reading(!reading.credentials.is_empty());
        self.write(doing, move |tx| {
            let connection = reading.connection.as_str();
            let is_there: bool = tx
                .prepare_cached(IS_THERE)?
                .query_row([connection], |row| row.get(0))?;
            if !is_there {
                return Ok(());
            }
            tx.prepare_cached(PUT_READING)?.execute(params![
                connection,
                micros(reading.read_at),
                reading.outcome.name(),
                to_json(&reading.credentials)?,
            ])?;
            let ends = match reading.outcome {
                ReadingOutcome::Read => &*reading.credentials,
                ReadingOutcome::NotPermitted => &[],
            };
            for end in ends {
                tx.prepare_cached(SET_END)?.execute(params![
                    micros(end.ends_at),
                    connection,
                    end.credential.as_str()
                ])?;
            }
            Ok(())
        })
        .await
    }
}
