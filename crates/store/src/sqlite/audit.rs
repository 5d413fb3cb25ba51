//! The audit log.

use super::SqliteStore;
use super::errors::{Answer, Fault};
use super::values::{affected, from_json, micros, named, time, to_json};
use crate::contract::Result;
use crate::contract::audit::{Audit, AuditQuery};
use crate::text::Texts;
use crate::version::WRITING_AUDIT;
use async_trait::async_trait;
use postroom_model::audit::{Actor, AuditEntry, Subject};
use postroom_model::{AuditId, Timestamp};
use rusqlite::{Row, params, params_from_iter, types::Value};
use std::fmt::Write as _;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, at, actor_kind, actor_id, actor_name, address, action, subject_kind,
                subject_id, subject_name, outcome, details, request_id FROM audit ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, address, action,
        subject_kind, subject_id, subject_name, outcome, details, request_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (id) DO NOTHING";
const FINISH: &str = "UPDATE audit SET subject_kind = $1, subject_id = $2, subject_name = $3,
        outcome = $4, details = $5
    WHERE id = $6 AND outcome = 'begun'";
const PRUNE: &str = "DELETE FROM audit WHERE at < $1";

fn entry(row: &Row<'_>) -> Answer<AuditEntry> {
    let address: Option<String> = row.get(5)?;
    let kind: Option<String> = row.get(7)?;
    let (id, name) = (row.get(8)?, row.get(9)?);
    Ok(AuditEntry {
        id: AuditId::new(row.get::<_, String>(0)?),
        at: time(row.get(1)?)?,
        actor: Actor {
            kind: named(row.get(2)?)?,
            id: row.get(3)?,
            name: row.get(4)?,
        },
        address: address
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| Fault::Broken("a row holds no address where one should be"))?,
        action: row.get(6)?,
        subject: kind.map(|kind| Subject { kind, id, name }),
        outcome: named(row.get(10)?)?,
        details: from_json(&row.get::<_, String>(11)?)?,
        request_id: row.get(12)?,
    })
}

fn list(query: &AuditQuery) -> (String, Vec<Value>) {
    let mut sql = String::from(select!("WHERE 1 = 1"));
    let mut values: Vec<Value> = Vec::new();
    let mut add = |value: Value| {
        values.push(value);
        values.len()
    };
    if let Some(actor) = &query.actor {
        let at = add(actor.clone().into());
        let _ = write!(sql, " AND (actor_id = ${at} OR actor_name = ${at})");
    }
    if let Some(action) = &query.action {
        let at = add(action.clone().into());
        let _ = write!(
            sql,
            " AND (action = ${at} OR substr(action, 1, length(${at}) + 1) = ${at} || '.')"
        );
    }
    if let Some(subject) = &query.subject {
        let at = add(subject.clone().into());
        let _ = write!(sql, " AND (subject_id = ${at} OR subject_name = ${at})");
    }
    if let Some(since) = query.since {
        let at = add(micros(since).into());
        let _ = write!(sql, " AND at >= ${at}");
    }
    if let Some(until) = query.until {
        let at = add(micros(until).into());
        let _ = write!(sql, " AND at < ${at}");
    }
    if let Some(after) = &query.after {
        let at = add(after.as_str().to_owned().into());
        let _ = write!(
            sql,
            " AND (at, id) < (SELECT at, id FROM audit WHERE id = ${at})"
        );
    }
    let at = add(i64::from(query.limit).into());
    let _ = write!(sql, " ORDER BY at DESC, id DESC LIMIT ${at}");
    (sql, values)
}

#[async_trait]
impl Audit for SqliteStore {
    async fn insert_audit(&self, entries: &[AuditEntry]) -> Result<()> {
        let entries: Vec<_> = entries.iter().map(Texts::cleaned).collect();
        self.write(WRITING_AUDIT, move |tx| {
            let mut insert = tx.prepare_cached(INSERT)?;
            for entry in entries {
                let subject = entry.subject.as_ref();
                insert.execute(params![
                    entry.id.as_str(),
                    micros(entry.at),
                    entry.actor.kind.name(),
                    entry.actor.id,
                    entry.actor.name,
                    entry.address.map(|address| address.to_string()),
                    entry.action,
                    subject.map(|subject| subject.kind.as_str()),
                    subject.and_then(|subject| subject.id.as_deref()),
                    subject.and_then(|subject| subject.name.as_deref()),
                    entry.outcome.name(),
                    to_json(&entry.details)?,
                    entry.request_id,
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn finish_audit(&self, entry: &AuditEntry) -> Result<bool> {
        let entry = entry.cleaned();
        self.write(WRITING_AUDIT, move |tx| {
            let subject = entry.subject.as_ref();
            let rows = tx.prepare_cached(FINISH)?.execute(params![
                subject.map(|subject| subject.kind.as_str()),
                subject.and_then(|subject| subject.id.as_deref()),
                subject.and_then(|subject| subject.name.as_deref()),
                entry.outcome.name(),
                to_json(&entry.details)?,
                entry.id.as_str(),
            ])?;
            Ok(rows > 0)
        })
        .await
    }

    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let (sql, values) = list(query);
        self.read("listing the audit log", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_and_then(params_from_iter(values), entry)?
                .collect()
        })
    }

    async fn prune_audit(&self, before: Timestamp) -> Result<u64> {
        self.write("forgetting audit entries", move |tx| {
            Ok(affected(
                tx.prepare_cached(PRUNE)?.execute([micros(before)])?,
            ))
        })
        .await
    }
}
