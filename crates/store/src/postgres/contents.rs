//! Contents on their way into a transaction.
//!
//! A small one goes in with its row. A large one comes first: as a file, or as pieces under the
//! number of an upload, which nobody reads before a row of `blobs` names it.

use super::errors::{Answer, Fault};
use super::server::{Server, Tx};
use super::values::{at, kept};
use super::{Inner, PostgresStore};
use crate::blob_files::{BlobFiles, IN_DATABASE, Pending};
use crate::contract::blobs::blob_ref;
use crate::contract::{Result, StoreError};
use bytes::Bytes;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};
use postroom_model::Timestamp;
use postroom_model::resource::attachment::BlobRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A large content lies in pieces of this size at most.
pub(super) const PIECE: usize = 256 * 1024;

/// So many pieces are under way at once.
const AT_ONCE: usize = 4;

// A content that is put again is new again: whoever put it has time to point to it.
const PUT: &str = "INSERT INTO blobs (hash, size, created_at, content, upload)
    SELECT it.hash, it.size, $1, it.content, it.upload
    FROM unnest($2::text[], $3::bigint[], $4::bytea[], $5::bigint[])
        AS it (hash, size, content, upload)
    ORDER BY it.hash
    ON CONFLICT (hash) DO UPDATE SET created_at = excluded.created_at
    WHERE blobs.created_at < excluded.created_at";
// Where the content is already here, it is not sent again.
const TOUCH: &str = "UPDATE blobs SET created_at = GREATEST(created_at, $1)
    WHERE hash = ANY ($2) RETURNING hash";
const BEGIN: &str = "INSERT INTO blob_uploads DEFAULT VALUES RETURNING number";
const PUT_PIECE: &str = "INSERT INTO blob_pieces (upload, ordinal, piece) VALUES ($1, $2, $3)
    ON CONFLICT (upload, ordinal) DO NOTHING";
const CLAIM: &str = "DELETE FROM blob_uploads WHERE number = ANY ($1)";
const FORGET_UNNAMED: &str = "DELETE FROM blob_pieces p WHERE upload = ANY ($1)
    AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.upload = p.upload)";
const HERE: &str = "SELECT 1 FROM blobs WHERE hash = $1 FOR KEY SHARE";

/// What a row is to hold.
struct Row {
    size: u64,
    content: Option<Bytes>,
    upload: Option<i64>,
}

/// Contents for one transaction. Files are held until this is dropped: it has to live until the
/// transaction is committed.
pub(super) struct Contents {
    rows: BTreeMap<String, Row>,
    _held: Vec<Pending>,
}

impl Contents {
    /// Checks every content against its reference and brings the large ones into the store.
    pub(super) async fn prepare(
        store: &PostgresStore,
        contents: &[(BlobRef, Bytes)],
        time: Timestamp,
    ) -> Result<Self> {
        let mut all = Self {
            rows: BTreeMap::new(),
            _held: Vec::new(),
        };
        if contents.is_empty() {
            return Ok(all);
        }
        let (checked, files) = (contents.to_vec(), store.0.files.clone());
        all._held = tokio::task::spawn_blocking(move || check(&checked, files.as_ref()))
            .await
            .unwrap_or(Err(StoreError::Closed))?;
        let mut large = BTreeMap::new();
        for (blob, content) in contents {
            let row = Row {
                size: blob.size,
                content: (blob.size <= IN_DATABASE).then(|| content.clone()),
                upload: None,
            };
            if row.content.is_none() && store.0.files.is_none() {
                large.insert(blob.hash.as_str(), content);
            }
            all.rows.insert(blob.hash.clone(), row);
        }
        for (hash, content) in large {
            if touch(store.server(), hash, time).await? {
                // Here already, and new again.
                all.rows.remove(hash);
            } else if let Some(row) = all.rows.get_mut(hash) {
                row.upload = Some(upload(store.server(), content).await?);
            }
        }
        Ok(all)
    }

    /// A content that came in pieces: small and at hand, or uploaded, or a file.
    pub(super) fn of_pieces(
        blob: &BlobRef,
        content: Option<Bytes>,
        upload: Option<i64>,
        held: Option<Pending>,
    ) -> Self {
        let row = Row {
            size: blob.size,
            content,
            upload,
        };
        Self {
            rows: BTreeMap::from([(blob.hash.clone(), row)]),
            _held: held.into_iter().collect(),
        }
    }

