//! Commands that people are shown and copy.

use std::borrow::Cow;

/// A text as one word of a command: as it is where that is safe, else in quotes in which a POSIX
/// shell runs nothing (POSIX.1-2017, Shell Command Language, section 2.2). Names of connections and
/// people are chosen by others, and Rust's own quotes leave `$(…)` and backticks alive. What no
/// word can hold (a NUL) becomes an empty one.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    shlex::try_quote(text).unwrap_or(Cow::Borrowed("''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether something stands outside of single quotes that a shell expands there.
    fn runs_something(word: &str) -> bool {
        let mut quote = None;
        word.chars().any(|c| {
            match (quote, c) {
                (None, '\'' | '"') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                _ => {}
            }
            quote != Some('\'') && matches!(c, '$' | '`')
        })
    }

    #[test]
    fn a_word_stays_one_word_and_runs_nothing() {
        for plain in ["Contoso", "ann@contoso.example", "0f0f-0001"] {
            assert_eq!(shell_word(plain), plain);
        }
        for hostile in [
            "Contoso Ltd",
            "$(touch /tmp/x)",
            "`touch /tmp/x`",
            "a\"; touch x; \"",
            "o'brien & $HOME",
            "!x",
            "a\\",
            "",
        ] {
            let word = shell_word(hostile);
            assert_eq!(
                shlex::split(&word),
                Some(vec![hostile.to_owned()]),
                "{word}"
            );
            assert!(!runs_something(&word), "{word}");
        }
        assert_eq!(shell_word("a\0b"), "''");
    }
}
