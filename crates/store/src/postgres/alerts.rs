//! Alerts, their events, and what was read of applications' credentials.

use super::errors::{Answer, Fault, is_duplicate};
use super::server::{Session, Tx};
use super::values::{Time, at, at_of, from_json, has_nul, named, small, time, time_of, to_json};
use super::{PostgresStore, outbox, settings};
use crate::change_cursor::CursorText;
use crate::contract::alerts::{
    AlertEventPage, AlertQuery, AlertRound, AlertStep, Alerts, LAST_ALERT_MAIL,
};
use crate::contract::{Result, StoreError};
use crate::text::{Texts as _, clean};
use crate::version::{WRITING_ALERTS, keeping_reading};
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::alert::{Alert, AlertMailed, AlertSubject, ApplicationReading, ReadingOutcome};
use postroom_model::{AlertId, ConnectionId, OutboxId, Timestamp};
use tokio_postgres::Row;

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
    "WHERE ($1::boolean OR resolved_at IS NULL)
        AND ($2::text IS NULL
            OR (created_at, id) < (SELECT a.created_at, a.id FROM alerts a WHERE a.id = $2))
     ORDER BY created_at DESC, id DESC LIMIT $3::bigint"
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
// One statement is one snapshot: what is seen of the feed's ends and of the events fits together.
const EVENTS: &str = "SELECT f.last_position, f.forgotten, e.position, e.event
    FROM (SELECT COALESCE(MAX(last_position), 0) AS last_position,
            COALESCE(MAX(forgotten), 0) AS forgotten FROM alert_feed) f
    LEFT JOIN LATERAL (SELECT position, event FROM alert_events
        WHERE position > COALESCE($1::bigint, f.forgotten)
        ORDER BY position LIMIT $2::bigint) e ON true
    ORDER BY e.position";
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
const IS_THERE: &str = "SELECT 1 FROM connections WHERE id = $1 FOR KEY SHARE";
const PUT_READING: &str = "INSERT INTO application_readings (connection, read_at, outcome,
        credentials)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (connection) DO UPDATE SET read_at = excluded.read_at,
        outcome = excluded.outcome, credentials = excluded.credentials";
const SET_END: &str = "UPDATE credentials SET expires_at = $1 WHERE connection = $2 AND id = $3";

fn alert(row: &Row) -> Answer<Alert> {
    let mail: Option<String> = row.try_get(17)?;
    let level: Option<i64> = row.try_get(18)?;
    Ok(Alert {
        id: AlertId::new(row.try_get::<_, String>(0)?),
        kind: named(row.try_get(1)?)?,
        severity: named(row.try_get(2)?)?,
        level: small(row.try_get(3)?)?,
        subject: AlertSubject {
            kind: named(row.try_get(4)?)?,
            id: row.try_get(5)?,
            name: row.try_get(6)?,
        },
        connection: row.try_get::<_, Option<String>>(7)?.map(ConnectionId::new),
        title: row.try_get(8)?,
        detail: row.try_get(9)?,
        hint: row.try_get(10)?,
        days_left: None,
        expires_at: time_of(row.try_get(11)?)?,
        created_at: time(row.try_get(12)?)?,
        updated_at: time(row.try_get(13)?)?,
        resolved_at: time_of(row.try_get(14)?)?,
        acknowledged_at: time_of(row.try_get(15)?)?,
        acknowledged_by: row.try_get(16)?,
        mail: match mail.zip(level) {
            Some((outbox, level)) => Some(AlertMailed {
                outbox: OutboxId::new(outbox),
                level: small(level)?,
            }),
            None => None,
        },
    })
}

/// Somebody else was here since the round was made.
fn overtaken(id: &AlertId) -> Fault {
    Fault::Store(StoreError::Conflict {
        what: format!("another state of the alert {id}"),
        existing: id.as_str().to_owned(),
    })
}

