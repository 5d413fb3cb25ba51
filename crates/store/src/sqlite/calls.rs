//! The call log.

use super::SqliteStore;
use super::errors::Answer;
use super::values::{affected, count, from_json, kept, micros, time, to_json};
use crate::contract::Result;
use crate::contract::calls::{CallQuery, Calls};
use crate::text::Texts;
use crate::version::WRITING_CALLS;
use async_trait::async_trait;
use postroom_model::call::CallRecord;
use postroom_model::{AccountId, CallId, ConnectionId, MailboxId, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params, params_from_iter, types::Value};
use std::fmt::Write as _;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT number, id, at, connection, account, mailbox, caller, method, path, status,
                duration_ms, request_bytes, response_bytes, attempt, request_id,
                client_request_id, error FROM calls ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO calls (id, at, connection, account, mailbox, caller, method,
        path, status, duration_ms, request_bytes, response_bytes, attempt, request_id,
        client_request_id, error)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (id) DO NOTHING RETURNING number";
const INSERT_DETAIL: &str = "INSERT INTO call_details (call, at, detail) VALUES ($1, $2, $3)";
const DETAIL: &str = "SELECT detail FROM call_details WHERE call = $1";
const PRUNE_DETAILS: &str = "DELETE FROM call_details WHERE at < $1";
const PRUNE: &str = "DELETE FROM calls WHERE at < $1";

fn call(row: &Row<'_>) -> Answer<(i64, CallRecord)> {
    let number = row.get(0)?;
    let record = CallRecord {
        id: CallId::new(row.get::<_, String>(1)?),
        at: time(row.get(2)?)?,
        connection: ConnectionId::new(row.get::<_, String>(3)?),
        account: row.get::<_, Option<String>>(4)?.map(AccountId::new),
        mailbox: row.get::<_, Option<String>>(5)?.map(MailboxId::new),
        caller: row.get(6)?,
        method: row.get(7)?,
        path: row.get(8)?,
        status: row.get(9)?,
        duration_ms: count(row.get(10)?),
        request_bytes: count(row.get(11)?),
        response_bytes: count(row.get(12)?),
        attempt: row.get(13)?,
        request_id: row.get(14)?,
        client_request_id: row.get(15)?,
        error: row.get(16)?,
        detail: None,
    };
    Ok((number, record))
}

fn list(query: &CallQuery) -> (String, Vec<Value>) {
    let mut sql = String::from(select!("WHERE 1 = 1"));
    let mut values = Vec::new();
    if let Some(account) = &query.account {
        values.push(Value::from(account.as_str().to_owned()));
        let _ = write!(sql, " AND account = ${}", values.len());
    }
    if let Some(mailboxes) = &query.mailboxes {
        sql.push_str(" AND mailbox IN (");
        for (index, mailbox) in mailboxes.iter().enumerate() {
            values.push(Value::from(mailbox.as_str().to_owned()));
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}", values.len());
        }
        sql.push(')');
    }
    if query.failed {
        sql.push_str(" AND (status IS NULL OR status >= 400)");
    }
    if let Some(since) = query.since {
        values.push(Value::from(micros(since)));
        let _ = write!(sql, " AND at >= ${}", values.len());
    }
    if let Some(after) = &query.after {
        values.push(Value::from(after.as_str().to_owned()));
        let _ = write!(
            sql,
            " AND (at, id) < (SELECT at, id FROM calls WHERE id = ${})",
            values.len()
        );
    }
    values.push(Value::from(i64::from(query.limit)));
    let _ = write!(sql, " ORDER BY at DESC, id DESC LIMIT ${}", values.len());
    (sql, values)
}

#[async_trait]
impl Calls for SqliteStore {
    async fn record_calls(&self, calls: &[CallRecord]) -> Result<()> {
        let calls: Vec<_> = calls.iter().map(Texts::cleaned).collect();
        self.write(WRITING_CALLS, move |tx| {
            let mut insert = tx.prepare_cached(INSERT)?;
            let mut insert_detail = tx.prepare_cached(INSERT_DETAIL)?;
            for call in calls {
                let number: Option<i64> = insert
                    .query_row(
                        params![
                            call.id.as_str(),
                            micros(call.at),
                            call.connection.as_str(),
                            call.account.as_ref().map(AccountId::as_str),
                            call.mailbox.as_ref().map(MailboxId::as_str),
                            call.caller,
                            call.method,
                            call.path,
                            call.status,
                            kept(call.duration_ms),
                            kept(call.request_bytes),
                            kept(call.response_bytes),
                            call.attempt,
                            call.request_id,
                            call.client_request_id,
                            call.error,
                        ],
                        |row| row.get(0),
                    )
                    .optional()?;
                if let (Some(number), Some(detail)) = (number, &call.detail) {
                    insert_detail.execute(params![number, micros(call.at), to_json(detail)?])?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn call(&self, id: &CallId) -> Result<Option<CallRecord>> {
        self.read("reading the call log", |connection| {
            let mut statement = connection.prepare_cached(select!("WHERE id = $1"))?;
            let mut rows = statement.query([id.as_str()])?;
            let Some((number, mut record)) = rows.next()?.map(call).transpose()? else {
                return Ok(None);
            };
            let detail: Option<String> = connection
                .prepare_cached(DETAIL)?
                .query_row([number], |row| row.get(0))
                .optional()?;
            record.detail = detail.as_deref().map(from_json).transpose()?;
            Ok(Some(record))
        })
    }

    async fn list_calls(&self, query: &CallQuery) -> Result<Vec<CallRecord>> {
        let (sql, values) = list(query);
        self.read("listing the call log", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_and_then(params_from_iter(values), |row| Ok(call(row)?.1))?
                .collect()
        })
    }

    async fn prune_calls(&self, before: Timestamp, details_before: Timestamp) -> Result<u64> {
        self.write("forgetting calls", move |tx| {
            tx.prepare_cached(PRUNE_DETAILS)?
                .execute([micros(details_before)])?;
            Ok(affected(
                tx.prepare_cached(PRUNE)?.execute([micros(before)])?,
            ))
        })
        .await
    }
}
