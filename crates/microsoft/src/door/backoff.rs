//! How long to wait before a call is made again.

use super::Door;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use postroom_model::Timestamp;
use std::time::Duration;

impl Door {
    /// The pause after the attempt with this number: as long as Microsoft asks for, else a random
    /// part ("full jitter") of a bound that doubles from attempt to attempt. `None` when it is
    /// longer than a call may wait.
    pub(crate) fn pause(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        let settings = &self.house.settings;
        match asked {
            Some(asked) => (asked <= settings.longest_wait).then_some(asked),
            None => {
                let bound = settings
                    .backoff_base
                    .saturating_mul(1 << attempt.saturating_sub(1).min(16))
                    .min(settings.backoff_limit);
                Some(bound.mul_f64(self.house.dice.fraction()))
            }
        }
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        retry_after(&headers, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn seconds_and_dates() {
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            read("Thu, 01 Jan 1970 00:00:30 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(read("Wed, 31 Dec 1969 00:00:30 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }
}
