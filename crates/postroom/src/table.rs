//! Lists: a table on a terminal, tab-separated lines without a heading elsewhere.

use crate::output;
use comfy_table::{ContentArrangement, presets};
use serde_json::Value;
use std::io;

/// Rows under headings.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new<const N: usize>(headings: [&'static str; N]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; what is in it comes from outside and is made harmless.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.iter().map(|cell| output::tame(cell)).collect());
    }

    /// Prints it as a result.
    pub(crate) fn print(&self) -> io::Result<()> {
        if output::is_terminal() {
            if self.rows.is_empty() {
                output::say("(none)");
                return Ok(());
            }
            return output::line(self.drawn());
        }
        for row in &self.rows {
            output::line(row.join("\t"))?;
        }
        Ok(())
    }

    /// Shows it on standard error.
    pub(crate) fn say(&self) {
        output::say(self.drawn());
    }

    fn drawn(&self) -> String {
        // An id is there to be copied: where there is one, the terminal breaks long lines, not we.
        let arrangement = if self.headings.first() == Some(&"ID") {
            ContentArrangement::Disabled
        } else {
            ContentArrangement::Dynamic
        };
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(arrangement)
            .set_header(&self.headings);
        for row in &self.rows {
            table.add_row(row);
        }
        table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A field as a cell: text as it is, numbers and truth values in words, nothing for null.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// The first of a list of fields that has something in it.
pub(crate) fn first_of(value: &Value, fields: &[&str]) -> String {
    fields
        .iter()
        .map(|field| cell(&value[*field]))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Prints one thing: its fields by name on a line each.
pub(crate) fn print_fields(value: &Value) -> io::Result<()> {
    let Some(fields) = value.as_object() else {
        return output::json(value);
    };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in fields {
        if value.is_null() {
            continue;
        }
        let text = output::tame(&cell(value));
        if output::is_terminal() {
            output::line(format_args!("{name:width$}  {text}"))?;
        } else {
            output::line(format_args!("{name}\t{text}"))?;
        }
    }
    Ok(())
}