async fn step(tx: &Tx<'_>, step: &AlertStep) -> Answer<()> {
    let it = &step.alert.cleaned();
    match step.was {
        None => insert(tx, it).await?,
        Some(level) => {
            let rows = tx
                .execute(
                    UPDATE,
                    &[
                        &it.kind.name(),
                        &it.severity.name(),
                        &i64::from(it.level),
                        &it.subject.name,
                        &it.title,
                        &it.detail,
                        &it.hint,
                        &at_of(it.expires_at),
                        &at(it.updated_at),
                        &at_of(it.resolved_at),
                        &at_of(it.acknowledged_at),
                        &it.acknowledged_by,
                        &it.id.as_str(),
                        &i64::from(level),
                    ],
                )
                .await?;
            if rows == 0 {
                return Err(overtaken(&it.id));
            }
        }
    }
    if let Some(event) = &step.event {
        let position: i64 = tx.row(NEXT_POSITION, &[]).await?.try_get(0)?;
        tx.execute(
            INSERT_EVENT,
            &[&position, &at(event.time), &to_json(event)?],
        )
        .await?;
    }
    Ok(())
}

async fn insert(tx: &Tx<'_>, it: &Alert) -> Answer<()> {
    let inserted = tx
        .execute(
            INSERT,
            &[
                &it.id.as_str(),
                &it.kind.name(),
                &it.severity.name(),
                &i64::from(it.level),
                &it.subject.kind.name(),
                &it.subject.id,
                &it.subject.name,
                &it.connection.as_ref().map(ConnectionId::as_str),
                &it.title,
                &it.detail,
                &it.hint,
                &at_of(it.expires_at),
                &at(it.created_at),
                &at(it.updated_at),
                &at_of(it.resolved_at),
                &at_of(it.acknowledged_at),
                &it.acknowledged_by,
            ],
        )
        .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(fault) if is_duplicate(&fault) => Err(overtaken(&it.id)),
        Err(fault) => Err(fault),
    }
}

/// The feed's last position.
async fn last_position(session: &Session<'_>) -> Answer<i64> {
    match session.row_opt(FEED, &[]).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Ok(0),
    }
}

impl PostgresStore {
    /// A cursor of the change feed is none of this one.
    fn alert_feed(&self) -> String {
        format!("{}/alerts", self.0.id)
    }
}

#[async_trait]
impl Alerts for PostgresStore {
    async fn list_alerts(&self, query: &AlertQuery) -> Result<Vec<Alert>> {
        self.server()
            .read("listing alerts", move |session| {
                async move {
                    let after = query.after.as_ref().map(AlertId::as_str);
                    let limit = i64::from(query.limit);
                    let rows = session
                        .rows(LIST, &[&query.with_resolved, &after, &limit])
                        .await?;
                    rows.iter().map(alert).collect()
                }
                .boxed()
            })
            .await
    }

    async fn open_alerts(&self) -> Result<Vec<Alert>> {
        self.server()
            .read("listing open alerts", |session| {
                async move {
                    let rows = session.rows(OPEN, &[]).await?;
                    rows.iter().map(alert).collect()
                }
                .boxed()
            })
            .await
    }

    async fn alert(&self, id: &AlertId) -> Result<Option<Alert>> {
        self.server()
            .read("reading an alert", move |session| {
                async move {
                    let row = session.row_opt(ONE, &[&id.as_str()]).await?;
                    row.as_ref().map(alert).transpose()
                }
                .boxed()
            })
            .await
    }

