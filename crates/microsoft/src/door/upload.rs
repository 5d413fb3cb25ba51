//! A request body that comes piece by piece and goes on as it comes: nothing of it is kept.

use super::guard::held;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// Why the rest of a body does not come.
pub type UploadFailure = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way through. It can be sent once: only as long as nothing was taken from it, a call
/// may be tried again.
#[derive(Clone)]
pub struct Upload {
    shared: Arc<Shared>,
    /// Its length in bytes, where it is known.
    pub length: Option<u64>,
}

struct Shared {
    pieces: Mutex<BoxStream<'static, Result<Bytes, UploadFailure>>>,
    taken: Arc<AtomicU64>,
    begun: AtomicBool,
    ended: AtomicBool,
}

impl Upload {
    /// Pieces as they come; an error is the last. `length` becomes `Content-Length`, without which
    /// the body goes in chunks (RFC 9112, section 7.1).
    pub fn new(
        pieces: BoxStream<'static, Result<Bytes, UploadFailure>>,
        length: Option<u64>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                pieces: Mutex::new(pieces),
                taken: Arc::default(),
                begun: AtomicBool::new(false),
                ended: AtomicBool::new(false),
            }),
            length,
        }
    }

    /// How many bytes were taken so far.
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.taken)
    }

    pub(super) fn has_begun(&self) -> bool {
        self.shared.begun.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Relaxed)
    }

    pub(super) fn body(&self) -> reqwest::Body {
        reqwest::Body::wrap_stream(Pieces(Arc::clone(&self.shared)))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("length", &self.length)
            .field("taken", &self.taken())
            .finish_non_exhaustive()
    }
}

struct Pieces(Arc<Shared>);

impl futures::Stream for Pieces {
    type Item = Result<Bytes, UploadFailure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let shared = &self.0;
        shared.begun.store(true, Ordering::Relaxed);
        let polled = held(&shared.pieces).poll_next_unpin(cx);
        match &polled {
            Poll::Ready(Some(Ok(piece))) => {
                shared
                    .taken
                    .fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
            Poll::Ready(_) => shared.ended.store(true, Ordering::Relaxed),
            Poll::Pending => {}
        }
        polled
    }
}
