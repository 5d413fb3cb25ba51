//! `$filter` and `$search` of directory objects ("Advanced query capabilities on Microsoft Entra
//! ID objects", "Use the $filter query parameter").

use serde_json::Value;

use super::query::Entity;
use crate::call::GraphError;

/// A comparison's operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A parsed condition.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(&'static str, CompareWith),
    StartsWith(&'static str, String),
    EndsWith(&'static str, String),
    In(&'static str, Vec<Value>),
    /// `property/any(v:v eq 'x')` and the like.
    Any(&'static str, Box<AnyOf>),
}

/// The right side of a comparison.
#[derive(Clone, Debug)]
pub(super) struct CompareWith(Operator, Value);

/// What one member of a collection has to be.
#[derive(Clone, Debug)]
pub(super) enum AnyOf {
    Compare(CompareWith),
    StartsWith(String),
    EndsWith(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn invalid(message: impl AsRef<str>) -> GraphError {
    GraphError::new(
        400,
        "BadRequest",
        format!("Invalid filter clause: {}", message.as_ref()),
    )
}

fn tokens(source: &str) -> Result<Vec<Token>, GraphError> {
    let mut found = Vec::new();
    let mut rest = source.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' => {}
            '(' => found.push(Token::Open),
            ')' => found.push(Token::Close),
            ',' => found.push(Token::Comma),
            ':' => found.push(Token::Colon),
            '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some('\'') if rest.peek() == Some(&'\'') => {
                            rest.next();
                            text.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => text.push(other),
                        None => {
                            return Err(invalid(format!(
                                "There is an unterminated string literal at position {} in '{source}'.",
                                source.chars().count()
                            )));
                        }
                    }
                }
                found.push(Token::Text(text));
            }
            first => {
                let mut word = String::from(first);
                while let Some(&next) = rest.peek() {
                    // A timestamp's colons belong to it.
                    let in_time = next == ':' && word.starts_with(|c: char| c.is_ascii_digit());
                    if matches!(next, ' ' | '(' | ')' | ',' | '\'') || next == ':' && !in_time {
                        break;
                    }
                    word.push(next);
                    rest.next();
                }
                found.push(Token::Word(word));
            }
        }
    }
    Ok(found)
}

struct Parser<E> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    entity: std::marker::PhantomData<E>,
}

impl<E: Entity> Parser<E> {
    fn word_is(&mut self, wanted: &str) -> bool {
        let fits = matches!(self.tokens.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if fits {
            self.tokens.next();
        }
        fits
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), GraphError> {
        match self.tokens.next() {
            Some(token) if token == *wanted => Ok(()),
            _ => Err(invalid("Syntax error.")),
        }
    }

    fn either(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.both()?;
        while self.word_is("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.single()?;
        while self.word_is("and") {
            left = Filter::And(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Filter, GraphError> {
        if self.word_is("not") {
            return Ok(Filter::Not(Box::new(self.single()?)));
        }
        match self.tokens.next() {
            Some(Token::Open) => {
                let inner = self.either()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) => self.condition(&word),
            _ => Err(invalid("Syntax error.")),
        }
    }

    fn condition(&mut self, word: &str) -> Result<Filter, GraphError> {
        let starts = word.eq_ignore_ascii_case("startswith");
        if starts || word.eq_ignore_ascii_case("endswith") {
            self.expect(&Token::Open)?;
            let Some(Token::Word(property)) = self.tokens.next() else {
                return Err(invalid("Syntax error."));
            };
            let property = E::known(&property).map_err(|error| invalid(error.message))?;
            self.expect(&Token::Comma)?;
            let text = self.text()?;
            self.expect(&Token::Close)?;
            return Ok(if starts {
                Filter::StartsWith(property, text)
            } else {
                Filter::EndsWith(property, text)
            });
        }
        if self.tokens.peek() == Some(&Token::Open) && !word.contains('/') {
            return Err(invalid(format!(
                "An unknown function with name '{word}' was found."
            )));
        }
        if let Some(property) = word.strip_suffix("/any") {
            let property = E::known(property).map_err(|error| invalid(error.message))?;
            return self.any(property);
        }
        let property = E::known(word).map_err(|error| invalid(error.message))?;
        if self.word_is("in") {
            self.expect(&Token::Open)?;
            let mut values = vec![self.literal()?];
            while self.tokens.peek() == Some(&Token::Comma) {
                self.tokens.next();
                values.push(self.literal()?);
            }
            self.expect(&Token::Close)?;
            return Ok(Filter::In(property, values));
        }
        Ok(Filter::Compare(property, self.compare_with()?))
    }

    fn any(&mut self, property: &'static str) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let Some(Token::Word(_variable)) = self.tokens.next() else {
            return Err(invalid("Syntax error."));
        };
        self.expect(&Token::Colon)?;
        let Some(Token::Word(word)) = self.tokens.next() else {
            return Err(invalid("Syntax error."));
        };
        let starts = word.eq_ignore_ascii_case("startswith");
        let inner = if starts || word.eq_ignore_ascii_case("endswith") {
            self.expect(&Token::Open)?;
            self.tokens.next();
            self.expect(&Token::Comma)?;
            let text = self.text()?;
            self.expect(&Token::Close)?;
            if starts {
                AnyOf::StartsWith(text)
            } else {
                AnyOf::EndsWith(text)
            }
        } else {
            AnyOf::Compare(self.compare_with()?)
        };
        self.expect(&Token::Close)?;
        Ok(Filter::Any(property, Box::new(inner)))
    }

    fn compare_with(&mut self) -> Result<CompareWith, GraphError> {
        let Some(Token::Word(word)) = self.tokens.next() else {
            return Err(invalid("Syntax error."));
        };
        let operator = match word.to_ascii_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return Err(invalid(format!("Syntax error at '{word}'."))),
        };
        Ok(CompareWith(operator, self.literal()?))
    }

    fn text(&mut self) -> Result<String, GraphError> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(text),
            _ => Err(invalid("Syntax error.")),
        }
    }

    fn literal(&mut self) -> Result<Value, GraphError> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(Value::from(text)),
            Some(Token::Word(word)) => Ok(match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                other if other.starts_with(|c: char| c.is_ascii_digit()) => Value::from(other),
                other => return E::known(other).and(Err(invalid("Syntax error."))),
            }),
            _ => Err(invalid("Syntax error.")),
        }
    }
}

