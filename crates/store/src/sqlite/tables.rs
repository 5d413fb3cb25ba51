//! Rows as they lie.

use super::SqliteStore;
use super::errors::{Answer, Fault};
use super::values::{count, hash};
use super::writer::Tx;
use crate::contract::Result;
use crate::contract::blobs::Blobs as _;
use crate::contract::tables::{Column, Identity, Kind, Row, Table, Tables, Value};
use crate::transfer::{ATTACHMENTS, MESSAGE_TEXTS, MESSAGES, TABLES, faults};
use async_trait::async_trait;
use bytes::Bytes;
use postroom_model::Timestamp;
use rusqlite::types::{ToSqlOutput, Value as Kept, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params_from_iter};

/// Rows are handed on once they take so many bytes.
const MOST_BYTES: usize = 8 << 20;

/// Columns that this store makes by itself: an index of hashes instead of long ids (see the
/// schema).
const HASHES: &[(&str, &str)] = &[
    ("id_hash", "id"),
    ("conversation_hash", "conversation_id"),
    ("message_id_hash", "internet_message_id"),
];

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Kept::Null),
            Self::Integer(number) | Self::Time(number) => {
                ToSqlOutput::Owned(Kept::Integer(*number))
            }
            Self::Boolean(yes) => ToSqlOutput::Owned(Kept::Integer((*yes).into())),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

fn value(column: &Column, raw: ValueRef<'_>) -> Answer<Value> {
    let odd = || Fault::Broken("a column holds another kind of value than it should");
    Ok(match (column.kind, raw) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Integer, ValueRef::Integer(number)) => Value::Integer(number),
        (Kind::Time, ValueRef::Integer(micros)) => Value::Time(micros),
        (Kind::Boolean, ValueRef::Integer(number)) => Value::Boolean(number != 0),
        (Kind::Text | Kind::Json, ValueRef::Text(text)) => {
            Value::Text(std::str::from_utf8(text).map_err(|_| odd())?.to_owned())
        }
        (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(Bytes::copy_from_slice(bytes)),
        _ => return Err(odd()),
    })
}

fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    names.join(", ")
}

fn marks(count: usize) -> String {
    let marks: Vec<_> = (1..=count).map(|number| format!("?{number}")).collect();
    marks.join(", ")
}

/// Where a table's rows come from. What hangs on messages is found by way of them: their index by
/// mailbox has the order.
fn source(table: &'static Table) -> (&'static str, Vec<String>) {
    let (from, renamed): (_, &[(&str, &str)]) = if table == &MESSAGE_TEXTS {
        (
            "messages JOIN message_texts ON message_texts.message = messages.number",
            &[
                ("mailbox", "messages.mailbox"),
                ("message", "messages.number"),
            ],
        )
    } else if table == &ATTACHMENTS {
        (
            "messages JOIN attachments ON attachments.message = messages.number",
            &[
                ("mailbox", "messages.mailbox"),
                ("message", "messages.number"),
            ],
        )
    } else {
        (table.name, &[])
    };
    let columns = table
        .columns
        .iter()
        .map(|column| {
            renamed
                .iter()
                .find(|(name, _)| *name == column.name)
                .map_or_else(
                    || format!("{}.{}", table.name, column.name),
                    |(_, at)| (*at).to_owned(),
                )
        })
        .collect();
    (from, columns)
}