    async fn apply_alerts(&self, round: &AlertRound) -> Result<()> {
        self.server()
            .write(WRITING_ALERTS, move |tx| {
                async move {
                    if let Some(mail) = &round.mail {
                        // First, for it locks the mailbox, as whoever accepts a message does.
                        outbox::accept(tx, &mail.item, None).await?;
                        let when = mail.item.created_at.to_string();
                        settings::put(tx, LAST_ALERT_MAIL, &when).await?;
                    }
                    for it in &round.steps {
                        step(tx, it).await?;
                    }
                    let Some(mail) = &round.mail else {
                        return Ok(());
                    };
                    for (id, level) in &mail.alerts {
                        let values = (mail.item.id.as_str(), i64::from(*level), id.as_str());
                        let rows = tx
                            .execute(MAILED, &[&values.0, &values.1, &values.2])
                            .await?;
                        if rows == 0 {
                            return Err(overtaken(id));
                        }
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn acknowledge_alert(&self, id: &AlertId, by: &str, time: Timestamp) -> Result<bool> {
        if has_nul(id.as_str()) {
            return Ok(false);
        }
        let by = &*clean(by);
        self.server()
            .write("acknowledging an alert", move |tx| {
                async move {
                    let rows = tx
                        .execute(ACKNOWLEDGE, &[&at(time), &by, &id.as_str()])
                        .await?;
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }

    async fn alert_events(&self, since: Option<&str>, limit: u32) -> Result<AlertEventPage> {
        let feed_name = self.alert_feed();
        let cursor = CursorText { store: &feed_name };
        let since = match since {
            Some(since) => Some(cursor.read(since).ok_or(StoreError::CursorExpired)?),
            None => None,
        };
        let limit = i64::from(limit);
        let (last, forgotten, found) = self
            .server()
            .read("reading the events of alerts", move |session| {
                async move {
                    let rows = session.rows(EVENTS, &[&since, &limit]).await?;
                    let first = rows.first().ok_or(Fault::Broken("the feed has no ends"))?;
                    let last: i64 = first.try_get(0)?;
                    let forgotten: i64 = first.try_get(1)?;
                    let mut found = Vec::with_capacity(rows.len());
                    for row in &rows {
                        if let Some(position) = row.try_get::<_, Option<i64>>(2)? {
                            found.push((position, from_json(row.try_get(3)?)?));
                        }
                    }
                    Ok((last, forgotten, found))
                }
                .boxed()
            })
            .await?;
        // A position that was never given: of a store that was set back to an older copy.
        if since.is_some_and(|since| !(forgotten..=last).contains(&since)) {
            return Err(StoreError::CursorExpired);
        }
        let start = since.unwrap_or(forgotten);
        let position = found.last().map_or(start, |(position, _)| *position);
        Ok(AlertEventPage {
            events: found
                .into_iter()
                .map(|(position, event)| (cursor.write(position), event))
                .collect(),
            cursor: cursor.write(position),
        })
    }

    async fn latest_alert_event(&self) -> Result<String> {
        let last = self
            .server()
            .read("reading the end of the events of alerts", |session| {
                last_position(session).boxed()
            })
            .await?;
        let feed_name = self.alert_feed();
        Ok(CursorText { store: &feed_name }.write(last))
    }

    async fn prune_alerts(&self, before: Timestamp) -> Result<u64> {
        let before = at(before);
        self.server()
            .write("forgetting alerts", move |tx| {
                async move {
                    let alerts = tx.execute(PRUNE, &[&before]).await?;
                    let end: i64 = tx.row(OLD_END, &[&before]).await?.try_get(0)?;
                    let events = tx.execute(PRUNE_EVENTS, &[&end]).await?;
                    if events > 0 {
                        tx.execute(SET_FORGOTTEN, &[&end]).await?;
                    }
                    Ok(alerts + events)
                }
                .boxed()
            })
            .await
    }

    async fn application_reading(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<ApplicationReading>> {
        self.server()
            .read("reading what an application object said", move |session| {
                async move {
                    let row = session.row_opt(READING, &[&connection.as_str()]).await?;
                    let Some(row) = row else {
                        return Ok(None);
                    };
                    Ok(Some(ApplicationReading {
                        connection: connection.clone(),
                        read_at: time(row.try_get::<_, Time>(0)?)?,
                        outcome: named(row.try_get(1)?)?,
                        credentials: from_json(row.try_get(2)?)?,
                    }))
                }
                .boxed()
            })
            .await
    }

    async fn save_application_reading(&self, reading: &ApplicationReading) -> Result<()> {
        let ends = match reading.outcome {
            ReadingOutcome::Read => &*reading.credentials,
            ReadingOutcome::NotPermitted => &[],
        };
        self.server()
            .write(keeping_reading(!ends.is_empty()), move |tx| {
                async move {
                    let connection = reading.connection.as_str();
                    if tx.row_opt(IS_THERE, &[&connection]).await?.is_none() {
                        return Ok(());
                    }
                    tx.execute(
                        PUT_READING,
                        &[
                            &connection,
                            &at(reading.read_at),
                            &reading.outcome.name(),
                            &to_json(&reading.credentials)?,
                        ],
                    )
                    .await?;
                    for end in ends {
                        tx.execute(
                            SET_END,
                            &[&at(end.ends_at), &connection, &end.credential.as_str()],
                        )
                        .await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}
