//! `$filter` on messages: the OData expressions that Outlook understands.

mod evaluate;
mod parse;
mod tokens;

use super::select::bad_query;
use crate::call::GraphError;

pub(crate) use evaluate::{Candidate, sort_value};

/// A value written in a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    /// `'text'`, with quotes inside doubled.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A time in seconds.
    Time(i64),
    /// A number.
    Number(f64),
    /// `null`.
    Null,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// A function of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// `startswith`
    StartsWith,
    /// `endswith`
    EndsWith,
    /// `contains`
    Contains,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// Both.
    And(Box<Expression>, Box<Expression>),
    /// Either.
    Or(Box<Expression>, Box<Expression>),
    /// Not.
    Not(Box<Expression>),
    /// A property compared with a value.
    Compare(String, Comparison, Literal),
    /// A function of a property.
    Call(Function, String, String),
    /// A yes-or-no property alone.
    Is(String),
    /// `collection/any(x: …)`; paths inside begin with the variable's place, written as `$it`.
    Any(String, Option<Box<Expression>>),
}

/// A filter that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    root: Expression,
    properties: Vec<String>,
}

impl Filter {
    /// Reads a filter.
    pub(crate) fn parse(text: &str) -> Result<Self, GraphError> {
        parse::parse(text)
            .map(|(root, properties)| Self { root, properties })
            .map_err(|reason| bad_query(format!("Invalid filter clause: {reason}")))
    }

    /// Whether a message passes.
    pub(crate) fn passes(&self, candidate: &Candidate<'_>) -> bool {
        evaluate::passes(&self.root, candidate)
    }

    /// Whether the text of messages is looked at.
    pub(crate) fn needs_body(&self) -> bool {
        self.properties.iter().any(|name| name.starts_with("body"))
    }

    /// `receivedDateTime ge|gt` and nothing else: what a delta query may filter by. Source:
    /// Microsoft's page "Get incremental changes to messages in a folder".
    pub(crate) fn received_from(&self) -> Option<i64> {
        match &self.root {
            Expression::Compare(property, Comparison::GreaterOrEqual, Literal::Time(time))
                if property == "receiveddatetime" =>
            {
                Some(*time)
            }
            Expression::Compare(property, Comparison::Greater, Literal::Time(time))
                if property == "receiveddatetime" =>
            {
                Some(*time + 1)
            }
            _ => None,
        }
    }

    /// The rule of Outlook: properties of `$orderby` must be in `$filter` too, first and in the
    /// same order. Source: Microsoft's page "List messages".
    pub(crate) fn allows_order(&self, order: &[(String, bool)]) -> bool {
        order
            .iter()
            .enumerate()
            .all(|(place, (name, _))| self.properties.get(place) == Some(name))
    }
}

/// Reads `$orderby`: lower-case properties, and whether each falls.
pub(crate) fn parse_order(text: &str) -> Result<Vec<(String, bool)>, GraphError> {
    let mut order = Vec::new();
    for part in text.split(',') {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or_default().to_ascii_lowercase();
        let falls = match words.next().map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => {
                return Err(bad_query(format!("Syntax error at '{other}' in $orderby.")));
            }
        };
        if words.next().is_some() || !parse::is_sortable(&name) {
            return Err(bad_query(format!("Cannot order by '{}'.", part.trim())));
        }
        order.push((name, falls));
    }
    Ok(order)
}
