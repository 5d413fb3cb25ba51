//! Rows as they lie, table by table: how a store is copied into one of another kind and compared
//! with it. Everybody else uses the other parts of the contract.
//!
//! Both kinds of store keep the same tables with the same columns. What one of them keeps besides
//! (hashes for its indexes, say) it makes by itself when rows are written.

use super::Result;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// A time, to the microsecond.
    Time,
    /// Text.
    Text,
    /// JSON, kept letter by letter.
    Json,
    /// Bytes: ciphertexts and hashes.
    Bytes,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns. The first `key` of them are its key, by which rows are in order.
    pub columns: &'static [Column],
    /// How many columns make the key.
    pub key: usize,
}

impl Table {
    /// The columns of the key.
    pub fn key_columns(&self) -> &'static [Column] {
        &self.columns[..self.key.min(self.columns.len())]
    }

    /// A row's key.
    pub fn key_of<'r>(&self, row: &'r [Value]) -> &'r [Value] {
        &row[..self.key.min(row.len())]
    }
}

/// A value of a column.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// None.
    Null,
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// Text or JSON.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
}

/// What kind of value it is, and how long: never the value, which may be somebody's mail.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Integer(_) => f.write_str("integer"),
            Self::Boolean(_) => f.write_str("boolean"),
            Self::Time(_) => f.write_str("time"),
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl Value {
    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 8,
        }
    }
}

/// A row, its values in the order of the table's columns.
pub type Row = Vec<Value>;

/// What ties cursors and positions of the change feed to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The store's own id, part of every cursor of its change feed.
    pub id: String,
    /// The highest position of a change that is forgotten.
    pub forgotten: i64,
    /// The highest position that was ever given to a change.
    pub last_position: i64,
}

/// Rows as they lie.
#[async_trait]
pub trait Tables {
    /// Rows behind a key (`None`: from the first one), in the order of their keys, at most `limit`,
    /// and fewer when they are long; none at the end.
    async fn read_rows(
        &self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: u32,
    ) -> Result<Vec<Row>>;
    /// The highest key of a table.
    async fn last_key(&self, table: &'static Table) -> Result<Option<Vec<Value>>>;
    /// How many rows a table has.
    async fn count_rows(&self, table: &'static Table) -> Result<u64>;
    /// Adds rows, all or none. Their keys must be new.
    async fn write_rows(&self, table: &'static Table, rows: Vec<Row>) -> Result<()>;
    /// Removes every row of every table of [`crate::transfer::TABLES`], contents included.
    async fn clear_tables(&self) -> Result<()>;

    /// Who the store is.
    async fn identity(&self) -> Result<Identity>;
    /// Makes the store somebody else, and lets what counts by itself go on behind what was written.
    /// It must be opened anew after that.
    async fn adopt_identity(&self, identity: &Identity) -> Result<()>;

    /// What does not fit together, in words: references to nothing, counts that are wrong, contents
    /// that are missing. Looks at rows only; contents are looked at by reading them.
    async fn find_faults(&self) -> Result<Vec<String>>;
}
