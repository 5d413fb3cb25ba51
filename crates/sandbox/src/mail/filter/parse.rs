//! From words to an expression.

use super::tokens::{Token, tokens};
use super::{Comparison, Expression, Function, Literal};
use crate::mail::stamp;

const DEEPEST: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    Time,
}

/// Properties by lower-case path.
const PROPERTIES: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("subject", Kind::Text),
    ("bodypreview", Kind::Text),
    ("body/content", Kind::Text),
    ("body/contenttype", Kind::Text),
    ("importance", Kind::Text),
    ("inferenceclassification", Kind::Text),
    ("isread", Kind::Boolean),
    ("isdraft", Kind::Boolean),
    ("hasattachments", Kind::Boolean),
    ("isreadreceiptrequested", Kind::Boolean),
    ("isdeliveryreceiptrequested", Kind::Boolean),
    ("receiveddatetime", Kind::Time),
    ("sentdatetime", Kind::Time),
    ("createddatetime", Kind::Time),
    ("lastmodifieddatetime", Kind::Time),
    ("from/emailaddress/address", Kind::Text),
    ("from/emailaddress/name", Kind::Text),
    ("sender/emailaddress/address", Kind::Text),
    ("sender/emailaddress/name", Kind::Text),
    ("conversationid", Kind::Text),
    ("internetmessageid", Kind::Text),
    ("parentfolderid", Kind::Text),
    ("flag/flagstatus", Kind::Text),
    ("changekey", Kind::Text),
];

const COLLECTIONS: &[(&str, &[&str])] = &[
    (
        "torecipients",
        &["emailaddress/address", "emailaddress/name"],
    ),
    (
        "ccrecipients",
        &["emailaddress/address", "emailaddress/name"],
    ),
    (
        "bccrecipients",
        &["emailaddress/address", "emailaddress/name"],
    ),
    ("replyto", &["emailaddress/address", "emailaddress/name"]),
    ("categories", &[""]),
    ("singlevalueextendedproperties", &["id", "value"]),
];

/// Whether messages can be ordered by a property.
pub(super) fn is_sortable(name: &str) -> bool {
    PROPERTIES
        .iter()
        .any(|(known, _)| *known == name && !known.starts_with("body") && *known != "id")
}

