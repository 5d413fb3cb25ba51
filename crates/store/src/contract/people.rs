//! The mirrored directory.

use super::Result;
use async_trait::async_trait;
use postroom_model::resource::person::PersonRecord;
use postroom_model::{ConnectionId, Timestamp};

/// A person as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPerson {
    /// The person.
    pub record: PersonRecord,
    /// When the reading began that saw the person last.
    pub seen_at: Timestamp,
    /// When the reading began that found the person new or changed.
    pub updated_at: Timestamp,
}

/// The mirrored directory: the people of each connection's tenant.
#[async_trait]
pub trait People {
    /// Takes in a page of a reading that began at `at`. With `whole` it is the reading's last one:
    /// whoever was last seen before `at` is gone. A page for a connection that is gone does
    /// nothing.
    async fn apply_people(
        &self,
        connection: &ConnectionId,
        people: &[PersonRecord],
        whole: bool,
        at: Timestamp,
    ) -> Result<()>;
    /// All people of a connection, by id.
    async fn people(&self, connection: &ConnectionId) -> Result<Vec<StoredPerson>>;
}
