//! The house stands as ARCHITECTURE.md says: who may depend on whom.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const MAY_USE: &[(&str, &[&str])] = &[
    ("postroom-model", &[]),
    ("postroom-sandbox", &[]),
    ("postroom-microsoft", &["postroom-model"]),
    ("postroom-store", &["postroom-model"]),
    (
        "postroom-engine",
        &["postroom-model", "postroom-microsoft", "postroom-store"],
    ),
    ("postroom-http", &["postroom-model", "postroom-engine"]),
];

#[test]
fn crates_use_only_what_they_may() -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    for (name, may) in MAY_USE {
        let package = packages
            .iter()
            .find(|package| package["name"] == *name)
            .with_context(|| format!("a crate {name}"))?;
        let uses: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .context("dependencies")?
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| dependency.starts_with("postroom"))
            .collect();
        let may: BTreeSet<&str> = may.iter().copied().collect();
        assert!(
            uses.is_subset(&may),
            "{name} uses {uses:?}, may use {may:?}"
        );
    }
    Ok(())
}

/// Only `store` holds SQL, only `microsoft` makes HTTP calls of its own.
#[test]
fn only_the_store_has_a_database_and_only_the_door_a_client() -> Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    for (dependency, owners) in [
        ("rusqlite", &["store"][..]),
        ("reqwest", &["microsoft", "postroom", "sandbox"][..]),
    ] {
        for entry in std::fs::read_dir(&root)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let manifest = std::fs::read_to_string(entry.path().join("Cargo.toml"))?;
            let has = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{dependency}.")));
            assert!(
                !has || owners.contains(&name.as_str()),
                "{name} depends on {dependency}"
            );
        }
    }
    Ok(())
}
