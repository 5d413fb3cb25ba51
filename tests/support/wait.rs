//! Waiting for something that is sure to come about.

use anyhow::{Result, bail};
use std::time::Duration;

/// Returns when it is so; fails when it does not come about in minutes.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    for _ in 0..12_000 {
        if is_so() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("it did not come about that {what}")
}