    /// Writes their rows.
    pub(super) async fn put(&self, tx: &Tx<'_>, time: Timestamp) -> Answer<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let uploads: Vec<i64> = self.rows.values().filter_map(|row| row.upload).collect();
        if !uploads.is_empty() {
            // One that took so long that it was collected must not be named.
            let claimed = tx.execute(CLAIM, &[&uploads]).await?;
            if claimed != uploads.len() as u64 {
                return Err(Fault::Broken("a content took too long to come"));
            }
        }
        let hashes: Vec<_> = self.rows.keys().map(String::as_str).collect();
        let sizes: Vec<_> = self.rows.values().map(|row| kept(row.size)).collect();
        let contents: Vec<_> = self
            .rows
            .values()
            .map(|row| row.content.as_deref())
            .collect();
        let all_uploads: Vec<_> = self.rows.values().map(|row| row.upload).collect();
        tx.execute(PUT, &[&at(time), &hashes, &sizes, &contents, &all_uploads])
            .await?;
        if !uploads.is_empty() {
            // Somebody else brought the same content first.
            tx.execute(FORGET_UNNAMED, &[&uploads]).await?;
        }
        Ok(())
    }
}

/// Checks contents, and writes the large ones as files if that is where they belong.
fn check(contents: &[(BlobRef, Bytes)], files: Option<&BlobFiles>) -> Result<Vec<Pending>> {
    let mut held = Vec::new();
    for (blob, content) in contents {
        if blob_ref(content) != *blob {
            return Err(StoreError::Database {
                doing: "keeping a content".into(),
                reason: "it is not the one that its reference names".into(),
            });
        }
        if let Some(files) = files
            && blob.size > IN_DATABASE
        {
            held.push(files.put(blob, content)?);
        }
    }
    Ok(held)
}

/// Whether a content is here; then it counts as put at this time.
pub(super) async fn touch(server: &Server, hash: &str, time: Timestamp) -> Result<bool> {
    let hashes = &[hash];
    let rows = server
        .write("keeping a content", move |tx| {
            async move {
                let rows = tx.rows(TOUCH, &[&at(time), &hashes.as_slice()]).await?;
                Ok(rows.len())
            }
            .boxed()
        })
        .await?;
    Ok(rows > 0)
}

/// Brings a content in by pieces, in one transaction. Gives the number of the upload.
async fn upload(server: &Server, content: &Bytes) -> Result<i64> {
    server
        .write("keeping a content", move |tx| {
            async move {
                let number: i64 = tx.row(BEGIN, &[]).await?.try_get(0)?;
                let put = tx.statement(PUT_PIECE).await?;
                let mut pieces = content.chunks(PIECE).zip(0_i64..);
                let mut under_way = FuturesOrdered::new();
                loop {
                    while under_way.len() < AT_ONCE {
                        let Some((piece, ordinal)) = pieces.next() else {
                            break;
                        };
                        let put = &put;
                        under_way.push_back(async move {
                            tx.client().execute(put, &[&number, &ordinal, &piece]).await
                        });
                    }
                    match under_way.next().await {
                        Some(put) => put?,
                        None => break,
                    };
                }
                Ok(number)
            }
            .boxed()
        })
        .await
}

/// Begins an upload that comes in pieces.
pub(super) async fn begin_upload(server: &Server) -> Result<i64> {
    server
        .write("keeping a content", move |tx| {
            async move { Ok(tx.row(BEGIN, &[]).await?.try_get(0)?) }.boxed()
        })
        .await
}

/// Adds a piece to an upload.
pub(super) async fn put_piece(
    server: &Server,
    upload: i64,
    ordinal: i64,
    piece: &[u8],
) -> Result<()> {
    server
        .write("keeping a content", move |tx| {
            async move {
                tx.execute(PUT_PIECE, &[&upload, &ordinal, &piece]).await?;
                Ok(())
            }
            .boxed()
        })
        .await
}

/// Forgets an upload that nobody will name, in the background. If that fails, a collection does it.
pub(super) fn abandon(store: Arc<Inner>, upload: i64) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        let _ = forget(&store.server, &[upload]).await;
    });
}

/// Forgets uploads that are not named.
pub(super) async fn forget(server: &Server, uploads: &[i64]) -> Result<()> {
    server
        .write("forgetting a content that never came", move |tx| {
            async move {
                // First: whoever is about to name one is waited for, and what it named is seen by
                // the second statement only.
                tx.execute(CLAIM, &[&uploads]).await?;
                tx.execute(FORGET_UNNAMED, &[&uploads]).await?;
                Ok(())
            }
            .boxed()
        })
        .await
}

/// What a row must not point to. What is here stays until the transaction ends.
pub(super) async fn must_be_here(tx: &Tx<'_>, hash: &str) -> Answer<()> {
    match tx.row_opt(HERE, &[&hash]).await? {
        Some(_) => Ok(()),
        None => Err(Fault::Broken("the content is not in the store")),
    }
}