/// What has to be said for the index by mailbox and number to be taken (see the schema).
fn always(table: &'static Table) -> &'static str {
    if table == &MESSAGES || table == &MESSAGE_TEXTS || table == &ATTACHMENTS {
        "messages.number > 0"
    } else {
        "1 = 1"
    }
}

/// Conditions that together, one after the other, give the rows behind a key: those with the same
/// beginning of the key first. Each is a range of an index, which a comparison of whole keys is not
/// for a join.
fn parts(key: &[String]) -> Vec<String> {
    (0..key.len())
        .rev()
        .map(|last| {
            (0..=last)
                .map(|at| {
                    let sign = if at == last { ">" } else { "=" };
                    format!("{} {sign} ?{}", key[at], at + 1)
                })
                .collect::<Vec<_>>()
                .join(" AND ")
        })
        .collect()
}

fn select(table: &'static Table, condition: &str, limit: usize) -> String {
    let (from, columns) = source(table);
    format!(
        "SELECT {} FROM {from} WHERE {} AND {condition} ORDER BY {} LIMIT {limit}",
        columns.join(", "),
        always(table),
        columns[..table.key].join(", "),
    )
}

fn read(
    connection: &Connection,
    table: &'static Table,
    after: Option<&[Value]>,
    limit: u32,
) -> Answer<Vec<Row>> {
    let conditions = match after {
        Some(_) => parts(&source(table).1[..table.key]),
        None => vec!["1 = 1".to_owned()],
    };
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for condition in conditions {
        let left = limit as usize - rows.len();
        if left == 0 || bytes >= MOST_BYTES {
            break;
        }
        let mut statement = connection.prepare_cached(&select(table, &condition, left))?;
        let wanted = statement.parameter_count();
        let given = after.unwrap_or_default().iter().take(wanted);
        let mut found = statement.query(params_from_iter(given))?;
        while let Some(row) = found.next()? {
            let row = table
                .columns
                .iter()
                .enumerate()
                .map(|(at, column)| value(column, row.get_ref(at)?))
                .collect::<Answer<Row>>()?;
            bytes += row.iter().map(Value::size).sum::<usize>();
            rows.push(row);
            if bytes >= MOST_BYTES {
                return Ok(rows);
            }
        }
    }
    Ok(rows)
}

fn write(tx: &Tx<'_>, table: &'static Table, rows: &[Row]) -> Answer<()> {
    // Texts lie with their message alone here.
    let skipped = usize::from(table == &MESSAGE_TEXTS);
    let columns = &table.columns[skipped..];
    let hashes: &[(&str, &str)] = if table == &MESSAGES { HASHES } else { &[] };
    let own: Vec<_> = hashes.iter().map(|(own, _)| format!(", {own}")).collect();
    let hashed: Vec<usize> = hashes
        .iter()
        .filter_map(|(_, of)| columns.iter().position(|column| column.name == *of))
        .collect();
    let insert = format!(
        "INSERT INTO {} ({}{}) VALUES ({}) {}",
        table.name,
        names(columns),
        own.concat(),
        marks(columns.len() + hashed.len()),
        written_over(table),
    );
    let mut insert = tx.prepare_cached(&insert)?;
    for row in rows {
        let own = hashed.iter().map(|at| match &row[*at + skipped] {
            Value::Text(text) => Value::Integer(hash(text)),
            _ => Value::Null,
        });
        let values: Vec<Value> = row[skipped..].iter().cloned().chain(own).collect();
        insert.execute(params_from_iter(values.iter()))?;
    }
    Ok(())
}

/// What a store makes by itself when it is new is written over.
fn written_over(table: &Table) -> String {
    match table.name {
        "settings" | "vault_keys" => format!(
            "ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}",
            key = table.columns[0].name,
            value = table.columns[1].name,
        ),
        _ => String::new(),
    }
}

fn last_position(connection: &Connection) -> Answer<i64> {
    Ok(connection
        .query_row(
            "SELECT seq FROM sqlite_sequence WHERE name = 'changes'",
            [],
            |row| row.get(0),
        )
        .optional()?
        .unwrap_or(0))
}

fn adopt(tx: &Tx<'_>, identity: &Identity) -> Answer<()> {
    tx.execute(
        "UPDATE store SET id = ?1, forgotten = ?2",
        rusqlite::params![identity.id, identity.forgotten],
    )?;
    // SQLite's table of what was counted has no key.
    tx.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'", [])?;
    tx.execute(
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?1)",
        [identity.last_position],
    )?;
    Ok(())
}