impl CompareWith {
    fn holds(&self, left: &Value) -> bool {
        let Self(operator, right) = self;
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => {
                Some(left.to_lowercase().cmp(&right.to_lowercase()))
            }
            (left, right) if left == right => Some(std::cmp::Ordering::Equal),
            _ => None,
        };
        match operator {
            Operator::Eq => order.is_some_and(std::cmp::Ordering::is_eq),
            Operator::Ne => !order.is_some_and(std::cmp::Ordering::is_eq),
            Operator::Gt => order.is_some_and(std::cmp::Ordering::is_gt),
            Operator::Ge => order.is_some_and(std::cmp::Ordering::is_ge),
            Operator::Lt => order.is_some_and(std::cmp::Ordering::is_lt),
            Operator::Le => order.is_some_and(std::cmp::Ordering::is_le),
        }
    }
}

fn starts(value: &Value, start: &str) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.to_lowercase().starts_with(&start.to_lowercase()))
}

fn ends(value: &Value, end: &str) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.to_lowercase().ends_with(&end.to_lowercase()))
}

impl Filter {
    /// Reads a condition on the entity's properties.
    pub(super) fn parse<E: Entity>(source: &str) -> Result<Self, GraphError> {
        let mut parser = Parser::<E> {
            tokens: tokens(source)?.into_iter().peekable(),
            entity: std::marker::PhantomData,
        };
        let filter = parser.either()?;
        match parser.tokens.next() {
            None => Ok(filter),
            Some(_) => Err(invalid("Syntax error.")),
        }
    }

    /// The first operator that only advanced queries know.
    pub(super) fn advanced(&self) -> Option<&'static str> {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.advanced().or_else(|| right.advanced())
            }
            Self::Not(_) => Some("Not"),
            Self::EndsWith(..) => Some("endsWith"),
            Self::Compare(_, CompareWith(Operator::Ne, _)) => Some("NotEqualsMatch"),
            Self::Any(_, inner) => match inner.as_ref() {
                AnyOf::EndsWith(_) => Some("endsWith"),
                AnyOf::Compare(CompareWith(Operator::Ne, _)) => Some("NotEqualsMatch"),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether an entity is meant.
    pub(super) fn holds(&self, entity: &impl Entity) -> bool {
        match self {
            Self::And(left, right) => left.holds(entity) && right.holds(entity),
            Self::Or(left, right) => left.holds(entity) || right.holds(entity),
            Self::Not(inner) => !inner.holds(entity),
            Self::Compare(property, with) => with.holds(&entity.property(property)),
            Self::StartsWith(property, start) => starts(&entity.property(property), start),
            Self::EndsWith(property, end) => ends(&entity.property(property), end),
            Self::In(property, values) => {
                let value = entity.property(property);
                values
                    .iter()
                    .any(|wanted| CompareWith(Operator::Eq, wanted.clone()).holds(&value))
            }
            Self::Any(property, inner) => entity
                .property(property)
                .as_array()
                .is_some_and(|members| members.iter().any(|member| inner.holds(member))),
        }
    }
}

impl AnyOf {
    fn holds(&self, member: &Value) -> bool {
        match self {
            Self::Compare(with) => with.holds(member),
            Self::StartsWith(start) => starts(member, start),
            Self::EndsWith(end) => ends(member, end),
        }
    }
}

/// A parsed `$search`: clauses such as `"displayName:anna"`, the flag says "or" towards the one
/// before ("Use the $search query parameter", directory object collections).
#[derive(Debug)]
pub(super) struct Search(Vec<(bool, &'static str, String)>);

impl Search {
    pub(super) fn parse<E: Entity>(source: &str) -> Result<Self, GraphError> {
        let wrong = || {
            GraphError::new(
                400,
                "Request_BadRequest",
                "Invalid $search query: search clauses have to be in the form \"property:value\", in double quotes.",
            )
        };
        let mut clauses = Vec::new();
        let mut rest = source.trim();
        let mut or = false;
        loop {
            let inner = rest.strip_prefix('"').ok_or_else(wrong)?;
            let (clause, after) = inner.split_once('"').ok_or_else(wrong)?;
            let (property, value) = clause.split_once(':').ok_or_else(wrong)?;
            clauses.push((or, E::known(property)?, value.to_lowercase()));
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(Self(clauses));
            }
            if let Some(after) = rest.strip_prefix("OR ") {
                or = true;
                rest = after.trim_start();
            } else {
                or = false;
                rest = rest.strip_prefix("AND ").ok_or_else(wrong)?.trim_start();
            }
        }
    }

    pub(super) fn holds(&self, entity: &impl Entity) -> bool {
        self.0.iter().fold(true, |before, (or, property, value)| {
            let text = entity.property(property);
            let found = text.as_str().is_some_and(|text| {
                let text = text.to_lowercase();
                text.starts_with(value)
                    || matches!(*property, "displayName" | "description")
                        && text
                            .split(|c: char| !c.is_alphanumeric())
                            .any(|word| word.starts_with(value))
            });
            if *or {
                before || found
            } else {
                before && found
            }
        })
    }
}
