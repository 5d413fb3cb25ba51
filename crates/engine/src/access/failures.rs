//! Wrong keys, counted: guessing gets slower, for everybody who guesses.

use postroom_model::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many failures cost nothing: a mistyped key should not feel broken.
const FREE: u32 = 5;
/// What each further one costs.
const STEP: Duration = Duration::from_millis(5);
/// The most that one costs. A call that waits holds a connection: longer would help an attacker
/// who wants to use those up.
const MOST: Duration = Duration::from_millis(100);
/// After so long without a failure all is forgiven.
const FORGIVEN_AFTER: i64 = 60;

/// The failures of late. One counter for all: an attacker has many addresses, and a counter per
/// address would grow without bound.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Option<(u32, Timestamp)>>);

impl Failures {
    /// Counts a failure and says how long its answer has to wait.
    pub(super) fn penalty(&self, now: Timestamp) -> Duration {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match *recent {
            Some((count, last)) if now.duration_since(last).as_secs() < FORGIVEN_AFTER => {
                count.saturating_add(1)
            }
            _ => 1,
        };
        *recent = Some((count, now));
        STEP.saturating_mul(count.saturating_sub(FREE)).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::clock::later;

    #[test]
    fn the_penalty_grows_to_a_bound_and_is_forgiven() {
        let failures = Failures::default();
        let start = Timestamp::UNIX_EPOCH;
        for _ in 0..FREE {
            assert_eq!(failures.penalty(start), Duration::ZERO);
        }
        assert_eq!(failures.penalty(start), STEP);
        assert_eq!(failures.penalty(start), STEP * 2);
        for _ in 0..1000 {
            failures.penalty(start);
        }
        assert_eq!(failures.penalty(start), MOST);
        assert_eq!(
            failures.penalty(later(start, Duration::from_secs(61))),
            Duration::ZERO
        );
    }
}
