//! A reply's text above the quoted original.

use postroom_model::outbox::{BodyType, OutgoingBody};

/// `body` above `quoted`. Where one of them is HTML, the result is.
pub(super) fn above(body: &OutgoingBody, quoted: &OutgoingBody) -> OutgoingBody {
    if body.content_type == BodyType::Text && quoted.content_type == BodyType::Text {
        return OutgoingBody {
            content_type: BodyType::Text,
            content: format!("{}\r\n\r\n{}", body.content, quoted.content),
        };
    }
    let ours = inner_html(body);
    let theirs = match quoted.content_type {
        BodyType::Html => quoted.content.clone(),
        BodyType::Text => text_to_html(&quoted.content),
    };
    let at = behind_body_tag(&theirs);
    let (before, after) = theirs.split_at(at);
    OutgoingBody {
        content_type: BodyType::Html,
        content: format!("{before}<div>{ours}</div>{after}"),
    }
}

/// What is within the `body` element of an HTML text, all of it where there is none.
fn inner_html(body: &OutgoingBody) -> String {
    match body.content_type {
        BodyType::Text => text_to_html(&body.content),
        BodyType::Html => {
            let html = &body.content;
            let start = behind_body_tag(html);
            let end = find(html, "</body").unwrap_or(html.len()).max(start);
            html[start..end].to_owned()
        }
    }
}

fn text_to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\n' => html.push_str("<br>\n"),
            c => html.push(c),
        }
    }
    html
}

/// Where the content of the `body` element begins; 0 where there is none.
fn behind_body_tag(html: &str) -> usize {
    let Some(start) = find(html, "<body") else {
        return 0;
    };
    html[start..].find('>').map_or(0, |end| start + end + 1)
}

/// Finds a tag's beginning without regard to case (tags are ASCII).
fn find(html: &str, tag: &str) -> Option<usize> {
    html.as_bytes()
        .windows(tag.len())
        .position(|window| window.eq_ignore_ascii_case(tag.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn html(content: &str) -> OutgoingBody {
        OutgoingBody {
            content_type: BodyType::Html,
            content: content.into(),
        }
    }

    #[test]
    fn the_text_stands_within_the_body_above_the_original() {
        let quoted = html("<html><BODY dir=\"ltr\"><hr>Original</BODY></html>");
        let made = above(&html("<html><body><p>Hi</p></body></html>"), &quoted);
        assert_eq!(
            made.content,
            "<html><BODY dir=\"ltr\"><div><p>Hi</p></div><hr>Original</BODY></html>"
        );
    }

    #[test]
    fn plain_text_is_escaped() {
        let text = OutgoingBody {
            content_type: BodyType::Text,
            content: "a < b\r\nc & d".into(),
        };
        let made = above(&text, &html("<p>Original</p>"));
        assert_eq!(
            made.content,
            "<div>a &lt; b<br>\nc &amp; d</div><p>Original</p>"
        );
    }

    proptest! {
        #[test]
        fn neither_text_is_lost(ours in ".{0,60}", theirs in ".{0,60}") {
            let theirs = format!("{theirs}END");
            let made = above(&html(&ours), &html(&theirs));
            prop_assert!(made.content.ends_with("END"));
        }
    }
}
