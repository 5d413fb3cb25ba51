//! Single values with errors that say what would fit.

use jiff::civil::Date;
use postroom_model::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::time::Duration;

/// A point in time: RFC 3339, or a plain date, which is its first moment in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // `+02:00` arrives as ` 02:00` from callers that do not encode the plus sign.
        let mended = text
            .rsplit_once(' ')
            .map(|(time, offset)| format!("{time}+{offset}"));
        text.parse::<Timestamp>()
            .ok()
            .or_else(|| mended.and_then(|mended| mended.parse().ok()))
            .or_else(|| {
                let date = (text.len() == 10).then(|| text.parse::<Date>().ok())??;
                format!("{date}T00:00:00Z").parse().ok()
            })
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "{text:?} is no point in time: write 2026-01-31T08:00:00Z (with Z or an \
                     offset) or 2026-01-31"
                )
            })
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag(pub(crate) bool);

impl std::str::FromStr for Flag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" => Ok(Self(true)),
            "false" | "0" => Ok(Self(false)),
            _ => Err(format!("{text:?} is neither true nor false")),
        }
    }
}

/// How many entries of a list are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) u32);

impl Limit {
    /// How many come when nobody says.
    pub(crate) const USUAL: u32 = 50;
    /// How many come at most.
    pub(crate) const MOST: u32 = 500;
}

/// The number, or the usual one.
pub(crate) fn limit(limit: Option<Limit>) -> u32 {
    limit.map_or(Limit::USUAL, |limit| limit.0)
}

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number @ 1..=Self::MOST) => Ok(Self(number)),
            _ => Err(format!("{text:?} is no number from 1 to {}", Self::MOST)),
        }
    }
}

/// How many seconds a call may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait(pub(crate) Duration);

/// The time, or none.
pub(crate) fn wait(wait: Option<Wait>) -> Duration {
    wait.map_or(Duration::ZERO, |wait| wait.0)
}

impl std::str::FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(seconds @ 0..=60) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(format!("{text:?} is no number of seconds from 0 to 60")),
        }
    }
}

/// Names, separated by commas.
#[derive(Clone, Debug)]
pub(crate) struct Names(pub(crate) Vec<String>);

impl std::str::FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim);
        Ok(Self(
            names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        ))
    }
}

macro_rules! from_text {
    ($($name:ident)*) => {
        $(
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                }
            }
        )*
    };
}

from_text!(Moment Flag Limit Wait Names);

/// A field whose `null` means something other than its absence: `Some(None)` is `null`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> Option<i64> {
        text.parse::<Moment>()
            .ok()
            .map(|moment| moment.0.as_second())
    }

    #[test]
    fn points_in_time() {
        let eight = second("2026-01-31T08:00:00Z");
        assert!(eight.is_some());
        assert_eq!(second("2026-01-31T09:00:00+01:00"), eight);
        assert_eq!(second("2026-01-31T09:00:00 01:00"), eight);
        assert_eq!(second("2026-01-31").map(|day| day + 8 * 3600), eight);
        for text in [
            "",
            "2026",
            "2026-13-01",
            "31.01.2026",
            "2026-01-31T08:00:00",
        ] {
            assert_eq!(second(text), None, "{text}");
        }
    }

    #[test]
    fn waits_end_at_a_minute() {
        assert!("60".parse::<Wait>().is_ok());
        assert!("61".parse::<Wait>().is_err());
        assert!("-1".parse::<Wait>().is_err());
    }
}
