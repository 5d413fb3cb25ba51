//! The tenant's clock: the system's time plus an offset that tests move forward, so that tokens
//! expire and subscriptions end without waiting.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Time as the pretend tenant sees it.
#[derive(Debug, Default)]
pub struct SandboxClock {
    offset_milliseconds: AtomicI64,
}

impl SandboxClock {
    /// A clock showing the system's time.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tenant's time.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that is handed to everything else"
    )]
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset_milliseconds.load(Ordering::Relaxed));
        Timestamp::now()
            .checked_add(offset)
            .unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward; it never goes back.
    pub fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let _ =
            self.offset_milliseconds
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |offset| {
                    Some(offset.saturating_add(milliseconds))
                });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_forward() {
        let clock = SandboxClock::new();
        let before = clock.now();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now().duration_since(before) >= SignedDuration::from_secs(3600));
    }
}
