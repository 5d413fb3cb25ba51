//! What a form calls its files. Programs write a name that is not plain in three ways.

use axum::extract::multipart::Field;
use http::header::CONTENT_DISPOSITION;
use percent_encoding::percent_decode_str;

/// The name that a part's file has; empty when it has none.
pub(super) fn given(field: &Field<'_>) -> String {
    let extended = field
        .headers()
        .get(CONTENT_DISPOSITION)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
        .and_then(extended);
    match extended {
        Some(name) => name,
        None => quotes(field.file_name().unwrap_or_default()),
    }
}

/// `filename*=UTF-8''…` (RFC 8187). A form should not have it (RFC 7578, section 4.2), some
/// programs write it all the same, and then as the better of two.
fn extended(disposition: &str) -> Option<String> {
    let value = parameters(disposition)
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("filename*"))?
        .1;
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let name = percent_decode_str(encoded).decode_utf8().ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

/// A header's parameters. What stands in quotes is no parameter, whatever it looks like.
fn parameters(header: &str) -> Vec<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    header
        .split(|c: char| {
            let ends = c == ';' && !quoted;
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = c == '\\' && quoted && !escaped;
            ends
        })
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

/// Browsers and curl write a quotation mark as `%22` and nothing else so, besides line breaks
/// (WHATWG HTML, *multipart/form-data encoding algorithm*).
fn quotes(name: &str) -> String {
    name.replace("%22", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extended_name_is_read() {
        for (header, name) in [
            (
                "form-data; name=\"attachments\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.pdf",
                Some("Übersicht \"1\".pdf"),
            ),
            (
                "form-data; filename=\"_.pdf\"; FILENAME*=utf-8'de'%C3%9C.pdf",
                Some("Ü.pdf"),
            ),
            ("form-data; filename=\"a;filename*=UTF-8''b\"", None),
            ("form-data; filename=\"a\\\";filename*=UTF-8''b\"", None),
            ("form-data; filename*=iso-8859-1''%DC", None),
            ("form-data; filename*=UTF-8''%DC", None),
            ("form-data; filename*=UTF-8''", None),
            ("form-data", None),
        ] {
            assert_eq!(extended(header).as_deref(), name, "{header}");
        }
    }

    #[test]
    fn only_quotation_marks_are_decoded() {
        assert_eq!(quotes("%22100%25%22.txt"), "\"100%25\".txt");
    }
}
