//! How the model's values lie in columns: times as `timestamptz`, words by their names, lists as
//! JSON.

use super::errors::{Answer, Fault};
use bytes::{BufMut as _, BytesMut};
use postgres_types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use postroom_model::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;

/// Microseconds from 1970, where ours begin, to 2000, where PostgreSQL's do.
const TO_2000: i64 = 946_684_800_000_000;
/// PostgreSQL's earliest time, in its own microseconds (4714 BC; src/include/datatype/timestamp.h).
const EARLIEST: i64 = -211_813_488_000_000_000;
/// Its latest.
const LATEST: i64 = 9_223_371_331_199_999_999;

/// A time as a `timestamptz`, in microseconds since 1970. Beyond PostgreSQL's range it is the
/// nearest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) i64);

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0.saturating_sub(TO_2000).clamp(EARLIEST, LATEST));
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(micros.saturating_add(TO_2000)))
    }

    accepts!(TIMESTAMPTZ);
}

/// A time as it is kept.
pub(super) fn at(time: Timestamp) -> Time {
    Time(time.as_microsecond())
}

/// A time that may be missing.
pub(super) fn at_of(time: Option<Timestamp>) -> Option<Time> {
    time.map(at)
}

/// A kept time.
pub(super) fn time(at: Time) -> Answer<Timestamp> {
    Timestamp::from_microsecond(at.0).map_err(|_| Fault::Broken("a time is out of range"))
}

/// A kept time that may be missing.
pub(super) fn time_of(at: Option<Time>) -> Answer<Option<Timestamp>> {
    at.map(time).transpose()
}

/// A word of the model by its name.
pub(super) fn named<T: DeserializeOwned>(name: String) -> Answer<T> {
    serde_json::from_value(serde_json::Value::String(name))
        .map_err(|_| Fault::Broken("a row holds a name that this program does not know"))
}

/// A value of the model as JSON.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Answer<String> {
    serde_json::to_string(value).map_err(|_| Fault::Broken("a value cannot be written as JSON"))
}

/// A value of the model from JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Answer<T> {
    serde_json::from_str(text).map_err(|_| Fault::Broken("a row holds unexpected JSON"))
}

/// A count as it is kept. Beyond 2^63 it stops counting.
pub(super) fn kept(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A kept count.
pub(super) fn count(kept: i64) -> u64 {
    u64::try_from(kept).unwrap_or(0)
}

/// A kept number that has fewer bits in the model.
pub(super) fn small<T: TryFrom<i64>>(kept: i64) -> Answer<T> {
    T::try_from(kept).map_err(|_| Fault::Broken("a number is out of range"))
}

/// The texts of ids, to be handed over as an array. One with U+0000 is in no row.
pub(super) fn texts<T: AsRef<str>>(ids: &[T]) -> Vec<&str> {
    ids.iter()
        .map(AsRef::as_ref)
        .filter(|id| !has_nul(id))
        .collect()
}

/// Whether a text holds U+0000, which no text in PostgreSQL does.
pub(super) fn has_nul(text: &str) -> bool {
    memchr::memchr(0, text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_and_come_to_the_microsecond() {
        for micros in [
            0,
            1,
            -1,
            TO_2000,
            -62_135_596_800_000_000,
            253_402_207_200_999_999,
        ] {
            let mut raw = BytesMut::new();
            Time(micros)
                .to_sql(&Type::TIMESTAMPTZ, &mut raw)
                .expect("written");
            let read = Time::from_sql(&Type::TIMESTAMPTZ, &raw).expect("read");
            assert_eq!(read, Time(micros));
        }
    }
}
