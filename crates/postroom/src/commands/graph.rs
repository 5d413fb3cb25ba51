//! `postroom graph`: any call to Microsoft Graph.

use super::with;
use crate::client::{ApiClient, Target};
use crate::{output, pick};
use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::path::{Path, PathBuf};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

/// Any call to Microsoft Graph, through Postroom's tokens, limits and log
///
/// The answer's body goes to standard output as it comes, whatever the status; a status that is no
/// success ends with exit status 1.
#[derive(Args)]
pub(crate) struct Graph {
    #[command(flatten)]
    target: Target,
    /// As whom: an account's id or sign-in name
    account: String,
    /// GET, POST, PUT, PATCH or DELETE
    method: String,
    /// Path and query below v1.0, like /users/ann@contoso.example/messages?$top=5, or a link that
    /// Graph gave
    path: String,
    /// A file to send as the body; - is standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header to send; a body is JSON unless Content-Type says otherwise
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
}

impl Graph {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let method = method(&self.method)?;
        let mut headers = headers(&self.headers)?;
        let body = match &self.body {
            Some(file) => {
                headers
                    .entry(header::CONTENT_TYPE)
                    .or_insert(HeaderValue::from_static("application/json"));
                Some(opened(file, &mut headers).await?)
            }
            None => None,
        };
        let client = self.target.open().await?;
        let path = below_version(&self.path).to_owned();
        with(client, async |client| {
            call(client, &self.account, method, &path, headers, body).await
        })
        .await
    }
}

async fn call(
    client: &ApiClient,
    account: &str,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Option<BoxStream<'static, anyhow::Result<Bytes>>>,
) -> anyhow::Result<()> {
    let account = pick::account(client, account).await?;
    let id = pick::id(&account);
    let answer = client.graph(&id, method, path, headers, body).await?;
    let status = answer.status();
    if let Some(location) = answer.header(&header::LOCATION) {
        output::say(format_args!("{status}: {}", output::tame(location)));
    }
    answer.write_to(&mut tokio::io::stdout()).await?;
    anyhow::ensure!(
        !status.is_client_error() && !status.is_server_error(),
        "Microsoft answered {status}"
    );
    Ok(())
}

fn method(text: &str) -> anyhow::Result<Method> {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let upper = text.to_ascii_uppercase();
    if !known.contains(&upper.as_str()) {
        return Err(crate::trouble::usage(format!(
            "{text:?} is none of {}",
            known.join(", ")
        )));
    }
    Ok(upper.parse()?)
}

fn headers(given: &[String]) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for text in given {
        let header = text.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let (name, value) = header.ok_or_else(|| {
            crate::trouble::usage(format!("{text:?} is no header: write Name: value"))
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What a link that Graph gave has below the version; a path stays as it is.
fn below_version(path: &str) -> &str {
    let link = ["https://", "http://"]
        .iter()
        .any(|start| path.starts_with(start));
    match path.split_once("/v1.0/") {
        Some((_, below)) if link => below,
        _ => path,
    }
}

async fn opened(
    file: &Path,
    headers: &mut HeaderMap,
) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
    if file == Path::new("-") {
        return Ok(pieces(tokio::io::stdin()));
    }
    let opening = || format!("opening {}", file.display());
    let opened = tokio::fs::File::open(file).await.with_context(opening)?;
    let about = opened.metadata().await.with_context(opening)?;
    // A pipe has no length that could be told ahead.
    if about.is_file() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(about.len()));
    }
    Ok(pieces(opened))
}

fn pieces(from: impl AsyncRead + Send + 'static) -> BoxStream<'static, anyhow::Result<Bytes>> {
    ReaderStream::with_capacity(from, 64 * 1024)
        .map(|piece| piece.context("reading the body"))
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_cut_to_what_is_below_the_version() {
        for (given, below) in [
            (
                "https://graph.microsoft.com/v1.0/me/messages?$skip=10",
                "me/messages?$skip=10",
            ),
            ("/me/messages", "/me/messages"),
            ("/sites/a:/v1.0/b", "/sites/a:/v1.0/b"),
        ] {
            assert_eq!(below_version(given), below);
        }
    }

    #[test]
    fn what_is_no_method_or_header_is_wrong_usage() {
        assert!(method("get").is_ok() && method("TRACE").is_err());
        assert!(headers(&["Prefer: a".to_owned()]).is_ok());
        assert!(headers(&["Prefer".to_owned()]).is_err());
    }
}
