//! The call log.

use super::PostgresStore;
use super::conditions::Conditions;
use super::errors::Answer;
use super::values::{at, count, from_json, kept, small, texts, time, to_json};
use crate::contract::Result;
use crate::contract::calls::{CallQuery, Calls};
use crate::text::Texts;
use crate::version::WRITING_CALLS;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::call::CallRecord;
use postroom_model::{AccountId, CallId, ConnectionId, MailboxId, Timestamp};
use std::collections::HashSet;
use tokio_postgres::Row;

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

const ONE: &str = select!("WHERE id = $1");
const INSERT: &str = "INSERT INTO calls (id, at, connection, account, mailbox, caller, method,
        path, status, duration_ms, request_bytes, response_bytes, attempt, request_id,
        client_request_id, error)
    SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[],
        $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[])
    ON CONFLICT (id) DO NOTHING RETURNING id, number";
const INSERT_DETAILS: &str = "INSERT INTO call_details (call, at, detail)
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[])";
const DETAIL: &str = "SELECT detail FROM call_details WHERE call = $1";
const PRUNE_DETAILS: &str = "DELETE FROM call_details WHERE at < $1";
const PRUNE: &str = "DELETE FROM calls WHERE at < $1";

/// The statement for a list, with its values.
pub(super) fn list(query: &CallQuery) -> Conditions {
    let mut all = Conditions::default();
    if let Some(account) = &query.account {
        all.equals("account", account.as_str().to_owned(), "text");
    }
    if let Some(mailboxes) = &query.mailboxes {
        let mailboxes: Vec<_> = texts(mailboxes).into_iter().map(str::to_owned).collect();
        let mailboxes = all.value(mailboxes, "text[]");
        all.add(format_args!("mailbox = ANY ({mailboxes})"));
    }
    if query.failed {
        all.add(format_args!("(status IS NULL OR status >= 400)"));
    }
    if let Some(since) = query.since {
        let since = all.value(at(since), "timestamptz");
        all.add(format_args!("at >= {since}"));
    }
    if let Some(after) = &query.after {
        let after = all.value(after.as_str().to_owned(), "text");
        all.add(format_args!(
            "(at, id) < (SELECT at, id FROM calls WHERE id = {after})"
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

fn call(row: &Row) -> Answer<(i64, CallRecord)> {
    let number = row.try_get(0)?;
    let status: Option<i64> = row.try_get(9)?;
    let record = CallRecord {
        id: CallId::new(row.try_get::<_, String>(1)?),
        at: time(row.try_get(2)?)?,
        connection: ConnectionId::new(row.try_get::<_, String>(3)?),
        account: row.try_get::<_, Option<String>>(4)?.map(AccountId::new),
        mailbox: row.try_get::<_, Option<String>>(5)?.map(MailboxId::new),
        caller: row.try_get(6)?,
        method: row.try_get(7)?,
        path: row.try_get(8)?,
        status: status.map(small).transpose()?,
        duration_ms: count(row.try_get(10)?),
        request_bytes: count(row.try_get(11)?),
        response_bytes: count(row.try_get(12)?),
        attempt: small(row.try_get(13)?)?,
        request_id: row.try_get(14)?,
        client_request_id: row.try_get(15)?,
        error: row.try_get(16)?,
        detail: None,
    };
    Ok((number, record))
}

#[async_trait]
impl Calls for PostgresStore {
    async fn record_calls(&self, calls: &[CallRecord]) -> Result<()> {
        let calls: Vec<_> = calls.iter().map(Texts::cleaned).collect();
        // One that is there twice is written once, as the first one says.
        let mut known = HashSet::new();
        let mut calls: Vec<&CallRecord> = calls
            .iter()
            .filter(|call| known.insert(call.id.as_str()))
            .collect();
        // Sorted, so that two batches with the same entries do not wait for each other.
        calls.sort_by_key(|call| call.id.as_str());
        let calls = &calls;
        if calls.is_empty() {
            return Ok(());
        }
        self.server()
            .write(WRITING_CALLS, move |tx| {
                async move {
                    macro_rules! column {
                        ($it:ident => $value:expr) => {
                            &calls.iter().map(|$it| $value).collect::<Vec<_>>()
                        };
                    }
                    let rows = tx
                        .rows(
                            INSERT,
                            &[
                                column!(it => it.id.as_str()),
                                column!(it => at(it.at)),
                                column!(it => it.connection.as_str()),
                                column!(it => it.account.as_ref().map(AccountId::as_str)),
                                column!(it => it.mailbox.as_ref().map(MailboxId::as_str)),
                                column!(it => it.caller.as_str()),
                                column!(it => it.method.as_str()),
                                column!(it => it.path.as_str()),
                                column!(it => it.status.map(i64::from)),
                                column!(it => kept(it.duration_ms)),
                                column!(it => kept(it.request_bytes)),
                                column!(it => kept(it.response_bytes)),
                                column!(it => i64::from(it.attempt)),
                                column!(it => it.request_id.as_deref()),
                                column!(it => it.client_request_id.as_str()),
                                column!(it => it.error.as_deref()),
                            ],
                        )
                        .await?;
                    let (mut numbers, mut times, mut details) =
                        (Vec::new(), Vec::new(), Vec::new());
                    for row in rows {
                        let id: &str = row.try_get(0)?;
                        let Some(call) = calls.iter().find(|call| call.id.as_str() == id) else {
                            continue;
                        };
                        if let Some(detail) = &call.detail {
                            numbers.push(row.try_get::<_, i64>(1)?);
                            times.push(at(call.at));
                            details.push(to_json(detail)?);
                        }
                    }
                    if !numbers.is_empty() {
                        tx.execute(INSERT_DETAILS, &[&numbers, &times, &details])
                            .await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn call(&self, id: &CallId) -> Result<Option<CallRecord>> {
        self.server()
            .read("reading the call log", move |session| {
                async move {
                    let Some(row) = session.row_opt(ONE, &[&id.as_str()]).await? else {
                        return Ok(None);
                    };
                    let (number, mut record) = call(&row)?;
                    if let Some(row) = session.row_opt(DETAIL, &[&number]).await? {
                        record.detail = Some(from_json(row.try_get(0)?)?);
                    }
                    Ok(Some(record))
                }
                .boxed()
            })
            .await
    }

    async fn list_calls(&self, query: &CallQuery) -> Result<Vec<CallRecord>> {
        let all = &list(query);
        self.server()
            .read("listing the call log", move |session| {
                async move {
                    let rows = session.rows(&all.sql, &all.values()).await?;
                    rows.iter().map(|row| Ok(call(row)?.1)).collect()
                }
                .boxed()
            })
            .await
    }

    async fn prune_calls(&self, before: Timestamp, details_before: Timestamp) -> Result<u64> {
        self.server()
            .write("forgetting calls", move |tx| {
                async move {
                    tx.execute(PRUNE_DETAILS, &[&at(details_before)]).await?;
                    tx.execute(PRUNE, &[&at(before)]).await
                }
                .boxed()
            })
            .await
    }
}
