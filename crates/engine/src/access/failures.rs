//! What was shown wrong, counted: guessing gets slower, for whoever guesses and for all guessers
//! together, and the log says where it comes from.

use postroom_model::Timestamp;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many failures cost nothing: a mistyped key should not feel broken.
const FREE: u32 = 5;
/// What each further one costs.
const STEP: Duration = Duration::from_millis(5);
/// The most that one costs for what all addresses did. A call that waits holds a connection: longer
/// would help an attacker who wants to use those up.
const MOST: Duration = Duration::from_millis(100);
/// The most that one costs for what its own address did.
const MOST_OF_ONE: Duration = Duration::from_millis(250);
/// After so long without a failure all is forgiven, in seconds.
const FORGIVEN_AFTER: i64 = 60;
/// The time between two lines of the log about one address, in seconds.
const LINE_EVERY: i64 = 60;
/// So many addresses are remembered. An attacker who has more is slowed down as everybody is.
const SOURCES: usize = 4096;

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    /// A key.
    Key,
    /// A token that signs somebody in.
    SignInToken,
}

impl Shown {
    fn words(self) -> &'static str {
        match self {
            Self::Key => "wrong keys were shown",
            Self::SignInToken => "wrong sign-in tokens were shown",
        }
    }
}

/// Whose failures are counted together. Whoever has one IPv6 address has a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(Option<IpAddr>);

impl Source {
    fn of(address: Option<IpAddr>) -> Self {
        Self(source(address))
    }
}

/// The address that stands for all that one caller may have: an IPv4 address, or the beginning of an
/// IPv6 network of 64 bits.
pub(crate) fn source(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|address| match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    })
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    last: Timestamp,
}

impl Count {
    /// One more after whatever was before.
    fn after(before: Option<Self>, now: Timestamp) -> Self {
        let failures = match before {
            Some(before) if now.duration_since(before.last).as_secs() < FORGIVEN_AFTER => {
                before.failures.saturating_add(1)
            }
            _ => 1,
        };
        Self {
            failures,
            last: now,
        }
    }

    fn costs(self, most: Duration) -> Duration {
        STEP.saturating_mul(self.failures.saturating_sub(FREE))
            .min(most)
    }
}

#[derive(Debug)]
struct OfSource {
    count: Count,
    /// When the log last said something, and how many failures it has not heard of.
    said: Option<Timestamp>,
    unsaid: u32,
}

/// The failures of late.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    all: Option<Count>,
    sources: HashMap<(Shown, Source), OfSource>,
}

impl Failures {
    /// Counts a failure, says so in the log once a minute for each address, and gives how long the
    /// answer has to wait.
    pub(super) fn count(&self, what: Shown, from: Option<IpAddr>, now: Timestamp) -> Duration {
        let (penalty, line) = self.counted(what, Source::of(from), now);
        if let Some(failures) = line {
            say(what, Source::of(from), failures);
        }
        penalty
    }

    /// Says what was counted and not said yet, and forgets what is forgiven.
    pub(super) fn say_rest(&self, now: Timestamp) {
        for ((what, source), unsaid) in self.rest(now) {
            say(what, source, unsaid);
        }
    }

    fn counted(&self, what: Shown, source: Source, now: Timestamp) -> (Duration, Option<u32>) {
        let mut recent = self.lock();
        let all = Count::after(recent.all, now);
        recent.all = Some(all);
        let key = (what, source);
        if recent.sources.len() >= SOURCES && !recent.sources.contains_key(&key) {
            // Whoever was quiet longest makes room; what it did was said already, or is lost.
            let quiet = recent
                .sources
                .iter()
                .min_by_key(|(_, one)| one.count.last)
                .map(|(key, _)| *key);
            if let Some(quiet) = quiet {
                recent.sources.remove(&quiet);
            }
        }
        let before = recent.sources.get(&key);
        let mut one = OfSource {
            count: Count::after(before.map(|one| one.count), now),
            said: before.and_then(|one| one.said),
            unsaid: before.map_or(0, |one| one.unsaid).saturating_add(1),
        };
        let due = one
            .said
            .is_none_or(|said| now.duration_since(said).as_secs() >= LINE_EVERY);
        let line = due.then_some(one.unsaid);
        if due {
            one.said = Some(now);
            one.unsaid = 0;
        }
        let penalty = all.costs(MOST).max(one.count.costs(MOST_OF_ONE));
        recent.sources.insert(key, one);
        (penalty, line)
    }

    fn rest(&self, now: Timestamp) -> Vec<((Shown, Source), u32)> {
        let mut rest = Vec::new();
        self.lock().sources.retain(|key, one| {
            let over = one
                .said
                .is_none_or(|said| now.duration_since(said).as_secs() >= LINE_EVERY);
            if over && one.unsaid > 0 {
                rest.push((*key, one.unsaid));
                one.unsaid = 0;
                one.said = Some(now);
            }
            now.duration_since(one.count.last).as_secs() < FORGIVEN_AFTER || one.unsaid > 0
        });
        rest
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(what: Shown, source: Source, failures: u32) {
    let address = source
        .0
        .map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    tracing::warn!(address, failures, "{}", what.words());
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::clock::later;

    fn source(text: &str) -> Source {
        Source::of(Some(text.parse().expect("an address")))
    }

    fn second(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn penalty(failures: &Failures, from: &str, at: u64) -> Duration {
        failures.counted(Shown::Key, source(from), second(at)).0
    }

    #[test]
    fn the_penalty_grows_to_a_bound_and_is_forgiven() {
        let failures = Failures::default();
        for _ in 0..FREE {
            assert_eq!(penalty(&failures, "10.0.0.1", 0), Duration::ZERO);
        }
        assert_eq!(penalty(&failures, "10.0.0.1", 0), STEP);
        assert_eq!(penalty(&failures, "10.0.0.1", 0), STEP * 2);
        for _ in 0..1000 {
            penalty(&failures, "10.0.0.1", 0);
        }
        assert_eq!(penalty(&failures, "10.0.0.1", 0), MOST_OF_ONE);
        // All together are slowed down less than the one who guesses.
        assert_eq!(penalty(&failures, "10.0.0.2", 0), MOST);
        assert_eq!(penalty(&failures, "10.0.0.1", 61), Duration::ZERO);
    }

    #[test]
    fn the_log_has_one_line_for_a_source_and_minute() {
        let failures = Failures::default();
        let line = |from: &str, at| failures.counted(Shown::Key, source(from), second(at)).1;
        assert_eq!(line("10.0.0.1", 0), Some(1));
        for _ in 0..7 {
            assert_eq!(line("10.0.0.1", 30), None);
        }
        assert_eq!(line("10.0.0.2", 30), Some(1));
        // What was not said comes with the next one.
        assert_eq!(line("10.0.0.1", 60), Some(8));
        assert_eq!(line("10.0.0.1", 61), None);
        assert_eq!(
            failures.rest(second(130)),
            [((Shown::Key, source("10.0.0.1")), 1)]
        );
        assert!(failures.rest(second(131)).is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_memory_is_bounded() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        let failures = Failures::default();
        for number in 0..u32::try_from(SOURCES).expect("small") + 500 {
            let from = Source::of(Some(std::net::Ipv4Addr::from(number).into()));
            failures.counted(Shown::Key, from, second(u64::from(number)));
        }
        assert!(failures.lock().sources.len() <= SOURCES);
    }
}
