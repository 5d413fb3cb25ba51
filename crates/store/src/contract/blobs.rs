//! Contents, by their hash.

use super::Result;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use postroom_model::Timestamp;
use postroom_model::resource::attachment::BlobRef;

/// Contents, by their hash; equal ones are kept once.
#[async_trait]
pub trait Blobs {
    /// Keeps a content that is at hand.
    async fn put_blob(&self, content: Bytes, at: Timestamp) -> Result<BlobRef>;
    /// Begins one that comes in pieces.
    async fn write_blob(&self) -> Result<Box<dyn BlobWriter>>;
    /// A content in pieces. `None` when it is not here. A half-written one is never given.
    async fn read_blob(&self, hash: &str) -> Result<Option<BlobReader>>;
    /// Deletes contents that nothing points to and that were put before `before`. Gives how many.
    async fn collect_blobs(&self, before: Timestamp) -> Result<u64>;
}

/// Takes a content in pieces. Dropped without `finish`, nothing is kept.
#[async_trait]
pub trait BlobWriter: Send {
    /// The next piece.
    async fn write(&mut self, piece: &[u8]) -> Result<()>;
    /// The end: returns when the content is on disk.
    async fn finish(self: Box<Self>, at: Timestamp) -> Result<BlobRef>;
}

/// A content being read.
pub struct BlobReader {
    /// Its length in bytes.
    pub size: u64,
    /// Its pieces.
    pub pieces: BoxStream<'static, Result<Bytes>>,
}

/// What a content is called by.
pub fn blob_ref(content: &[u8]) -> BlobRef {
    BlobRef {
        hash: blake3::hash(content).to_hex().to_string(),
        size: content.len() as u64,
    }
}
