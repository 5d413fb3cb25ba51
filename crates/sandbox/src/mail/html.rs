//! HTML as Outlook shows it: sanitised unless `Prefer: outlook.allow-unsafe-html`, and turned
//! into text for previews and `Prefer: outlook.body-content-type="text"`.

use std::collections::HashSet;
use std::sync::OnceLock;

const HEAD: &str = "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>";
const TAIL: &str = "</body></html>";

/// A whole HTML document around a body.
pub(crate) fn document(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 128);
    out.push_str(HEAD);
    out.push_str(body);
    out.push_str(TAIL);
    out
}

/// Removes scripts, event handlers, forms and whatever else could act.
pub(crate) fn sanitise(html: &str) -> String {
    static CLEANER: OnceLock<ammonia::Builder<'static>> = OnceLock::new();
    let cleaner = CLEANER.get_or_init(|| {
        let mut builder = ammonia::Builder::default();
        builder
            .add_tags(["font", "center", "u", "s", "big", "tt"])
            .add_generic_attributes([
                "style",
                "class",
                "id",
                "dir",
                "lang",
                "align",
                "valign",
                "width",
                "height",
                "bgcolor",
                "border",
                "cellpadding",
                "cellspacing",
                "color",
                "face",
                "size",
            ])
            .clean_content_tags(HashSet::from(["script", "style", "title"]))
            .url_schemes(HashSet::from([
                "http", "https", "mailto", "tel", "cid", "data",
            ]))
            .link_rel(None);
        builder
    });
    document(&cleaner.clean(html).to_string())
}

/// A plain text body as Exchange turns it into HTML.
pub(crate) fn from_text(text: &str) -> String {
    let mut body = String::with_capacity(text.len() + 64);
    body.push_str("<div class=\"PlainText\">");
    escape(&mut body, text);
    body.push_str("</div>");
    document(&body)
}

/// Escapes text for HTML; line ends become `<br>`.
pub(crate) fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br>\r\n"),
            '\r' => {}
            other => out.push(other),
        }
    }
}

/// What stands between `<body…>` and `</body>`, or everything.
pub(crate) fn inner(html: &str) -> &str {
    let lower = html.to_ascii_lowercase();
    let start = lower
        .find("<body")
        .and_then(|at| lower[at..].find('>').map(|end| at + end + 1))
        .unwrap_or(0);
    let end = lower
        .rfind("</body")
        .filter(|&end| end >= start)
        .unwrap_or(html.len());
    &html[start..end]
}

/// HTML as text: blocks become lines, entities characters; scripts and styles vanish.
pub(crate) fn to_text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    let mut blank = true;
    while let Some(character) = rest.chars().next() {
        if character == '<' {
            let tag_end = rest.find('>').map_or(rest.len(), |at| at + 1);
            let tag = &rest[..tag_end];
            let name: String = tag[1..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '/' || *c == '!')
                .take(12)
                .collect::<String>()
                .to_ascii_lowercase();
            if let "script" | "style" | "title" = name.as_str() {
                rest = closing(rest, &name).map_or("", |at| &rest[at..]);
                continue;
            }
            if tag.starts_with("<!--") {
                rest = rest.find("-->").map_or("", |at| &rest[at + 3..]);
                continue;
            }
            if let "br" | "br/" | "/p" | "/div" | "/tr" | "/li" | "/h1" | "/h2" | "/h3" | "/table"
            | "hr" = name.as_str()
            {
                while out.ends_with(' ') {
                    out.pop();
                }
                if !out.is_empty() && !out.ends_with("\n\n") {
                    out.push('\n');
                }
                blank = true;
            }
            if let "/td" | "/th" = name.as_str() {
                out.push('\t');
                blank = true;
            }
            rest = &rest[tag_end..];
            continue;
        }
        if character == '&'
            && let Some((decoded, length)) = entity(rest)
        {
            out.push(decoded);
            blank = false;
            rest = &rest[length..];
            continue;
        }
        if character.is_whitespace() && character != '\u{a0}' {
            if !blank {
                out.push(' ');
                blank = true;
            }
        } else {
            out.push(character);
            blank = false;
        }
        rest = &rest[character.len_utf8()..];
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.replace('\n', "\r\n")
}

/// Where `</name` begins, in any case.
fn closing(text: &str, name: &str) -> Option<usize> {
    text.match_indices("</").map(|(at, _)| at).find(|at| {
        text.get(at + 2..at + 2 + name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
    })
}

fn entity(text: &str) -> Option<(char, usize)> {
    let end = text
        .char_indices()
        .take(12)
        .find(|(_, c)| *c == ';')
        .map(|(at, _)| at)?;
    let name = &text[1..end];
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let value = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(value)?
        }
    };
    Some((decoded, end + 1))
}

/// The first 255 characters, on one line (`bodyPreview`).
pub(crate) fn preview(text: &str) -> String {
    let mut out = String::with_capacity(255);
    let mut count = 0;
    let mut blank = true;
    for character in text.chars() {
        if count == 255 {
            break;
        }
        let character = if character.is_whitespace() {
            ' '
        } else {
            character
        };
        if character == ' ' && blank {
            continue;
        }
        blank = character == ' ';
        out.push(character);
        count += 1;
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scripts_go_and_pictures_stay() {
        let safe =
            sanitise("<p onclick=\"x()\">Hi <img src=\"cid:logo\"><script>alert(1)</script></p>");
        assert!(safe.contains("cid:logo"), "{safe}");
        assert!(
            !safe.contains("alert") && !safe.contains("onclick"),
            "{safe}"
        );
    }

    #[test]
    fn text_of_html() {
        let html = document("<style>p{}</style><p>A &amp; B&nbsp;&#228;</p><p>Two<br>Three</p>");
        assert_eq!(to_text(&html), "A & B\u{a0}ä\r\nTwo\r\nThree");
        assert_eq!(inner(&document("<p>x</p>")), "<p>x</p>");
    }

    proptest! {
        #[test]
        fn anything_goes(html in "\\PC{0,200}|(<[a-z/!-]{0,6}|>|&|#|;|x|[0-9é]){0,60}") {
            let _ = preview(&to_text(&html));
            let _ = inner(&html);
        }
    }
}
