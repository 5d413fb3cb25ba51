//! Times as Outlook shows them: UTC, whole seconds, `2026-11-24T08:15:00Z`.

use jiff::Timestamp;

/// Seconds since 1970. Exchange keeps mail times to the second.
pub(crate) type Seconds = i64;

/// Appends `2026-11-24T08:15:00Z`.
pub(crate) fn write(out: &mut Vec<u8>, seconds: Seconds) {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    digits(out, year.clamp(0, 9999), 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, rest / 3600, 2);
    out.push(b':');
    digits(out, rest / 60 % 60, 2);
    out.push(b':');
    digits(out, rest % 60, 2);
    out.push(b'Z');
}

/// The same as text.
pub(crate) fn text(seconds: Seconds) -> String {
    let mut out = Vec::with_capacity(20);
    write(&mut out, seconds);
    String::from_utf8(out).unwrap_or_default()
}

/// Reads an RFC 3339 time or a bare date.
pub(crate) fn parse(text: &str) -> Option<Seconds> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    if text.len() != 10 {
        return None;
    }
    let midnight = format!("{text}T00:00:00Z").parse::<Timestamp>().ok()?;
    Some(midnight.as_second())
}

fn digits(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_i64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

/// Days since 1970-01-01 to year, month, day (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_jiff_writes() {
        for seconds in [0, 951_782_400, 1_709_210_096, 1_798_761_599, -86_400] {
            let time = Timestamp::from_second(seconds).expect("in range");
            assert_eq!(text(seconds), time.to_string());
            assert_eq!(parse(&text(seconds)), Some(seconds));
        }
        assert_eq!(parse("1970-01-02"), Some(86_400));
        assert_eq!(parse("nonsense"), None);
    }
}
