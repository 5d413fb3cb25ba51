//! The clock, handed in so that tests can hold it.

use futures::future::BoxFuture;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Now, to the microsecond: what a store can keep.
    fn now(&self) -> Timestamp;
    /// Returns when that much time has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the machine's clock comes in"
    )]
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub struct HeldClock {
    now: watch::Sender<Timestamp>,
}

impl HeldClock {
    /// A clock that shows this time.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: watch::Sender::new(to_micros(now)),
        }
    }

    /// Moves the clock on and wakes whoever waited for that.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = later(*now, duration));
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = later(self.now(), duration);
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender gone means that nobody can move the clock any more: wait no longer.
            let _ = now.wait_for(|now| *now >= until).await;
        })
    }
}

/// `at + duration`, held at the end of time instead of overflowing.
pub fn later(at: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| at.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}

fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_clock_wakes_sleepers_only_when_moved_far_enough() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(1));
        sleep.await;
        assert_eq!(clock.now().as_second(), 10);
    }
}
