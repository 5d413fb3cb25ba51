//! Writing JSON straight into bytes, without a tree in between: pages of mail are most of what
//! the sandbox serves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(other >> 4)]);
                out.push(HEX[usize::from(other & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Appends standard base64 as a JSON string.
pub(crate) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    let length = bytes.len().div_ceil(3) * 4;
    out.resize(start + length, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
    out.push(b'"');
}

/// An object being written; members are parted by commas.
pub(crate) struct Object<'a> {
    /// Where it goes.
    pub(crate) out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    /// Opens an object.
    pub(crate) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes a member's name; its value comes next into `out`. Names need no escaping.
    pub(crate) fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A text member.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        string(self.name(name), value);
    }

    /// A text member or null.
    pub(crate) fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        let out = self.name(name);
        match value {
            Some(value) => string(out, value),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.name(name).extend_from_slice(word);
    }

    /// A whole number.
    pub(crate) fn number(&mut self, name: &str, value: usize) {
        let written = value.to_string();
        self.name(name).extend_from_slice(written.as_bytes());
    }

    /// A time or null.
    pub(crate) fn time(&mut self, name: &str, value: Option<i64>) {
        let out = self.name(name);
        match value {
            Some(seconds) => {
                out.push(b'"');
                super::stamp::write(out, seconds);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
    }

    /// Closes the object.
    pub(crate) fn close(self) {
        self.out.push(b'}');
    }
}

/// A member of a JSON object by name without regard to case: Microsoft's pages write
/// `saveToSentItems`, its metadata `SaveToSentItems`, and both are accepted.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value
        .as_object()?
        .iter()
        .find_map(|(key, value)| (key.eq_ignore_ascii_case(name)).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_survive() {
        let awkward = "a\"b\\c\n\r\t\u{1}é\u{1f600}";
        let mut out = Vec::new();
        string(&mut out, awkward);
        let read: String = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(read, awkward);
    }
}
