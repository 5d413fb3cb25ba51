//! The cursor of a message list: where the next page begins.

use crate::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_store::contract::messages::{Position, StoredMessage};

/// The cursor behind a message.
pub(super) fn behind(message: &StoredMessage) -> String {
    let micros = message
        .record
        .received_at
        .map_or(0, |at| at.as_microsecond());
    URL_SAFE_NO_PAD.encode(format!("{micros} {}", message.record.id))
}

/// The place that a cursor names.
pub(super) fn read(cursor: &str) -> Result<Position, Problem> {
    let place = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (micros, id) = text.split_once(' ')?;
        Some(Position {
            received_micros: micros.parse().ok()?,
            id: id.into(),
        })
    };
    place().ok_or_else(|| {
        Problem::invalid(
            "The cursor is not one that a message list gave: leave it out to begin anew.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "x", "AAAA", "\u{1F600}"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
