//! The SQL function `postroom_contains(haystack, needle)`: whether a text has a part, without
//! regard to case, for every alphabet. (SQLite's own LIKE knows ASCII only.)

use crate::text::folded;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

/// Registers the function. The needle is given in small letters already: see [`needle`].
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(
        "postroom_contains",
        2,
        FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_DIRECTONLY,
        |context| {
            let (ValueRef::Text(haystack), ValueRef::Text(needle)) =
                (context.get_raw(0), context.get_raw(1))
            else {
                return Ok(false);
            };
            Ok(contains(
                &String::from_utf8_lossy(haystack),
                &String::from_utf8_lossy(needle),
            ))
        },
    )
}

/// A needle as the function wants it.
pub(super) fn needle(text: &str) -> String {
    folded(text)
}

fn contains(haystack: &str, needle: &str) -> bool {
    folded(haystack).contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_counts_in_no_alphabet() {
        for (haystack, part) in [
            ("Grüße aus ÖSTERREICH", "österreich"),
            ("ПРИВЕТ", "привет"),
            ("Invoice 4711", "VOICE"),
        ] {
            assert!(contains(haystack, &needle(part)), "{haystack} {part}");
        }
        assert!(!contains("Invoice", &needle("x")));
    }
}
