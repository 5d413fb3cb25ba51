//! Reports of a connection's check.

use crate::World;
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Has the world's connection checked.
pub async fn check(world: &World) -> Result<Value> {
    check_with(world, json!({})).await
}

/// The same, with what the check is to look at besides.
pub async fn check_with(world: &World, body: Value) -> Result<Value> {
    let path = format!("/connections/{}/check", world.connection.id);
    world.api.post(&path, &body).await
}

/// One step of a report.
pub fn step<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    report["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|step| step["name"] == name)
        .with_context(|| format!("no step {name}: {report:#}"))
}

/// That a text has all of these in it.
///
/// # Panics
/// When one is missing.
pub fn assert_says(text: &Value, all: &[&str]) {
    let text = text.as_str().unwrap_or_default();
    for one in all {
        assert!(text.contains(one), "{one:?} is not in {text:?}");
    }
}
