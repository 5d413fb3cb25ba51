//! Small things that are learned or told and must survive.

use super::Result;
use async_trait::async_trait;
use postroom_model::ConnectionId;

/// Small things that are learned or told and must survive.
#[async_trait]
pub trait Settings {
    /// One.
    async fn setting(&self, name: &str) -> Result<Option<String>>;
    /// Writes one.
    async fn put_setting(&self, name: &str, value: &str) -> Result<()>;
    /// Writes one that still has the value `there` (`None`: that is not there). `Ok(false)` when it
    /// is another one by now: of two who go by the same value one succeeds.
    async fn replace_setting(&self, name: &str, there: Option<&str>, value: &str) -> Result<bool>;
}

/// Whether a setting is a connection's: then the connection's id stands in its name, alone between
/// full stops and colons. Such a setting goes with its connection.
pub(crate) fn is_of_connection(name: &str, connection: &ConnectionId) -> bool {
    name.split(['.', ':'])
        .any(|part| part == connection.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_id_stands_in_the_name() {
        let id = ConnectionId::new("c");
        for name in ["c", "mirror.page.c", "connection.c.moved_at", "consent:c"] {
            assert!(is_of_connection(name, &id), "{name}");
        }
        for name in ["", "name", "mirror.page.cc", "connection.c-1.moved_at"] {
            assert!(!is_of_connection(name, &id), "{name}");
        }
    }
}
