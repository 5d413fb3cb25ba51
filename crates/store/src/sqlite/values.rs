//! How the model's values lie in columns: times as microseconds, words by their names, lists as
//! JSON.

use super::errors::{Answer, Fault};
use postroom_model::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A time as it is kept.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A time that may be missing.
pub(super) fn micros_of(at: Option<Timestamp>) -> Option<i64> {
    at.map(micros)
}

/// A kept time.
pub(super) fn time(micros: i64) -> Answer<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|_| Fault::Broken("a time is out of range"))
}

/// A kept time that may be missing.
pub(super) fn time_of(micros: Option<i64>) -> Answer<Option<Timestamp>> {
    micros.map(time).transpose()
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

/// What a long id is found by in an index: see the schema.
pub(super) fn hash(id: &str) -> i64 {
    let mut start = [0; 8];
    start.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..8]);
    i64::from_be_bytes(start)
}

/// How many rows a statement touched.
pub(super) fn affected(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
