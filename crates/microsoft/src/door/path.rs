//! Paths below Graph's version, encoded as they are built.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{self, Write};

/// What a path segment keeps as it is: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a query keeps as it is besides: characters of OData expressions that RFC 3986, section
/// 3.4, allows there and that mean nothing to form decoding.
const QUERY: &AsciiSet = &SEGMENT
    .remove(b'$')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b'\'')
    .remove(b':')
    .remove(b'/')
    .remove(b'@');

/// A path below `/v1.0`, with its query, percent-encoded.
///
/// ```
/// use postroom_microsoft::GraphPath;
/// let path = GraphPath::user("ann@contoso.example").lit("messages").id("AAk=").query("$select", "id,subject");
/// assert_eq!(path.as_str(), "/users/ann%40contoso.example/messages/AAk%3D?$select=id,subject");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GraphPath {
    text: String,
    has_query: bool,
}

impl GraphPath {
    /// `/{literal}`, for instance `/users`.
    pub fn new(literal: &'static str) -> Self {
        Self::default().lit(literal)
    }

    /// A path and query that are encoded already, as a caller of `/graph/` sent them, below the
    /// version: `/users/…?$select=id`. The door refuses it if it has segments that lead upwards.
    pub fn encoded(path_and_query: impl Into<String>) -> Self {
        let mut text = path_and_query.into();
        if !text.starts_with('/') {
            text.insert(0, '/');
        }
        let has_query = text.contains('?');
        Self { text, has_query }
    }

    /// `/users/{id or sign-in name}`. A name that begins with `$` needs the form `/users('$…')`
    /// (Graph, *Known issues*).
    pub fn user(id: &str) -> Self {
        if id.starts_with('$') {
            let quoted = id.replace('\'', "''");
            let mut path = Self::default();
            let _ = write!(
                path.text,
                "/users('{}')",
                utf8_percent_encode(&quoted, SEGMENT)
            );
            path
        } else {
            Self::new("users").id(id)
        }
    }

    /// `/{literal}({key}='{value}')`: one by another key than its id, as in
    /// `/applications(appId='…')`.
    pub fn by_key(literal: &'static str, key: &'static str, value: &str) -> Self {
        let quoted = value.replace('\'', "''");
        let mut path = Self::new(literal);
        let _ = write!(
            path.text,
            "({key}='{}')",
            utf8_percent_encode(&quoted, SEGMENT)
        );
        path
    }

    /// Appends a segment that is part of the API's own words (`messages`, `$value`).
    #[must_use]
    pub fn lit(mut self, literal: &'static str) -> Self {
        self.text.push('/');
        self.text.push_str(literal);
        self
    }

    /// Appends a segment from data, percent-encoded.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        let _ = write!(self.text, "/{}", utf8_percent_encode(id, SEGMENT));
        self
    }

    /// Appends a query option, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        let _ = write!(
            self.text,
            "{}={}",
            utf8_percent_encode(name, QUERY),
            utf8_percent_encode(value, QUERY)
        );
        self
    }

    /// Appends a query option where there is a value.
    #[must_use]
    pub fn query_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// The text, beginning with `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for GraphPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text as an OData string literal: in single quotes, those within doubled (Graph, *Use query
/// parameters*).
pub(crate) fn odata_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_leave_its_segment() {
        let path = GraphPath::user("../../me?x=1#").lit("messages");
        assert_eq!(path.as_str(), "/users/..%2F..%2Fme%3Fx%3D1%23/messages");
    }

    #[test]
    fn a_name_with_a_dollar_is_quoted() {
        assert_eq!(
            GraphPath::user("$o'x@y").as_str(),
            "/users('%24o%27%27x%40y')"
        );
    }

    #[test]
    fn a_key_stays_within_its_quotes() {
        let path = GraphPath::by_key("applications", "appId", "a') /b");
        assert_eq!(path.as_str(), "/applications(appId='a%27%27%29%20%2Fb')");
    }

    #[test]
    fn query_values_are_encoded_once() {
        let path = GraphPath::new("users").query("$filter", "startswith(mail,'a&b+c')");
        assert_eq!(path.as_str(), "/users?$filter=startswith(mail,'a%26b%2Bc')");
    }
}
