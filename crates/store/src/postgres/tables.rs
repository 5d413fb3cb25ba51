//! Rows as they lie.

use super::PostgresStore;
use super::errors::Answer;
use super::server::Tx;
use super::values::{Time, count};
use crate::blocking::short;
use crate::contract::Result;
use crate::contract::blobs::Blobs as _;
use crate::contract::tables::{Column, Identity, Kind, Row, Table, Tables, Value};
use crate::transfer::{TABLES, faults};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::Timestamp;

/// Rows are handed on once they take so many bytes.
const MOST_BYTES: u32 = 8 << 20;

const IDENTITY: &str = "SELECT s.id, s.forgotten, f.last_position FROM store s, feed f";
const ADOPT: &str = "UPDATE store SET id = $1, forgotten = $2";
const ADOPT_POSITION: &str = "UPDATE feed SET last_position = $1";
const HIGHEST: &str = "SELECT MAX(position) FROM changes";

/// Columns that count by themselves.
const COUNTING: &[(&str, &str)] = &[
    ("connections", "made"),
    ("accounts", "made"),
    ("keys", "made"),
    ("mailbox_numbers", "number"),
    ("folder_numbers", "number"),
    ("messages", "number"),
    ("calls", "number"),
];

pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

fn borrowed(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|parameter| &**parameter as &(dyn ToSql + Sync))
        .collect()
}

fn names(columns: &[Column]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name).collect()
}

/// A value as a parameter.
pub(super) fn parameter(value: &Value) -> Parameter {
    match value {
        Value::Null => Box::new(None::<i64>),
        Value::Integer(number) => Box::new(*number),
        Value::Boolean(yes) => Box::new(*yes),
        Value::Time(micros) => Box::new(Time(*micros)),
        Value::Text(text) => Box::new(text.clone()),
        Value::Bytes(bytes) => Box::new(bytes.to_vec()),
    }
}

/// A column of some rows as one array.
fn array(kind: Kind, at: usize, rows: &[Row]) -> Parameter {
    fn all<T>(at: usize, rows: &[Row], of: impl Fn(&Value) -> Option<T>) -> Vec<Option<T>> {
        rows.iter().map(|row| row.get(at).and_then(&of)).collect()
    }
    match kind {
        Kind::Integer => Box::new(all(at, rows, |value| match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        })),
        Kind::Boolean => Box::new(all(at, rows, |value| match value {
            Value::Boolean(yes) => Some(*yes),
            _ => None,
        })),
        Kind::Time => Box::new(all(at, rows, |value| match value {
            Value::Time(micros) => Some(Time(*micros)),
            _ => None,
        })),
        Kind::Text | Kind::Json => Box::new(all(at, rows, |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })),
        Kind::Bytes => Box::new(all(at, rows, |value| match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        })),
    }
}

fn array_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint[]",
        Kind::Boolean => "boolean[]",
        Kind::Time => "timestamptz[]",
        Kind::Text | Kind::Json => "text[]",
        Kind::Bytes => "bytea[]",
    }
}

fn value(column: &Column, row: &tokio_postgres::Row, at: usize) -> Answer<Value> {
    let value = match column.kind {
        Kind::Integer => row.try_get::<_, Option<i64>>(at)?.map(Value::Integer),
        Kind::Boolean => row.try_get::<_, Option<bool>>(at)?.map(Value::Boolean),
        Kind::Time => row
            .try_get::<_, Option<Time>>(at)?
            .map(|Time(micros)| Value::Time(micros)),
        Kind::Text | Kind::Json => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
        Kind::Bytes => row
            .try_get::<_, Option<Vec<u8>>>(at)?
            .map(|bytes| Value::Bytes(Bytes::from(bytes))),
    };
    Ok(value.unwrap_or(Value::Null))
}

fn values(columns: &[Column], row: &tokio_postgres::Row) -> Answer<Row> {
    columns
        .iter()
        .enumerate()
        .map(|(at, column)| value(column, row, at))
        .collect()
}

/// Rows behind a key, in order, until they take [`MOST_BYTES`]: the server counts, so that what is
/// too much is not even sent. How long a value is it knows without unpacking it.
fn select(table: &Table, after: bool, limit: u32) -> String {
    let read = |column: &Column| match column.kind {
        Kind::Json => format!("{0}::text AS {0}", column.name),
        _ => column.name.to_owned(),
    };
    let size = |column: &Column| match column.kind {
        Kind::Text | Kind::Bytes => Some(format!("COALESCE(octet_length({}), 0)", column.name)),
        Kind::Json => Some(format!("COALESCE(octet_length({}::text), 0)", column.name)),
        _ => None,
    };
    let key = names(table.key_columns()).join(", ");
    let behind = if after {
        let marks: Vec<_> = (1..=table.key).map(|number| format!("${number}")).collect();
        format!("WHERE ({key}) > ({})", marks.join(", "))
    } else {
        String::new()
    };
    let sizes: Vec<_> = table.columns.iter().filter_map(size).collect();
    let sizes = if sizes.is_empty() {
        "0".to_owned()
    } else {
        sizes.join(" + ")
    };
    format!(
        "SELECT {columns} FROM (
            SELECT *, SUM(bytes_of_row) OVER (
                ORDER BY {key} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS bytes_before
            FROM (
                SELECT {read}, ({sizes})::bigint AS bytes_of_row FROM {table}
                {behind} ORDER BY {key} LIMIT {limit}
            ) counted
         ) summed
         WHERE bytes_before IS NULL OR bytes_before < {MOST_BYTES} ORDER BY {key}",
        columns = names(table.columns).join(", "),
        read = table
            .columns
            .iter()
            .map(read)
            .collect::<Vec<_>>()
            .join(", "),
        table = table.name,
    )
}

