//! A caller's body: small ones are held, so that a call can be repeated; others go through as they
//! come.

use crate::{Code, Problem, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use postroom_microsoft::{Upload, UploadFailure};
use std::sync::{Arc, Mutex, PoisonError};

/// Bodies up to this length, in bytes, are held.
const HELD: u64 = 256 * 1024;

/// A body as it comes.
pub struct Incoming {
    /// The pieces. A problem is the last item: whoever sends broke off, or was too slow.
    pub pieces: BoxStream<'static, Result<Bytes>>,
    /// Its length in bytes, where it was said.
    pub length: Option<u64>,
}

impl Incoming {
    /// All of it, of at most so many bytes.
    pub(super) async fn whole(mut self, limit: usize) -> Result<Bytes> {
        let too_large = || {
            Problem::new(
                Code::TooLarge,
                format!(
                    "The body is larger than {limit} bytes, the most that Microsoft takes here."
                ),
            )
        };
        if self.length.is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = self.pieces.try_next().await? {
            if whole.len() + piece.len() > limit {
                return Err(too_large());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

/// A body on its way.
pub(super) enum Sent {
    None,
    Whole(Bytes),
    /// With what the caller did wrong while it was read.
    Upload(Upload, Arc<Mutex<Option<Problem>>>),
}

impl Sent {
    pub(super) async fn of(body: Option<Incoming>) -> Result<Self> {
        let Some(body) = body else {
            return Ok(Self::None);
        };
        if let Some(length) = body.length.filter(|length| *length <= HELD) {
            let limit = usize::try_from(length).unwrap_or(usize::MAX);
            return body.whole(limit).await.map(Self::whole);
        }
        let failed = Arc::new(Mutex::new(None));
        let fails = Arc::clone(&failed);
        let pieces = body.pieces.map(move |piece| {
            piece.map_err(|problem| {
                let failure: UploadFailure = problem.detail.clone().into();
                *fails.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
                failure
            })
        });
        Ok(Self::Upload(
            Upload::new(pieces.boxed(), body.length),
            failed,
        ))
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::None;
        }
        Self::Whole(bytes)
    }

    /// What the caller did wrong, if that is why nothing came of the call.
    pub(super) fn failed(&self) -> Option<Problem> {
        match self {
            Self::Upload(_, failed) => failed.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Self::None | Self::Whole(_) => None,
        }
    }
}
