//! Whether this machine's clock is right, by Graph's `Date` (RFC 9110, section 6.6.1).

use super::CheckStep;
use super::steps::{bad, untried, well};
use postroom_model::Timestamp;
use url::{Host, Url};

/// How far the clocks may differ: Microsoft's own tolerance.
const SKEW_SECONDS: i64 = 300;

const NAME: &str = "clock";

/// The step. `date`: the header of an answer of Graph's.
pub(super) fn clock(now: Timestamp, graph_url: &str, date: Option<&str>) -> CheckStep {
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let Some(date) = date else {
        return untried(NAME, "No answer told Microsoft's time.");
    };
    let ahead = now.duration_since(date.timestamp()).as_secs();
    if ahead.abs() <= SKEW_SECONDS {
        return well(NAME, "This machine's clock agrees with Microsoft's.");
    }
    if is_this_machine(graph_url) {
        return untried(
            NAME,
            "Graph is on this machine and says another time: one of the clocks is held.",
        );
    }
    let how = if ahead > 0 { "ahead of" } else { "behind" };
    bad(
        NAME,
        format!(
            "This machine's clock is {} seconds {how} Microsoft's.",
            ahead.abs()
        ),
        "Set the clock, and keep it right with a time service (NTP): tokens are taken for over or \
         not yet good otherwise.",
    )
}

/// A sandbox on loopback shares this machine's clock.
fn is_this_machine(address: &str) -> bool {
    match Url::parse(address).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com";
    const DATE: &str = "Thu, 01 Jan 1970 01:00:00 GMT";

    fn at(seconds: i64, graph: &str, date: Option<&str>) -> CheckStep {
        let now = Timestamp::from_second(3600 + seconds).expect("a time");
        clock(now, graph, date)
    }

    #[test]
    fn a_wrong_clock_is_named() {
        for (seconds, ok) in [
            (0, true),
            (300, true),
            (-300, true),
            (301, false),
            (-3600, false),
        ] {
            let step = at(seconds, GRAPH, Some(DATE));
            assert_eq!(step.ok, Some(ok), "{seconds}");
        }
        let ahead = at(7200, GRAPH, Some(DATE));
        assert!(ahead.detail.contains("7200 seconds ahead"), "{ahead:?}");
        assert!(ahead.hint.is_some_and(|hint| hint.contains("NTP")));
        let behind = at(-600, GRAPH, Some(DATE));
        assert!(behind.detail.contains("600 seconds behind"), "{behind:?}");
    }

    #[test]
    fn what_cannot_be_told_is_not_tried() {
        assert_eq!(at(7200, GRAPH, None).ok, None);
        assert_eq!(at(7200, GRAPH, Some("yesterday")).ok, None);
        for here in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            assert_eq!(at(7200, here, Some(DATE)).ok, None, "{here}");
        }
    }
}