fn insert(table: &Table) -> String {
    let names = names(table.columns);
    let arrays: Vec<_> = table
        .columns
        .iter()
        .zip(1..)
        .map(|(column, number)| format!("${number}::{}", array_type(column.kind)))
        .collect();
    let selected: Vec<_> = table
        .columns
        .iter()
        .map(|column| match column.kind {
            Kind::Json => format!("it.{}::json", column.name),
            _ => format!("it.{}", column.name),
        })
        .collect();
    // What a store makes by itself when it is new is written over.
    let over = match table.name {
        "settings" | "vault_keys" => format!(
            "ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}",
            key = names[0],
            value = names[1],
        ),
        _ => String::new(),
    };
    format!(
        "INSERT INTO {name} ({columns}) SELECT {selected} FROM unnest({arrays}) AS it ({columns}) \
         {over}",
        name = table.name,
        columns = names.join(", "),
        selected = selected.join(", "),
        arrays = arrays.join(", "),
    )
}

async fn write(tx: &Tx<'_>, table: &'static Table, rows: &[Row]) -> Answer<()> {
    let arrays: Vec<Parameter> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| array(column.kind, at, rows))
        .collect();
    tx.execute(&insert(table), &borrowed(&arrays)).await?;
    Ok(())
}

async fn clear(tx: &Tx<'_>) -> Answer<()> {
    let mut names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    names.extend(["blobs", "blob_pieces", "blob_uploads"]);
    tx.client()
        .batch_execute(&format!("TRUNCATE {}", names.join(", ")))
        .await?;
    Ok(())
}

async fn adopt(tx: &Tx<'_>, identity: &Identity) -> Answer<()> {
    tx.execute(ADOPT, &[&identity.id, &identity.forgotten])
        .await?;
    tx.execute(ADOPT_POSITION, &[&identity.last_position])
        .await?;
    for (table, column) in COUNTING {
        let count_on = format!(
            "SELECT setval(pg_get_serial_sequence('postroom_data.{table}', '{column}'),
                COALESCE(MAX({column}), 1), MAX({column}) IS NOT NULL) FROM {table}"
        );
        tx.row(&count_on, &[]).await?;
    }
    Ok(())
}

#[async_trait]
impl Tables for PostgresStore {
    async fn read_rows(
        &self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: u32,
    ) -> Result<Vec<Row>> {
        self.server()
            .read("reading rows", move |session| {
                async move {
                    let key: Vec<_> = after.unwrap_or_default().iter().map(parameter).collect();
                    session
                        .rows(&select(table, after.is_some(), limit), &borrowed(&key))
                        .await?
                        .iter()
                        .map(|row| values(table.columns, row))
                        .collect()
                }
                .boxed()
            })
            .await
    }

    async fn last_key(&self, table: &'static Table) -> Result<Option<Vec<Value>>> {
        self.server()
            .read("reading the last row", move |session| {
                async move {
                    let key = names(table.key_columns());
                    let last = format!(
                        "SELECT {} FROM {} ORDER BY {} DESC LIMIT 1",
                        key.join(", "),
                        table.name,
                        key.join(" DESC, "),
                    );
                    let row = session.row_opt(&last, &[]).await?;
                    row.map(|row| values(table.key_columns(), &row)).transpose()
                }
                .boxed()
            })
            .await
    }

    async fn count_rows(&self, table: &'static Table) -> Result<u64> {
        self.server()
            .read("counting rows", move |session| {
                async move {
                    let all = format!("SELECT COUNT(*) FROM {}", table.name);
                    Ok(count(session.row(&all, &[]).await?.try_get(0)?))
                }
                .boxed()
            })
            .await
    }

    async fn write_rows(&self, table: &'static Table, rows: Vec<Row>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = &rows;
        self.server()
            .write("writing rows", move |tx| write(tx, table, rows).boxed())
            .await
    }

    async fn clear_tables(&self) -> Result<()> {
        self.server()
            .write("removing all rows", |tx| clear(tx).boxed())
            .await?;
        // Files that nothing names.
        self.collect_blobs(Timestamp::MAX).await?;
        Ok(())
    }

    async fn identity(&self) -> Result<Identity> {
        let found = self
            .server()
            .read("reading who the store is", |session| {
                async move {
                    let row = session.row(IDENTITY, &[]).await?;
                    Ok(Some(Identity {
                        id: row.try_get(0)?,
                        forgotten: row.try_get(1)?,
                        last_position: row.try_get(2)?,
                    }))
                }
                .boxed()
            })
            .await?;
        found.ok_or(crate::StoreError::Closed)
    }

    async fn adopt_identity(&self, identity: &Identity) -> Result<()> {
        if let Some(files) = &self.0.files {
            short(|| files.own(&identity.id))?;
        }
        self.server()
            .write("writing who the store is", move |tx| {
                adopt(tx, identity).boxed()
            })
            .await
    }

    async fn find_faults(&self) -> Result<Vec<String>> {
        let last = self.identity().await?.last_position;
        self.server()
            .read("looking for faults", move |session| {
                async move {
                    let mut found = Vec::new();
                    for query in faults::QUERIES {
                        for row in session.rows(query, &[]).await? {
                            found.push(row.try_get(0)?);
                        }
                    }
                    let highest: Option<i64> = session.row(HIGHEST, &[]).await?.try_get(0)?;
                    if highest.is_some_and(|highest| highest > last) {
                        found.push(faults::beyond(last));
                    }
                    Ok(found)
                }
                .boxed()
            })
            .await
    }
}
