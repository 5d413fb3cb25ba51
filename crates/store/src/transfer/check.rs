//! Proves a store whole.

use super::tables::LOGINS;
use super::{BLOBS, Progress, Watcher};
use crate::contract::tables::Value;
use crate::contract::{Result, Store, StoreError};
use futures::{StreamExt as _, stream};

/// Rows looked up at once.
const SOME: u32 = 500;
/// Contents read side by side.
const CONTENTS: usize = 8;

/// Looks at references, counts, cursors, every content and every secret. Gives what is wrong, in
/// words; nothing: the store is whole.
///
/// # Errors
///
/// Where the store cannot be read at all.
pub async fn check(store: &dyn Store, watcher: Watcher<'_>) -> Result<Vec<String>> {
    let mut faults = rows_and_contents(store, watcher).await?;
    secrets(store, &mut faults).await?;
    Ok(faults)
}

/// As [`check`], without secrets.
pub(super) async fn rows_and_contents(
    store: &dyn Store,
    watcher: Watcher<'_>,
) -> Result<Vec<String>> {
    watcher(Progress {
        doing: "rows",
        done: 0,
        of: 0,
    });
    let mut faults = store.find_faults().await?;
    contents(store, watcher, &mut faults).await?;
    Ok(faults)
}

/// Every secret opens with the master key that the store was opened with.
async fn secrets(store: &dyn Store, faults: &mut Vec<String>) -> Result<()> {
    fn sealed<T>(outcome: Result<T>, faults: &mut Vec<String>) -> Result<()> {
        match outcome {
            Err(error @ StoreError::Sealed { .. }) => faults.push(error.to_string()),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        Ok(())
    }
    for connection in store.connections().await? {
        for credential in store.credentials(&connection.id).await? {
            if credential.secret.is_empty() {
                let what = format!("secret of credentials {}", credential.info.id);
                faults.push(StoreError::Sealed { what }.to_string());
            }
        }
    }
    for account in store.accounts().await? {
        sealed(store.grant(&account.id).await, faults)?;
    }
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = store.read_rows(&LOGINS, after.as_deref(), SOME).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some(LOGINS.key_of(last).to_vec());
        for row in &rows {
            if let Some(Value::Text(id)) = row.first() {
                sealed(store.login(&id.as_str().into()).await, faults)?;
            }
        }
    }
}

/// Every content is what its name says.
async fn contents(store: &dyn Store, watcher: Watcher<'_>, faults: &mut Vec<String>) -> Result<()> {
    let of = store.count_rows(&BLOBS).await?;
    let mut done = 0;
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = store.read_rows(&BLOBS, after.as_deref(), SOME).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some(BLOBS.key_of(last).to_vec());
        let mut looked_at = stream::iter(&rows)
            .map(async |row| match row.as_slice() {
                [Value::Text(hash), Value::Integer(size), ..] => content(store, hash, *size).await,
                _ => Ok(None),
            })
            .buffered(CONTENTS);
        while let Some(fault) = looked_at.next().await {
            faults.extend(fault?);
            done += 1;
            watcher(Progress {
                doing: "contents",
                done,
                of,
            });
        }
    }
}

async fn content(store: &dyn Store, hash: &str, size: i64) -> Result<Option<String>> {
    let mut reader = match store.read_blob(hash).await {
        Ok(Some(reader)) => reader,
        Ok(None) => return Ok(Some(format!("the content {hash} is missing"))),
        Err(StoreError::Io { .. }) => {
            return Ok(Some(format!("the content {hash} cannot be read")));
        }
        Err(error) => return Err(error),
    };
    let mut hasher = blake3::Hasher::new();
    let mut read = 0_i64;
    while let Some(piece) = reader.pieces.next().await {
        match piece {
            Ok(piece) => {
                hasher.update(&piece);
                read = read.saturating_add(i64::try_from(piece.len()).unwrap_or(i64::MAX));
            }
            Err(_) => return Ok(Some(format!("the content {hash} cannot be read"))),
        }
    }
    if read != size || hasher.finalize().to_hex().as_str() != hash {
        return Ok(Some(format!(
            "the content {hash} is not what it was: {read} bytes instead of {size}, or others"
        )));
    }
    Ok(None)
}
