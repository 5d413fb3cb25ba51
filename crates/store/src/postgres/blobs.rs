//! Contents, by their hash.

use super::contents::{self, Contents, PIECE};
use super::values::{at, count};
use super::{Inner, PostgresStore};
use crate::blob_files::{IN_DATABASE, Temporary, pieces};
use crate::blocking::short;
use crate::contract::blobs::{BlobReader, BlobWriter, Blobs, blob_ref};
use crate::contract::{Result, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use postroom_model::Timestamp;
use postroom_model::resource::attachment::BlobRef;
use std::collections::HashSet;
use std::sync::Arc;

const GET: &str = "SELECT size, content, upload FROM blobs WHERE hash = $1";
const GET_PIECE: &str = "SELECT piece FROM blob_pieces WHERE upload = $1 AND ordinal = $2";
const FILES_WITH_ROWS: &str = "SELECT hash FROM blobs
    WHERE hash = ANY ($1) AND content IS NULL AND upload IS NULL";

macro_rules! unnamed {
    ($start:literal, $end:literal) => {
        concat!(
            $start,
            " created_at < $1
                AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.blob_hash = b.hash)
                AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.mime_hash = b.hash)
                AND NOT EXISTS (SELECT 1 FROM outbox_blobs o WHERE o.hash = b.hash) ",
            $end
        )
    };
}

// In two steps: whoever begins to point to a content locks its row, and so does this. What pointed
// to it before the lock was had is seen by the second statement only.
const LOCK_UNNAMED: &str = unnamed!(
    "SELECT b.hash FROM blobs b WHERE",
    "ORDER BY b.hash LIMIT 500 FOR UPDATE SKIP LOCKED"
);
const COLLECT: &str = unnamed!(
    "DELETE FROM blobs b WHERE b.hash = ANY ($2) AND",
    "RETURNING b.upload"
);
const FORGET_PIECES: &str = "DELETE FROM blob_pieces WHERE upload = ANY ($1)";
// By the server's clock, for an upload may be another process's. One that takes a day is dead.
const ABANDONED: &str = "SELECT number FROM blob_uploads
    WHERE begun_at < now() - interval '1 day' LIMIT 100";

/// A content that comes in pieces: in memory while it is small, then in the database or a file.
struct Writing {
    store: Arc<Inner>,
    hasher: blake3::Hasher,
    size: u64,
    /// What is not written yet.
    pending: Vec<u8>,
    place: Place,
}

enum Place {
    Memory,
    File(Temporary),
    Upload { number: i64, next: i64 },
}

impl Writing {
    /// Writes what is pending, for it is too much to keep.
    async fn write_out(&mut self) -> Result<()> {
        if matches!(self.place, Place::Memory) {
            self.place = match &self.store.files {
                Some(files) => Place::File(short(|| files.begin())?),
                None => Place::Upload {
                    number: contents::begin_upload(&self.store.server).await?,
                    next: 0,
                },
            };
        }
        match &mut self.place {
            Place::Memory => {}
            Place::File(file) => {
                short(|| file.write(&self.pending))?;
                self.pending.clear();
            }
            Place::Upload { number, next } => {
                let mut written = 0;
                for piece in self.pending.chunks(PIECE) {
                    contents::put_piece(&self.store.server, *number, *next, piece).await?;
                    *next += 1;
                    written += piece.len();
                }
                self.pending.drain(..written);
            }
        }
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Place::Upload { number, .. } = self.place {
            contents::abandon(Arc::clone(&self.store), number);
        }
    }
}

#[async_trait]
impl BlobWriter for Writing {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        // A piece of any size is taken in by parts, so that memory stays flat.
        for part in piece.chunks(PIECE) {
            self.pending.extend_from_slice(part);
            if self.pending.len() >= PIECE {
                self.write_out().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>, at: Timestamp) -> Result<BlobRef> {
        let blob = BlobRef {
            hash: self.hasher.finalize().to_hex().to_string(),
            size: self.size,
        };
        if blob.size > IN_DATABASE && !self.pending.is_empty() {
            self.write_out().await?;
        }
        let content = Bytes::from(std::mem::take(&mut self.pending));
        let contents = match std::mem::replace(&mut self.place, Place::Memory) {
            Place::Memory => Contents::of_pieces(&blob, Some(content), None, None),
            Place::Upload { number, .. } => {
                // Until it is named it may yet be abandoned.
                self.place = Place::Upload { number, next: 0 };
                Contents::of_pieces(&blob, None, Some(number), None)
            }
            Place::File(file) => {
                let (files, blob) = (self.store.files.clone(), blob.clone());
                let files = files.ok_or(StoreError::Closed)?;
                let of = blob.clone();
                let place = move || files.finish(file, &of);
                let held = tokio::task::spawn_blocking(place)
                    .await
                    .unwrap_or(Err(StoreError::Closed))?;
                Contents::of_pieces(&blob, None, None, Some(held))
            }
        };
        let all = &contents;
        self.store
            .server
            .write("keeping a content", move |tx| all.put(tx, at).boxed())
            .await?;
        self.place = Place::Memory;
        Ok(blob)
    }
}

/// The pieces of an upload, each read when it is wanted: no connection is held between them.
fn pieces_of(store: Arc<Inner>, upload: i64, size: u64) -> BoxStream<'static, Result<Bytes>> {
    stream::try_unfold(
        (store, 0_i64, 0_u64),
        move |(store, ordinal, given)| async move {
            if given >= size {
                return Ok(None);
            }
            let piece: Option<Vec<u8>> = store
                .server
                .read("reading a content", move |session| {
                    async move {
                        let row = session.row_opt(GET_PIECE, &[&upload, &ordinal]).await?;
                        Ok(row.map(|row| row.try_get(0)).transpose()?)
                    }
                    .boxed()
                })
                .await?;
            let Some(piece) = piece.filter(|piece| !piece.is_empty()) else {
                return Err(StoreError::Database {
                    doing: "reading a content".into(),
                    reason: "it was collected meanwhile".into(),
                });
            };
            let given = given + piece.len() as u64;
            Ok(Some((Bytes::from(piece), (store, ordinal + 1, given))))
        },
    )
    .boxed()
}

