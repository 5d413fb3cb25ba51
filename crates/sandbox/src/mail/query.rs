//! The query options and preferences of a call that reads messages.

use super::select::{Selection, bad_query};
use crate::call::Call;
use crate::call::GraphError;

/// What an attachment in `$expand=attachments(…)` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttachmentFace {
    /// `$select` inside, lower case; `None` for everything.
    pub(crate) select: Option<Vec<String>>,
    /// Whether the message inside an item attachment is shown.
    pub(crate) item: bool,
}

impl AttachmentFace {
    /// Whether a property is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.select
            .as_ref()
            .is_none_or(|select| select.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// How messages are shown.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    pub(crate) select: Selection,
    pub(crate) attachments: Option<AttachmentFace>,
    /// Ids of the single-value extended properties to show.
    pub(crate) properties: Vec<String>,
    pub(crate) text: bool,
    pub(crate) unsafe_html: bool,
    pub(crate) immutable: bool,
}

impl Face {
    /// Reads `$select`, `$expand` and the `Prefer` headers.
    pub(crate) fn of(call: &Call) -> Result<Self, GraphError> {
        Self::with(call, call.option("$select"), call.option("$expand"))
    }

    /// The same with the options given: a delta token holds its own.
    pub(crate) fn with(
        call: &Call,
        select: Option<&str>,
        expand: Option<&str>,
    ) -> Result<Self, GraphError> {
        let mut face = Self {
            select: match select {
                Some(text) => Selection::parse(text)?,
                None => Selection::DEFAULT,
            },
            attachments: None,
            properties: Vec::new(),
            text: call.prefers("outlook.body-content-type", "text"),
            unsafe_html: prefers_word(call, "outlook.allow-unsafe-html"),
            immutable: call.prefers("IdType", "ImmutableId"),
        };
        if let Some(expand) = expand {
            face.expand(expand)?;
        }
        Ok(face)
    }

    /// Whether what is shown needs the body.
    pub(crate) fn needs_body(&self) -> bool {
        self.select.has("body") || self.select.has("bodyPreview") || self.select.has("uniqueBody")
    }

    /// The `Preference-Applied` of an answer.
    pub(crate) fn applied(&self) -> String {
        let mut applied = Vec::new();
        if self.text {
            applied.push("outlook.body-content-type=\"text\"");
        }
        if self.unsafe_html {
            applied.push("outlook.allow-unsafe-html");
        }
        if self.immutable {
            applied.push("IdType=\"ImmutableId\"");
        }
        applied.join(", ")
    }

    fn expand(&mut self, text: &str) -> Result<(), GraphError> {
        for (name, options) in expansions(text)? {
            match name.to_ascii_lowercase().as_str() {
                "attachments" => self.attachments = Some(attachment_face(&options)?),
                "singlevalueextendedproperties" => {
                    let Some((_, filter)) = options
                        .iter()
                        .find(|(key, _)| key.eq_ignore_ascii_case("$filter"))
                    else {
                        return Err(bad_query(
                            "$expand of singleValueExtendedProperties needs a $filter on id.",
                        ));
                    };
                    self.properties = filter_ids(filter)?;
                }
                "extensions" | "multivalueextendedproperties" => {}
                _ => {
                    return Err(bad_query(format!(
                        "Could not find a property named '{name}' on type 'Microsoft.OutlookServices.Message'."
                    )));
                }
            }
        }
        Ok(())
    }
}

/// The attachment's own `$select` and `$expand`.
pub(crate) fn attachment_face(options: &[(String, String)]) -> Result<AttachmentFace, GraphError> {
    let mut face = AttachmentFace::default();
    for (key, value) in options {
        match key.trim_start_matches('$').to_ascii_lowercase().as_str() {
            "select" => {
                face.select = Some(
                    value
                        .split(',')
                        .map(|name| {
                            // Derived types' properties come as microsoft.graph.fileAttachment/contentBytes.
                            name.trim().rsplit('/').next().unwrap_or(name).to_owned()
                        })
                        .collect(),
                );
            }
            "expand" => {
                let wanted = value.to_ascii_lowercase();
                if !wanted.starts_with("microsoft.graph.itemattachment/item") {
                    return Err(bad_query(format!(
                        "Cannot expand '{value}' of an attachment."
                    )));
                }
                face.item = true;
            }
            "top" | "filter" | "orderby" | "count" => {}
            other => return Err(bad_query(format!("Unknown option '{other}' in $expand."))),
        }
    }
    Ok(face)
}

/// An expanded property and the options in its parentheses.
type Expansion = (String, Vec<(String, String)>);

/// Splits `a($select=b;$filter=c),d` into names and their options.
fn expansions(text: &str) -> Result<Vec<Expansion>, GraphError> {
    let mut found = Vec::new();
    for part in split_outside(text, ',') {
        let part = part.trim();
        let (name, options) = match part.split_once('(') {
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or_else(|| {
                    bad_query("Parsing OData Select and Expand failed: unbalanced parentheses.")
                })?;
                let options = split_outside(inner, ';')
                    .iter()
                    .filter_map(|option| option.split_once('='))
                    .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                    .collect();
                (name, options)
            }
            None => (part, Vec::new()),
        };
        found.push((name.trim().to_owned(), options));
    }
    Ok(found)
}

