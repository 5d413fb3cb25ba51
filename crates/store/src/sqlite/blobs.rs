//! Contents, by their hash.

use super::errors::{Answer, Fault};
use super::values::{affected, count, kept, micros};
use super::writer::Tx;
use super::{Inner, SqliteStore};
use crate::blob_files::{BlobFiles, IN_DATABASE, Pending, Temporary, pieces};
use crate::blocking::short;
use crate::contract::blobs::{BlobReader, BlobWriter, Blobs, blob_ref};
use crate::contract::{Result, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use postroom_model::Timestamp;
use postroom_model::resource::attachment::BlobRef;
use rusqlite::{OptionalExtension as _, params};
use std::sync::Arc;

// A content that is put again is new again: whoever put it has time to point to it.
const PUT: &str = "INSERT INTO blobs (hash, size, created_at, content) VALUES ($1, $2, $3, $4)
    ON CONFLICT (hash) DO UPDATE SET created_at = excluded.created_at
    WHERE blobs.created_at < excluded.created_at";
const GET: &str = "SELECT size, content FROM blobs WHERE hash = $1";
const HAS: &str = "SELECT EXISTS (SELECT 1 FROM blobs WHERE hash = $1)";
const COLLECT: &str = "DELETE FROM blobs WHERE created_at < $1
    AND NOT EXISTS (SELECT 1 FROM attachments WHERE blob_hash = blobs.hash)
    AND NOT EXISTS (SELECT 1 FROM messages WHERE mime_hash = blobs.hash)
    AND NOT EXISTS (SELECT 1 FROM outbox_blobs WHERE hash = blobs.hash)";

/// Whether a content is here.
pub(super) fn has(connection: &rusqlite::Connection, hash: &str) -> Answer<bool> {
    Ok(connection
        .prepare_cached(HAS)?
        .query_row([hash], |row| row.get(0))?)
}

/// Contents on their way into a transaction. The large ones are files already, held until the
/// transaction is committed: this has to live as long.
pub(super) struct Contents {
    contents: Vec<(BlobRef, Bytes)>,
    _held: Vec<Pending>,
}

impl Contents {
    /// Checks every content against its reference and writes the large ones to disk.
    pub(super) async fn prepare(
        files: &BlobFiles,
        contents: Vec<(BlobRef, Bytes)>,
    ) -> Result<Self> {
        if contents.is_empty() {
            return Ok(Self {
                contents,
                _held: Vec::new(),
            });
        }
        let files = files.clone();
        let work = move || {
            let mut held = Vec::new();
            for (blob, content) in &contents {
                if blob_ref(content) != *blob {
                    return Err(StoreError::Database {
                        doing: "keeping a content".into(),
                        reason: "it is not the one that its reference names".into(),
                    });
                }
                if blob.size > IN_DATABASE {
                    held.push(files.put(blob, content)?);
                }
            }
            Ok(Self {
                contents,
                _held: held,
            })
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Writes their rows.
    pub(super) fn put(&self, tx: &Tx<'_>, at: Timestamp) -> Answer<()> {
        for (blob, content) in &self.contents {
            let content = (blob.size <= IN_DATABASE).then_some(content.as_ref());
            put_row(tx, blob, content, at)?;
        }
        Ok(())
    }
}

fn put_row(tx: &Tx<'_>, blob: &BlobRef, content: Option<&[u8]>, at: Timestamp) -> Answer<()> {
    tx.prepare_cached(PUT)?
        .execute(params![blob.hash, kept(blob.size), micros(at), content])?;
    Ok(())
}

/// A content that comes in pieces: in memory while it is small, then in a file.
struct Writing {
    store: Arc<Inner>,
    hasher: blake3::Hasher,
    size: u64,
    start: Vec<u8>,
    file: Option<Temporary>,
}

#[async_trait]
impl BlobWriter for Writing {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        if self.file.is_none() && self.size <= IN_DATABASE {
            self.start.extend_from_slice(piece);
            return Ok(());
        }
        short(|| {
            let file = match &mut self.file {
                Some(file) => file,
                none => {
                    let file = none.insert(self.store.files.begin()?);
                    file.write(&std::mem::take(&mut self.start))?;
                    file
                }
            };
            file.write(piece)
        })
    }

    async fn finish(self: Box<Self>, at: Timestamp) -> Result<BlobRef> {
        let Self {
            store,
            hasher,
            size,
            start,
            file,
        } = *self;
        let blob = BlobRef {
            hash: hasher.finalize().to_hex().to_string(),
            size,
        };
        let pending = match file {
            Some(file) => {
                let (files, blob) = (store.files.clone(), blob.clone());
                let place = move || files.finish(file, &blob).map(Some);
                tokio::task::spawn_blocking(place)
                    .await
                    .unwrap_or(Err(StoreError::Closed))?
            }
            None => None,
        };
        let (blob, _pending) = store
            .writer
            .write("keeping a content", move |tx| {
                let content = pending.is_none().then_some(start.as_slice());
                put_row(tx, &blob, content, at)?;
                // Handed back, so that the file is held until the commit.
                Ok((blob, pending))
            })
            .await?;
        Ok(blob)
    }
}

#[async_trait]
impl Blobs for SqliteStore {
    async fn put_blob(&self, content: Bytes, at: Timestamp) -> Result<BlobRef> {
        let blob = blob_ref(&content);
        let contents = Contents::prepare(&self.0.files, vec![(blob.clone(), content)]).await?;
        self.write("keeping a content", move |tx| {
            contents.put(tx, at)?;
            Ok(contents)
        })
        .await?;
        Ok(blob)
    }

    async fn write_blob(&self) -> Result<Box<dyn BlobWriter>> {
        Ok(Box::new(Writing {
            store: Arc::clone(&self.0),
            hasher: blake3::Hasher::new(),
            size: 0,
            start: Vec::new(),
            file: None,
        }))
    }

    async fn read_blob(&self, hash: &str) -> Result<Option<BlobReader>> {
        let found = self.read("reading a content", |connection| {
            Ok(connection
                .prepare_cached(GET)?
                .query_row([hash], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
                })
                .optional()?)
        })?;
        let Some((size, content)) = found else {
            return Ok(None);
        };
        let size = count(size);
        let pieces = match content {
            Some(content) => stream::iter([Ok(Bytes::from(content))]).boxed(),
            None => {
                let blob = BlobRef {
                    hash: hash.to_owned(),
                    size,
                };
                pieces(short(|| self.0.files.read(&blob))?)
            }
        };
        Ok(Some(BlobReader { size, pieces }))
    }

    async fn collect_blobs(&self, before: Timestamp) -> Result<u64> {
        let rows = self
            .write("collecting contents", move |tx| {
                Ok(affected(
                    tx.prepare_cached(COLLECT)?.execute([micros(before)])?,
                ))
            })
            .await?;
        let (files, readers) = (self.0.files.clone(), self.0.readers.clone());
        let clean = move || {
            let collection = files.begin_collection()?;
            let orphans = readers.read("collecting contents", |database| {
                let mut orphans = Vec::new();
                for hash in &collection.hashes {
                    if !has(database, hash)? {
                        orphans.push(hash.clone());
                    }
                }
                Ok(orphans)
            })?;
            collection.remove(&orphans)
        };
        tokio::task::spawn_blocking(clean)
            .await
            .unwrap_or(Err(StoreError::Closed))?;
        Ok(rows)
    }
}

/// What a row must not point to.
pub(super) fn must_be_here(tx: &Tx<'_>, blob: &BlobRef) -> Answer<()> {
    if has(tx, &blob.hash)? {
        Ok(())
    } else {
        Err(Fault::Broken("the content is not in the store"))
    }
}