/// Reads a filter: the expression and the properties in the order in which they occur.
pub(super) fn parse(text: &str) -> Result<(Expression, Vec<String>), String> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
        variable: None,
        properties: Vec::new(),
    };
    let root = parser.or()?;
    if parser.at < tokens.len() {
        return Err(format!("syntax error at word {}", parser.at + 1));
    }
    Ok((root, parser.properties))
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// Inside `any`: the variable, lower case, and what its elements have.
    variable: Option<(String, &'static [&'static str])>,
    properties: Vec<String>,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the expression is nested too deeply".to_owned());
        }
        let mut left = self.and()?;
        let mut count = 0;
        while self.word_is("or") {
            self.at += 1;
            count += 1;
            self.bound(count)?;
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.unary()?;
        let mut count = 0;
        while self.word_is("and") {
            self.at += 1;
            count += 1;
            self.bound(count)?;
            left = Expression::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn bound(&self, count: usize) -> Result<(), String> {
        if count > 200 {
            return Err("the expression has too many parts".to_owned());
        }
        Ok(())
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.word_is("not") {
            self.at += 1;
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("the expression is nested too deeply".to_owned());
            }
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        match self.next()? {
            Token::Word(word) => {
                let lower = word.to_ascii_lowercase();
                if self.peek() == Some(&Token::Open) {
                    return self.call(&lower);
                }
                if let Some(literal) = constant(&lower) {
                    return self.turned(literal);
                }
                let (path, kind) = self.property(&word)?;
                let Some(comparison) = self.operator() else {
                    if self.word_is("in") {
                        self.at += 1;
                        return self.membership(path, kind);
                    }
                    if kind == Kind::Boolean {
                        return Ok(Expression::Is(path));
                    }
                    return Err(format!("an operator is expected after '{word}'"));
                };
                let literal = self.literal(kind)?;
                Ok(Expression::Compare(path, comparison, literal))
            }
            Token::Text(text) => self.turned(Literal::Text(text)),
            Token::Number(text) => {
                let literal = number(&text)?;
                self.turned(literal)
            }
            _ => Err(format!("syntax error at word {}", self.at)),
        }
    }

    /// A value first: `true eq isRead`.
    fn turned(&mut self, literal: Literal) -> Result<Expression, String> {
        let comparison = self.operator().ok_or("an operator is expected")?;
        let Token::Word(word) = self.next()? else {
            return Err("a property is expected".to_owned());
        };
        let (path, kind) = self.property(&word)?;
        check(kind, &literal)?;
        let comparison = match comparison {
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            same => same,
        };
        Ok(Expression::Compare(path, comparison, literal))
    }

    fn membership(&mut self, path: String, kind: Kind) -> Result<Expression, String> {
        self.expect(&Token::Open)?;
        let mut all: Option<Expression> = None;
        let mut count = 0;
        loop {
            count += 1;
            self.bound(count)?;
            let literal = self.literal(kind)?;
            let one = Expression::Compare(path.clone(), Comparison::Equal, literal);
            all = Some(match all {
                Some(before) => Expression::Or(Box::new(before), Box::new(one)),
                None => one,
            });
            match self.next()? {
                Token::Comma => {}
                Token::Close => break,
                _ => return Err("a comma or ) is expected".to_owned()),
            }
        }
        all.ok_or_else(|| "a list is expected".to_owned())
    }

    fn call(&mut self, name: &str) -> Result<Expression, String> {
        self.expect(&Token::Open)?;
        if let Some(collection) = name.strip_suffix("/any") {
            return self.any(collection);
        }
        let function = match name {
            "startswith" => Function::StartsWith,
            "endswith" => Function::EndsWith,
            "contains" => Function::Contains,
            _ => return Err(format!("an unknown function with name '{name}' was found")),
        };
        let Token::Word(word) = self.next()? else {
            return Err(format!("{name} needs a property"));
        };
        let (path, kind) = self.property(&word)?;
        if kind != Kind::Text {
            return Err(format!("{name} needs a text property"));
        }
        self.expect(&Token::Comma)?;
        let Token::Text(text) = self.next()? else {
            return Err(format!("{name} needs a text"));
        };
        self.expect(&Token::Close)?;
        let call = Expression::Call(function, path, text);
        // contains(…) eq true
        if let Some(comparison) = self.operator() {
            let Literal::Boolean(value) = self.literal(Kind::Boolean)? else {
                return Err("true or false is expected".to_owned());
            };
            return match (comparison, value) {
                (Comparison::Equal, true) | (Comparison::NotEqual, false) => Ok(call),
                (Comparison::Equal, false) | (Comparison::NotEqual, true) => {
                    Ok(Expression::Not(Box::new(call)))
                }
                _ => Err("a yes or no cannot be greater or less".to_owned()),
            };
        }
        Ok(call)
    }

    fn any(&mut self, collection: &str) -> Result<Expression, String> {
        if self.variable.is_some() {
            return Err("any cannot be nested".to_owned());
        }
        let (name, parts) = COLLECTIONS
            .iter()
            .find(|(known, _)| *known == collection)
            .ok_or_else(|| format!("'{collection}' is not a collection"))?;
        self.properties.push((*name).to_owned());
        if self.peek() == Some(&Token::Close) {
            self.at += 1;
            return Ok(Expression::Any((*name).to_owned(), None));
        }
        let Token::Word(variable) = self.next()? else {
            return Err("any needs a variable".to_owned());
        };
        self.expect(&Token::Colon)?;
        self.variable = Some((variable.to_ascii_lowercase(), parts));
        let inner = self.or()?;
        self.variable = None;
        self.expect(&Token::Close)?;
        Ok(Expression::Any((*name).to_owned(), Some(Box::new(inner))))
    }

    fn property(&mut self, word: &str) -> Result<(String, Kind), String> {
        let lower = word.to_ascii_lowercase();
        if let Some((variable, parts)) = &self.variable {
            let rest = match lower.strip_prefix(variable.as_str()) {
                Some("") => "",
                Some(rest) => rest.strip_prefix('/').unwrap_or("?"),
                None => return Err(format!("'{word}' does not begin with the variable")),
            };
            if parts.contains(&rest) {
                return Ok((rest.to_owned(), Kind::Text));
            }
            return Err(format!("could not find a property named '{word}'"));
        }
        let (path, kind) = PROPERTIES
            .iter()
            .find(|(known, _)| *known == lower)
            .ok_or_else(|| {
                format!(
                    "could not find a property named '{word}' on type 'Microsoft.OutlookServices.Message'"
                )
            })?;
        if !self.properties.iter().any(|known| known == path) {
            self.properties.push((*path).to_owned());
        }
        Ok(((*path).to_owned(), *kind))
    }

    fn operator(&mut self) -> Option<Comparison> {
        let Some(Token::Word(word)) = self.peek() else {
            return None;
        };
        let comparison = match word.to_ascii_lowercase().as_str() {
            "eq" => Comparison::Equal,
            "ne" => Comparison::NotEqual,
            "gt" => Comparison::Greater,
            "ge" => Comparison::GreaterOrEqual,
            "lt" => Comparison::Less,
            "le" => Comparison::LessOrEqual,
            _ => return None,
        };
        self.at += 1;
        Some(comparison)
    }

    fn literal(&mut self, kind: Kind) -> Result<Literal, String> {
        let literal = match self.next()? {
            Token::Text(text) => Literal::Text(text),
            Token::Number(text) => number(&text)?,
            Token::Word(word) => constant(&word.to_ascii_lowercase())
                .ok_or_else(|| format!("a value is expected, not '{word}'"))?,
            _ => return Err("a value is expected".to_owned()),
        };
        check(kind, &literal)?;
        Ok(literal)
    }

    fn word_is(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(name))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self
            .tokens
            .get(self.at)
            .cloned()
            .ok_or("the expression ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        if self.peek() == Some(token) {
            self.at += 1;
            return Ok(());
        }
        Err(format!("syntax error at word {}", self.at + 1))
    }
}

