//! Mail as text: people, bodies, names of files.

use serde_json::Value;

/// Somebody, as `Name <address>`.
pub(crate) fn person(recipient: &Value) -> String {
    let part = |name: &str| {
        recipient["emailAddress"][name]
            .as_str()
            .unwrap_or_default()
            .trim()
    };
    match (part("name"), part("address")) {
        ("", address) => address.to_owned(),
        (name, "") => name.to_owned(),
        (name, address) if name.eq_ignore_ascii_case(address) => address.to_owned(),
        (name, address) => format!("{name} <{address}>"),
    }
}

/// Several people, separated by commas.
pub(crate) fn people(recipients: &Value) -> String {
    let people = recipients.as_array().into_iter().flatten().map(person);
    people.collect::<Vec<_>>().join(", ")
}

/// A body as plain text of this width.
pub(crate) fn body(body: &Value, width: usize) -> String {
    let content = body["content"].as_str().unwrap_or_default();
    let is_html = body["contentType"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("html"));
    if !is_html {
        return content.to_owned();
    }
    html2text::from_read(content.as_bytes(), width).unwrap_or_else(|_| content.to_owned())
}

/// Names that Windows keeps for devices (Microsoft, *Naming Files, Paths, and Namespaces*).
const DEVICES: &[&str] = &[
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The longest name of a file, in bytes, with room for a number: most systems take 255.
const LONGEST_NAME: usize = 200;

/// A file's name as somebody sent it, made one that stays in its folder on every system.
pub(crate) fn file_name(sent: &str) -> String {
    // Turning the direction of writing hides what kind of file it is: "exe.doc" for "cod.exe".
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let tame: String = sent
        .chars()
        .filter(|c| !turns(*c))
        .map(|c| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    let mut name = tame
        .trim()
        .trim_start_matches('.')
        .trim_end_matches(['.', ' '])
        .to_owned();
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    if DEVICES.contains(&stem.trim()) {
        name.insert(0, '_');
    }
    if name.is_empty() {
        return "attachment".to_owned();
    }
    if name.len() > LONGEST_NAME {
        let (stem, kind) = parts(&name);
        let kind = cut(kind, 20);
        name = format!("{}{kind}", cut(stem, LONGEST_NAME - kind.len()));
    }
    name
}

/// A name's stem, and its ending with the dot.
pub(crate) fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_stay_in_their_folder() {
        for (sent, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("C:\\Windows\\x.exe", "C__Windows_x.exe"),
            ("..", "attachment"),
            ("", "attachment"),
            ("nul.txt", "_nul.txt"),
            ("a\u{202e}fdp.exe", "afdp.exe"),
            ("line\nbreak. ", "line_break"),
            ("Überblick 佐藤.xlsx", "Überblick 佐藤.xlsx"),
        ] {
            assert_eq!(file_name(sent), kept, "{sent:?}");
        }
        let long = format!("{}.pdf", "ä".repeat(400));
        let kept = file_name(&long);
        assert!(
            kept.len() <= LONGEST_NAME && kept.ends_with(".pdf"),
            "{kept}"
        );
    }

    #[test]
    fn html_becomes_text() {
        let text = body(
            &json!({"contentType": "html", "content": "<p>Hi <b>you</b></p>"}),
            80,
        );
        assert!(text.contains("Hi") && !text.contains('<'), "{text}");
    }

    #[test]
    fn people_have_names_and_addresses() {
        let to = json!([
            {"emailAddress": {"name": "Anna", "address": "anna@example.com"}},
            {"emailAddress": {"address": "b@example.com"}},
        ]);
        assert_eq!(people(&to), "Anna <anna@example.com>, b@example.com");
    }
}
