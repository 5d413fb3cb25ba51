//! Times: read from flags, shown to people.

use crate::output;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Reads `2027-01-31` (the beginning of that day, UTC) or a whole time like
/// `2027-01-31T12:00:00Z`.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    text.parse::<Date>()
        .ok()
        .and_then(|date| date.to_zoned_datetime(TimeZone::UTC).ok())
        .map(|at| at.timestamp())
        .ok_or_else(|| "give a date like 2027-01-31 or a time like 2027-01-31T12:00:00Z".to_owned())
}

/// A time of an answer: in the local zone on a terminal, as it came elsewhere.
pub(crate) fn show(value: &Value) -> String {
    let Some(text) = value.as_str() else {
        return String::new();
    };
    if output::is_terminal() {
        local(text)
    } else {
        text.to_owned()
    }
}

/// A time in the local zone, to the minute.
pub(crate) fn local(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(
        |_| text.to_owned(),
        |at| {
            at.to_zoned_datetime(TimeZone::system())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        },
    )
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_and_times_are_read() {
        assert_eq!(parse("1970-01-02").unwrap().as_second(), 86_400);
        assert_eq!(parse("1970-01-01T00:00:01Z").unwrap().as_second(), 1);
        assert!(parse("tomorrow").is_err());
    }
}
