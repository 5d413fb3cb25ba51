//! Text as PowerShell takes it, so that nothing in it can run.

use std::fmt::Write as _;

/// A text as an expression in ASCII: in single quotes, in which PowerShell expands nothing, those
/// within doubled. All else is written as the number of its character: PowerShell takes four more
/// characters for single quotes (U+2018 to U+201B), and Windows PowerShell reads a file without a
/// byte order mark in the machine's own code page, where bytes of UTF-8 can become such quotes.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut parts: Vec<String> = Vec::new();
    let mut run = String::new();
    for c in text.chars() {
        if is_plain(c) {
            run.push(c);
            continue;
        }
        if !run.is_empty() || parts.is_empty() {
            // The first part is a text: with a character in front, the sum would be a number.
            parts.push(format!("'{}'", run.replace('\'', "''")));
            run.clear();
        }
        let mut units = [0u16; 2];
        for unit in c.encode_utf16(&mut units) {
            let mut part = String::new();
            let _ = write!(part, "[char]0x{unit:04x}");
            parts.push(part);
        }
    }
    if !run.is_empty() {
        parts.push(format!("'{}'", run.replace('\'', "''")));
    }
    format!("({})", parts.join(" + "))
}

/// A list of texts as an array, one on a line.
pub(super) fn list(texts: &[String], indent: &str) -> String {
    let mut array = String::from("@(\n");
    for text in texts {
        let _ = writeln!(array, "{indent}    {}", quoted(text));
    }
    let _ = write!(array, "{indent})");
    array
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(quoted("Contoso"), "'Contoso'");
        assert_eq!(quoted("o'brien"), "'o''brien'");
        assert_eq!(quoted("$(Remove-Item *) `n \""), "'$(Remove-Item *) `n \"'");
        assert_eq!(quoted("a\u{2019}; x"), "('a' + [char]0x2019 + '; x')");
        assert_eq!(quoted("ü"), "('' + [char]0x00fc)");
        assert_eq!(quoted("a\n'b"), "('a' + [char]0x000a + '''b')");
        assert_eq!(quoted("😀"), "('' + [char]0xd83d + [char]0xde00)");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn whatever_the_text_it_is_ascii_and_balanced() {
        for hostile in ["'", "''", "'\u{2018}'", "#>", "\r\n", "\u{492}", "'@\n'@"] {
            let text = quoted(hostile);
            assert!(text.is_ascii(), "{text}");
            assert_eq!(text.matches('\'').count() % 2, 0, "{text}");
            assert!(!text.contains('\n') && !text.contains('\r'), "{text}");
        }
    }
}
