//! Small things that are learned or told and must survive.

use super::Result;
use async_trait::async_trait;

/// Small things that are learned or told and must survive.
#[async_trait]
pub trait Settings {
    /// One.
    async fn setting(&self, name: &str) -> Result<Option<String>>;
    /// Writes one.
    async fn put_setting(&self, name: &str, value: &str) -> Result<()>;
}
