//! The audit log.

use super::PostgresStore;
use super::conditions::Conditions;
use super::errors::{Answer, Fault};
use super::values::{at, from_json, named, time, to_json};
use crate::contract::Result;
use crate::contract::audit::{Audit, AuditQuery};
use crate::text::Texts;
use crate::version::WRITING_AUDIT;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::audit::{Actor, AuditEntry, Subject};
use postroom_model::{AuditId, Timestamp};
use tokio_postgres::Row;

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

fn entry(row: &Row) -> Answer<AuditEntry> {
    let address: Option<&str> = row.try_get(5)?;
    let kind: Option<String> = row.try_get(7)?;
    let (id, name) = (row.try_get(8)?, row.try_get(9)?);
    Ok(AuditEntry {
        id: AuditId::new(row.try_get::<_, String>(0)?),
        at: time(row.try_get(1)?)?,
        actor: Actor {
            kind: named(row.try_get(2)?)?,
            id: row.try_get(3)?,
            name: row.try_get(4)?,
        },
        address: address
            .map(str::parse)
            .transpose()
            .map_err(|_| Fault::Broken("a row holds no address where one should be"))?,
        action: row.try_get(6)?,
        subject: kind.map(|kind| Subject { kind, id, name }),
        outcome: named(row.try_get(10)?)?,
        details: from_json(row.try_get(11)?)?,
        request_id: row.try_get(12)?,
    })
}

fn list(query: &AuditQuery) -> Conditions {
    let mut all = Conditions::default();
    if let Some(actor) = &query.actor {
        let actor = all.value(actor.clone(), "text");
        all.add(format_args!("(actor_id = {actor} OR actor_name = {actor})"));
    }
    if let Some(action) = &query.action {
        let action = all.value(action.clone(), "text");
        all.add(format_args!(
            "(action = {action} OR starts_with(action, {action} || '.'))"
        ));
    }
    if let Some(subject) = &query.subject {
        let subject = all.value(subject.clone(), "text");
        all.add(format_args!(
            "(subject_id = {subject} OR subject_name = {subject})"
        ));
    }
    if let Some(since) = query.since {
        let since = all.value(at(since), "timestamptz");
        all.add(format_args!("at >= {since}"));
    }
    if let Some(until) = query.until {
        let until = all.value(at(until), "timestamptz");
        all.add(format_args!("at < {until}"));
    }
    if let Some(after) = &query.after {
        let after = all.value(after.as_str().to_owned(), "text");
        all.add(format_args!(
            "(at, id) < (SELECT at, id FROM audit WHERE id = {after})"
        ));
    }
    let limit = all.value(i64::from(query.limit), "bigint");
    all.sql = format!(
        "{}{} ORDER BY at DESC, id DESC LIMIT {limit}",
        select!("WHERE true"),
        all.sql
    );
    all
}

#[async_trait]
impl Audit for PostgresStore {
    async fn insert_audit(&self, entries: &[AuditEntry]) -> Result<()> {
        let entries = &entries.iter().map(Texts::cleaned).collect::<Vec<_>>();
        self.server()
            .write(WRITING_AUDIT, move |tx| {
                async move {
                    for entry in entries {
                        let subject = entry.subject.as_ref();
                        tx.execute(
                            INSERT,
                            &[
                                &entry.id.as_str(),
                                &at(entry.at),
                                &entry.actor.kind.name(),
                                &entry.actor.id,
                                &entry.actor.name,
                                &entry.address.map(|address| address.to_string()),
                                &entry.action,
                                &subject.map(|subject| subject.kind.as_str()),
                                &subject.and_then(|subject| subject.id.as_deref()),
                                &subject.and_then(|subject| subject.name.as_deref()),
                                &entry.outcome.name(),
                                &to_json(&entry.details)?,
                                &entry.request_id,
                            ],
                        )
                        .await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn finish_audit(&self, entry: &AuditEntry) -> Result<bool> {
        let entry = &entry.cleaned();
        self.server()
            .write(WRITING_AUDIT, move |tx| {
                async move {
                    let subject = entry.subject.as_ref();
                    let rows = tx
                        .execute(
                            FINISH,
                            &[
                                &subject.map(|subject| subject.kind.as_str()),
                                &subject.and_then(|subject| subject.id.as_deref()),
                                &subject.and_then(|subject| subject.name.as_deref()),
                                &entry.outcome.name(),
                                &to_json(&entry.details)?,
                                &entry.id.as_str(),
                            ],
                        )
                        .await?;
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }

    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let all = &list(query);
        self.server()
            .read("listing the audit log", move |session| {
                async move {
                    let rows = session.rows(&all.sql, &all.values()).await?;
                    rows.iter().map(entry).collect()
                }
                .boxed()
            })
            .await
    }

    async fn prune_audit(&self, before: Timestamp) -> Result<u64> {
        self.server()
            .write("forgetting audit entries", move |tx| {
                async move { tx.execute(PRUNE, &[&at(before)]).await }.boxed()
            })
            .await
    }
}
