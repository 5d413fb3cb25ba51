//! All that is printed: results on standard output, everything else on standard error.

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

/// Whether results go to a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether messages go to a terminal.
pub(crate) fn messages_to_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A line of the result.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A text of several lines as the result.
pub(crate) fn text(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{}", tame_lines(text))?;
    out.flush()
}

/// A result in JSON: laid out on a terminal, on one line elsewhere.
pub(crate) fn json(value: &Value) -> io::Result<()> {
    if is_terminal() {
        line(format!("{value:#}"))
    } else {
        line(value)
    }
}

/// A result in JSON, always on one line.
pub(crate) fn json_line(value: &Value) -> io::Result<()> {
    line(value)
}

/// A message on standard error. Nobody can be told when that fails.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A heading on standard error.
pub(crate) fn heading(text: impl Display) {
    say(format_args!("\n{BOLD}{text}{BOLD:#}"));
}

/// Something less important, on standard error.
pub(crate) fn hint(text: impl Display) {
    say(format_args!("{FAINT}{text}{FAINT:#}"));
}

/// Says how a list goes on, to a person: programs read `nextCursor` in the JSON.
pub(crate) fn more(answer: &Value) {
    if let Some(cursor) = answer["nextCursor"].as_str()
        && is_terminal()
    {
        hint(format_args!("There are more: --cursor {cursor}"));
    }
}

/// A line of the result that is less important than its neighbours.
pub(crate) fn faint_line(text: impl Display) -> io::Result<()> {
    line(format_args!("{FAINT}{text}{FAINT:#}"))
}

/// A warning on standard error.
pub(crate) fn warning(text: impl Display) {
    say(format_args!("{YELLOW}warning:{YELLOW:#} {text}"));
}

/// A failure on standard error, with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    say(format_args!("{RED}error:{RED:#} {error}"));
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Many errors repeat their cause in their own text.
        if !said.contains(&text) {
            say(format_args!("  {FAINT}because:{FAINT:#} {text}"));
            said.push_str(&text);
        }
    }
}

/// Text from outside made harmless for a terminal: no control characters, no line breaks.
pub(crate) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The same for text of several lines, which may keep its line breaks and tabs.
pub(crate) fn tame_lines(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_cannot_steer_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(tame_lines("a\u{1b}[2Jb\r\nc"), "a[2Jb\nc");
    }
}