fn constant(lower: &str) -> Option<Literal> {
    match lower {
        "true" => Some(Literal::Boolean(true)),
        "false" => Some(Literal::Boolean(false)),
        "null" => Some(Literal::Null),
        _ => None,
    }
}

fn number(text: &str) -> Result<Literal, String> {
    if let Ok(number) = text.parse::<f64>() {
        return Ok(Literal::Number(number));
    }
    stamp::parse(text)
        .map(Literal::Time)
        .ok_or_else(|| format!("'{text}' is neither a number nor a time"))
}

fn check(kind: Kind, literal: &Literal) -> Result<(), String> {
    let fits = matches!(
        (kind, literal),
        (_, Literal::Null)
            | (Kind::Text, Literal::Text(_))
            | (Kind::Boolean, Literal::Boolean(_))
            | (Kind::Time, Literal::Time(_))
    );
    if fits {
        return Ok(());
    }
    Err("a binary operator with incompatible types was detected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_clients_write() {
        for filter in [
            "isRead eq false",
            "receivedDateTime ge 2024-01-01T00:00:00Z and receivedDateTime lt 2024-02-01",
            "from/emailAddress/address eq 'o''neil@contoso.com' or not (importance eq 'high')",
            "contains(subject,'a') and startswith(subject, 'b') eq true",
            "singleValueExtendedProperties/Any(ep: ep/id eq 'String {x} Name y' and ep/value eq 'z')",
            "categories/any(c:c eq 'Blue')",
            "toRecipients/any(r: endswith(r/emailAddress/address,'@x.y'))",
            "not isRead",
        ] {
            assert!(parse(filter).is_ok(), "{filter}: {:?}", parse(filter));
        }
        for filter in [
            "",
            "isRead",
            "isRead eq 'x'",
            "nothing eq 1",
            "subject eq 'open",
            "(isRead eq true",
            "receivedDateTime ge '2024-01-01'",
            "categories eq 'x'",
        ] {
            let refused = parse(filter).is_err();
            assert_eq!(refused, filter != "isRead", "{filter}");
        }
        assert!(parse(&"(".repeat(5000)).is_err());
        assert!(parse(&"not ".repeat(2000)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,120}") {
            let _ = parse(&text);
        }

        #[test]
        fn never_panics_near_the_grammar(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("isRead"), Just("eq"), Just("and"), Just("not"), Just("("), Just(")"),
                    Just("'x'"), Just("any"), Just("categories/any("), Just("c:"), Just("c"),
                    Just("2024-01-01"), Just(","), Just("in"), Just("contains("), Just("or"),
                ],
                0..40,
            )
        ) {
            let _ = parse(&words.join(" "));
        }
    }
}