#[derive(Default)]
struct Found {
    size: i64,
    content: Option<Vec<u8>>,
    upload: Option<i64>,
}

#[async_trait]
impl Blobs for PostgresStore {
    async fn put_blob(&self, content: Bytes, at: Timestamp) -> Result<BlobRef> {
        let blob = blob_ref(&content);
        let contents = Contents::prepare(self, &[(blob.clone(), content)], at).await?;
        let all = &contents;
        self.server()
            .write("keeping a content", move |tx| all.put(tx, at).boxed())
            .await?;
        Ok(blob)
    }

    async fn write_blob(&self) -> Result<Box<dyn BlobWriter>> {
        Ok(Box::new(Writing {
            store: Arc::clone(&self.0),
            hasher: blake3::Hasher::new(),
            size: 0,
            pending: Vec::new(),
            place: Place::Memory,
        }))
    }

    async fn read_blob(&self, hash: &str) -> Result<Option<BlobReader>> {
        let found = self
            .server()
            .read("reading a content", move |session| {
                async move {
                    let Some(row) = session.row_opt(GET, &[&hash]).await? else {
                        return Ok(None);
                    };
                    Ok(Some(Found {
                        size: row.try_get(0)?,
                        content: row.try_get(1)?,
                        upload: row.try_get(2)?,
                    }))
                }
                .boxed()
            })
            .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let size = count(found.size);
        let pieces = match (found.content, found.upload, &self.0.files) {
            (Some(content), ..) => stream::iter([Ok(Bytes::from(content))]).boxed(),
            (None, Some(upload), _) => pieces_of(Arc::clone(&self.0), upload, size),
            (None, None, Some(files)) => {
                let blob = BlobRef {
                    hash: hash.to_owned(),
                    size,
                };
                pieces(short(|| files.read(&blob))?)
            }
            (None, None, None) => {
                return Err(StoreError::Unusable {
                    place: self.0.place.clone(),
                    reason: "this content lies in a folder of files: name that folder".into(),
                });
            }
        };
        Ok(Some(BlobReader { size, pieces }))
    }

    async fn collect_blobs(&self, before: Timestamp) -> Result<u64> {
        let mut collected = 0;
        loop {
            let removed = self.collect_some(before).await?;
            collected += removed;
            if removed == 0 {
                break;
            }
        }
        let abandoned: Vec<i64> = self
            .server()
            .read("collecting contents", |session| {
                async move {
                    let rows = session.rows(ABANDONED, &[]).await?;
                    let numbers = rows.iter().map(|row| row.try_get(0));
                    Ok(numbers.collect::<std::result::Result<_, _>>()?)
                }
                .boxed()
            })
            .await?;
        if !abandoned.is_empty() {
            contents::forget(self.server(), &abandoned).await?;
        }
        self.collect_files().await?;
        Ok(collected)
    }
}

impl PostgresStore {
    /// Collects a few hundred contents.
    async fn collect_some(&self, before: Timestamp) -> Result<u64> {
        let before = at(before);
        self.server()
            .write("collecting contents", move |tx| {
                async move {
                    let rows = tx.rows(LOCK_UNNAMED, &[&before]).await?;
                    if rows.is_empty() {
                        return Ok(0);
                    }
                    let mut hashes: Vec<String> = Vec::with_capacity(rows.len());
                    for row in rows {
                        hashes.push(row.try_get(0)?);
                    }
                    let removed = tx.rows(COLLECT, &[&before, &hashes]).await?;
                    let mut uploads: Vec<i64> = Vec::new();
                    for row in &removed {
                        uploads.extend(row.try_get::<_, Option<i64>>(0)?);
                    }
                    if !uploads.is_empty() {
                        tx.execute(FORGET_PIECES, &[&uploads]).await?;
                    }
                    Ok(removed.len() as u64)
                }
                .boxed()
            })
            .await
    }

    /// Removes the files that have no row.
    async fn collect_files(&self) -> Result<()> {
        let Some(files) = self.0.files.clone() else {
            return Ok(());
        };
        let collection = tokio::task::spawn_blocking(move || files.begin_collection())
            .await
            .unwrap_or(Err(StoreError::Closed))?;
        let mut orphans: Vec<String> = Vec::new();
        for hashes in collection.hashes.chunks(1000) {
            let named: HashSet<String> = self
                .server()
                .read("collecting contents", move |session| {
                    async move {
                        let rows = session.rows(FILES_WITH_ROWS, &[&hashes]).await?;
                        let hashes = rows.iter().map(|row| row.try_get(0));
                        Ok(hashes.collect::<std::result::Result<_, _>>()?)
                    }
                    .boxed()
                })
                .await?;
            let unnamed = hashes.iter().filter(|hash| !named.contains(*hash));
            orphans.extend(unnamed.cloned());
        }
        tokio::task::spawn_blocking(move || collection.remove(&orphans))
            .await
            .unwrap_or(Err(StoreError::Closed))?;
        Ok(())
    }
}