/// Splits at a character outside parentheses and quotes.
fn split_outside(text: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    for (place, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            found if found == at && depth == 0 && !quoted => {
                parts.push(&text[start..place]);
                start = place + found.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The ids in `id eq 'x' or id eq 'y'`.
fn filter_ids(filter: &str) -> Result<Vec<String>, GraphError> {
    let pieces: Vec<&str> = filter.split('\'').collect();
    let ids: Vec<String> = pieces
        .iter()
        .skip(1)
        .step_by(2)
        .map(|id| (*id).to_owned())
        .collect();
    let shape_holds = pieces.len() % 2 == 1
        && pieces.iter().step_by(2).all(|piece| {
            let words: Vec<String> = piece
                .split_whitespace()
                .map(|word| word.trim_matches(['(', ')']).to_ascii_lowercase())
                .filter(|word| !word.is_empty())
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            matches!(words.as_slice(), [] | ["id", "eq"] | ["or", "id", "eq"])
        });
    if ids.is_empty() || !shape_holds {
        return Err(bad_query(
            "The filter of an extended property must be of the form id eq '…'.",
        ));
    }
    Ok(ids)
}

/// Whether a preference without a value is among the `Prefer` headers.
pub(crate) fn prefers_word(call: &Call, word: &str) -> bool {
    call.headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| {
            let name = part.split('=').next().unwrap_or(part).trim();
            name.eq_ignore_ascii_case(word)
        })
}

/// A number option within bounds.
pub(crate) fn number(
    call: &Call,
    name: &str,
    range: std::ops::RangeInclusive<usize>,
) -> Result<Option<usize>, GraphError> {
    let Some(text) = call.option(name) else {
        return Ok(None);
    };
    let value = text.parse::<usize>().map_err(|_| {
        bad_query(format!(
            "Invalid value '{text}' for {name} query option found."
        ))
    })?;
    if range.contains(&value) {
        return Ok(Some(value));
    }
    Err(bad_query(format!(
        "The value '{value}' of {name} is outside of {} to {}.",
        range.start(),
        range.end()
    )))
}

/// A yes-or-no option.
pub(crate) fn boolean(call: &Call, name: &str) -> Result<bool, GraphError> {
    match call.option(name) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => Err(bad_query(format!(
            "Invalid value '{text}' for {name} query option found."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expansions_nest() {
        let parsed = expansions("attachments($select=id,name;$expand=microsoft.graph.itemattachment/item),singleValueExtendedProperties($filter=id eq 'String {a} Name b')").expect("parses");
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed[0].1.len(), 2);
        assert_eq!(
            filter_ids(&parsed[1].1[0].1).expect("ids"),
            ["String {a} Name b"]
        );
        assert!(filter_ids("id ne 'x'").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}|[a-z()$=;,' ]{0,80}") {
            let _ = expansions(&text);
            let _ = filter_ids(&text);
            let _ = Selection::parse(&text);
        }
    }
}
