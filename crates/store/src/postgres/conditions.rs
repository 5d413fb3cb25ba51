//! SQL that grows by conditions.

use postgres_types::ToSql;
use std::fmt::Write as _;

/// A value of a condition.
type Value = Box<dyn ToSql + Sync + Send>;

/// SQL that grows by conditions. What is not asked for is left out: a condition that holds for
/// nothing given costs the plan that is made for it.
#[derive(Default)]
pub(super) struct Conditions {
    /// The conditions up to now, each with AND before it.
    pub(super) sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a value and gives the name that it has in SQL, with its type.
    pub(super) fn value(
        &mut self,
        value: impl ToSql + Sync + Send + 'static,
        kind: &str,
    ) -> String {
        self.values.push(Box::new(value));
        format!("${}::{kind}", self.values.len())
    }

    /// Adds a condition.
    pub(super) fn add(&mut self, condition: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = write!(self.sql, " AND {condition}");
    }

    /// A column has this value.
    pub(super) fn equals(
        &mut self,
        column: &str,
        value: impl ToSql + Sync + Send + 'static,
        kind: &str,
    ) {
        let value = self.value(value, kind);
        self.add(format_args!("{column} = {value}"));
    }

    /// The values, in the order of their names.
    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }
}