/// What is asked of SQLite itself, and of what only this kind of store keeps.
fn own_faults(connection: &Connection) -> Answer<Vec<String>> {
    let mut found: Vec<String> = connection
        .prepare("PRAGMA integrity_check(20)")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    let references: Vec<String> = connection
        .prepare(
            "SELECT 'a row of ' || \"table\" || ' refers to a row of ' || parent
                || ' that is not there'
             FROM pragma_foreign_key_check LIMIT 20",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.extend(references);
    for (own, of) in HASHES {
        let mut statement = connection.prepare(&format!(
            "SELECT id, {own}, {of} FROM messages WHERE {of} IS NOT NULL"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (kept_hash, text): (Option<i64>, String) = (row.get(1)?, row.get(2)?);
            if kept_hash != Some(hash(&text)) && found.len() < 100 {
                let id: String = row.get(0)?;
                found.push(format!("the message {id} is not found by its {of}"));
            }
        }
    }
    Ok(found)
}

#[async_trait]
impl Tables for SqliteStore {
    async fn read_rows(
        &self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: u32,
    ) -> Result<Vec<Row>> {
        let after = after.map(<[Value]>::to_vec);
        self.0
            .readers
            .read_long("reading rows", move |connection| {
                read(connection, table, after.as_deref(), limit)
            })
            .await
    }

    async fn last_key(&self, table: &'static Table) -> Result<Option<Vec<Value>>> {
        self.read("reading the last row", |connection| {
            let (from, columns) = source(table);
            let key = &columns[..table.key];
            let order: Vec<_> = key.iter().map(|column| format!("{column} DESC")).collect();
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {} FROM {from} WHERE {} ORDER BY {} LIMIT 1",
                key.join(", "),
                always(table),
                order.join(", "),
            ))?;
            let mut rows = statement.query([])?;
            rows.next()?
                .map(|row| {
                    table
                        .key_columns()
                        .iter()
                        .enumerate()
                        .map(|(at, column)| value(column, row.get_ref(at)?))
                        .collect()
                })
                .transpose()
        })
    }

    async fn count_rows(&self, table: &'static Table) -> Result<u64> {
        let name = table.name;
        self.0
            .readers
            .read_long("counting rows", move |connection| {
                Ok(count(connection.query_row(
                    &format!("SELECT COUNT(*) FROM {name}"),
                    [],
                    |row| row.get(0),
                )?))
            })
            .await
    }

    async fn write_rows(&self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        self.write("writing rows", move |tx| write(tx, table, &rows))
            .await
    }

    async fn clear_tables(&self) -> Result<()> {
        self.write("removing all rows", |tx| {
            for table in TABLES.iter().rev() {
                tx.execute(&format!("DELETE FROM {}", table.name), [])?;
            }
            Ok(())
        })
        .await?;
        self.collect_blobs(Timestamp::MAX).await?;
        Ok(())
    }

    async fn identity(&self) -> Result<Identity> {
        self.read("reading who the store is", |connection| {
            let (id, forgotten) =
                connection.query_row("SELECT id, forgotten FROM store", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            Ok(Identity {
                id,
                forgotten,
                last_position: last_position(connection)?,
            })
        })
    }

    async fn adopt_identity(&self, identity: &Identity) -> Result<()> {
        let identity = identity.clone();
        self.write("writing who the store is", move |tx| adopt(tx, &identity))
            .await
    }

    async fn find_faults(&self) -> Result<Vec<String>> {
        let last = self.identity().await?.last_position;
        let look = move |connection: &Connection| -> Answer<Vec<String>> {
            let mut found = own_faults(connection)?;
            for query in faults::QUERIES {
                let lines: Vec<String> = connection
                    .prepare(query)?
                    .query_map([], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                found.extend(lines);
            }
            let highest: Option<i64> =
                connection.query_row("SELECT MAX(position) FROM changes", [], |row| row.get(0))?;
            if highest.is_some_and(|highest| highest > last) {
                found.push(faults::beyond(last));
            }
            Ok(found)
        };
        self.0.readers.read_long("looking for faults", look).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::migrations;
    use super::*;
    use crate::transfer::{BLOBS, CHANGES};

    /// A page behind a key is a range of an index that has the order. If it were sorted, or looked
    /// for from the beginning, copying many messages would take the square of their number.
    #[test]
    fn pages_of_large_tables_are_ranges_in_order() {
        let mut connection = Connection::open_in_memory().expect("opened");
        migrations::migrate(&mut connection, "memory").expect("made");
        for table in [&MESSAGES, &MESSAGE_TEXTS, &ATTACHMENTS, &CHANGES, &BLOBS] {
            let mut conditions = parts(&source(table).1[..table.key]);
            conditions.push("1 = 1".into());
            for condition in conditions {
                let select = select(table, &condition, 1000);
                let mut explain = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {select}"))
                    .expect("prepared");
                let values = vec![1; explain.parameter_count()];
                let plan: Vec<String> = explain
                    .query_map(params_from_iter(values), |row| row.get(3))
                    .expect("explained")
                    .map(|line| line.expect("read"))
                    .collect();
                let is_range = condition == "1 = 1" || !plan.iter().any(|it| it.contains("SCAN"));
                let is_sorted = !plan.iter().any(|it| it.contains("TEMP B-TREE"));
                assert!(is_range && is_sorted, "{select}: {plan:#?}");
            }
        }
    }
}
