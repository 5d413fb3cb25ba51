//! Lists: `{value, nextCursor}`.

use crate::extract::values::Limit;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_engine::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T: ToSchema> {
    /// The entries.
    pub(crate) value: Vec<T>,
    /// Asks for more, as `cursor`; `null` at the end. Opaque.
    pub(crate) next_cursor: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    pub(crate) limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    pub(crate) cursor: Option<String>,
}

/// Cuts a page out of a list that is at hand whole. The cursor names the last entry and its place,
/// so that an entry that goes away in between loses no other one.
pub(crate) fn cut<T: ToSchema>(
    all: Vec<T>,
    part: &Part,
    id: impl Fn(&T) -> &str,
) -> Result<Page<T>, Problem> {
    let start = match &part.cursor {
        None => 0,
        Some(cursor) => {
            let text = open(cursor)?;
            let (place, last) = text.split_once(':').ok_or_else(no_cursor)?;
            let place: usize = place.parse().map_err(|_| no_cursor())?;
            all.iter()
                .position(|entry| id(entry) == last)
                .map_or(place, |place| place + 1)
        }
    };
    let limit = crate::extract::values::limit(part.limit) as usize;
    let more = all.len() > start.saturating_add(limit);
    let value: Vec<T> = all.into_iter().skip(start).take(limit).collect();
    let next_cursor = value
        .last()
        .filter(|_| more)
        .map(|last| seal(&format!("{}:{}", start + limit - 1, id(last))));
    Ok(Page { value, next_cursor })
}

/// Makes a page of a list that was read with one entry more than asked for, and whose reader goes
/// on behind an id.
pub(crate) fn behind<T: ToSchema>(
    mut read: Vec<T>,
    limit: u32,
    id: impl Fn(&T) -> &str,
) -> Page<T> {
    let more = read.len() > limit as usize;
    read.truncate(limit as usize);
    let next_cursor = read.last().filter(|_| more).map(|last| seal(id(last)));
    Page {
        value: read,
        next_cursor,
    }
}

/// The id that a cursor of [`behind`] names.
pub(crate) fn opened<T: From<String>>(cursor: Option<&String>) -> Result<Option<T>, Problem> {
    cursor.map(|cursor| open(cursor).map(T::from)).transpose()
}

fn seal(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn open(cursor: &str) -> Result<String, Problem> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(no_cursor)
}

fn no_cursor() -> Problem {
    Problem::invalid(
        "The cursor is none of this list's: take `nextCursor` of an earlier answer as it is, or \
         leave it out to begin anew.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(limit: u32, cursor: Option<String>) -> Part {
        Part {
            limit: Some(Limit(limit)),
            cursor,
        }
    }

    fn names(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn pages_cover_a_list_once() {
        let mut seen = String::new();
        let mut cursor = None;
        for _ in 0..3 {
            let page = cut(names("abcde"), &part(2, cursor), |name| name).expect("a page");
            seen.extend(page.value);
            cursor = page.next_cursor;
        }
        assert_eq!((seen.as_str(), cursor), ("abcde", None));
    }

    #[test]
    fn a_removed_entry_loses_no_other() {
        let first = cut(names("abcde"), &part(2, None), |name| name).expect("a page");
        let before = cut(names("bcde"), &part(2, first.next_cursor.clone()), |name| {
            name
        });
        assert_eq!(before.map(|page| page.value).ok(), Some(names("cd")));
    }

    #[test]
    fn a_cursor_that_is_none_is_refused() {
        assert!(cut(names("ab"), &part(1, Some("?".into())), |name| name).is_err());
        assert!(cut(names("ab"), &part(1, Some(seal("x"))), |name| name).is_err());
    }

    #[test]
    fn one_entry_more_means_another_page() {
        let page = behind(names("abc"), 2, |name| name);
        assert_eq!(page.value, names("ab"));
        let id: Option<String> = opened(page.next_cursor.as_ref()).expect("a cursor");
        assert_eq!(id.as_deref(), Some("b"));
        assert_eq!(behind(names("ab"), 2, |name| name).next_cursor, None);
    }
}
