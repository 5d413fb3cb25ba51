//! Looking for secrets where none may be.

use anyhow::Result;
use std::path::Path;

/// The files below a folder that have one of these texts in them.
pub fn found_in(folder: &Path, secrets: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(found_in(&path, secrets)?);
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for secret in secrets {
            if contains(&bytes, secret.as_bytes()) {
                found.push(format!("{} has a secret", path.display()));
            }
        }
    }
    Ok(found)
}

/// Whether the bytes have that text in them.
pub fn contains(bytes: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text)
}
