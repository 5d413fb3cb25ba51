//! The API at a running server.

use super::{Answer, Request};
use anyhow::Context;
use futures::TryStreamExt;
use postroom_model::Secret;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// A server elsewhere.
pub(super) struct Remote {
    http: reqwest::Client,
    base: Url,
    key: Secret,
}

impl Remote {
    /// One at this address.
    pub(super) fn new(server: &str, key: Secret, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let base = Url::parse(server)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                crate::trouble::usage(format!(
                    "the server's address {server:?} is none: give one like http://127.0.0.1:8025"
                ))
            })?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("postroom/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            // A key is shown to the server that was named and to no other.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = ca_file {
            let pem = crate::stack::read_ca_file(path)?;
            for certificate in reqwest::Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("the ca_file {} is no PEM", path.display()))?
            {
                builder = builder.add_root_certificate(certificate);
            }
        }
        Ok(Self {
            http: builder.build()?,
            base,
            key,
        })
    }

    /// The server's root.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Asks.
    pub(super) async fn call(&self, request: Request) -> anyhow::Result<Answer> {
        let mut call = self
            .http
            .request(request.method, request.url)
            .bearer_auth(self.key.reveal());
        if let Some(kind) = request.content_type {
            call = call.header(http::header::CONTENT_TYPE, kind);
        }
        call = call.headers(request.headers);
        if let Some(body) = request.body {
            call = call.body(reqwest::Body::wrap_stream(body));
        }
        let response = call.send().await.with_context(|| {
            format!(
                "the server {} cannot be reached: does it run there (`postroom serve`)?",
                self.base
            )
        })?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: Box::pin(
                response
                    .bytes_stream()
                    .map_err(|error| anyhow::Error::new(error).context("reading the answer")),
            ),
        })
    }
}
