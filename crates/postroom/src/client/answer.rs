//! What came back.

use super::problem::ApiProblem;
use anyhow::Context;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// A JSON answer longer than this is none.
const LONGEST_JSON: usize = 256 * 1024 * 1024;

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: BoxStream<'static, anyhow::Result<Bytes>>,
}

impl Answer {
    /// Itself, or what went wrong.
    pub(super) async fn or_problem(self) -> anyhow::Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let status = self.status;
        let bytes = self.bytes().await.unwrap_or_default();
        Err(ApiProblem::read(status, &bytes).into())
    }

    async fn bytes(mut self) -> anyhow::Result<Bytes> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.body.next().await {
            whole.extend_from_slice(&piece?);
            anyhow::ensure!(whole.len() <= LONGEST_JSON, "the answer is too long");
        }
        Ok(whole.freeze())
    }

    /// The answer's JSON.
    pub(super) async fn json(self) -> anyhow::Result<Value> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).context(
            "the answer is no JSON: is this address that of a Postroom server, and of this version?",
        )
    }

    /// The answer as a file.
    pub(super) fn download(self) -> Download {
        Download {
            content_type: self
                .headers
                .get(http::header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("application/octet-stream")
                .to_owned(),
            body: self.body,
        }
    }
}

/// A file being read.
pub(crate) struct Download {
    /// Its media type.
    pub(crate) content_type: String,
    body: BoxStream<'static, anyhow::Result<Bytes>>,
}

impl Download {
    /// Reads it whole as text, at most so many bytes.
    pub(crate) async fn text(mut self, longest: u64) -> anyhow::Result<String> {
        let mut whole = Vec::new();
        while let Some(piece) = self.body.try_next().await? {
            whole.extend_from_slice(&piece);
            anyhow::ensure!(whole.len() as u64 <= longest, "the file is too long");
        }
        String::from_utf8(whole).context("the file is no text")
    }

    /// Writes it to a new file, whole or not at all, and never over one that is there. Gives the
    /// count of bytes.
    pub(crate) async fn save_new(mut self, path: &Path) -> anyhow::Result<u64> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let (file, half) = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("writing to the folder {}", folder.display()))?
            .into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut count = 0;
        while let Some(piece) = self.body.try_next().await? {
            file.write_all(&piece)
                .await
                .with_context(|| format!("writing {}", path.display()))?;
            count += piece.len() as u64;
        }
        file.flush().await?;
        file.sync_all().await?;
        half.persist_noclobber(path).map_err(|failed| {
            anyhow::Error::new(failed.error).context(format!(
                "{} is there already or cannot be made",
                path.display()
            ))
        })?;
        Ok(count)
    }
}
