//! The HTTP API as the commands see it: at a running server, or in process on a data folder. Both
//! answer the same, because both are the same API.

mod answer;
mod local;
mod problem;
mod remote;
mod target;

pub(crate) use answer::{Answer, Download};
pub(crate) use problem::ApiProblem;
pub(crate) use target::Target;

use anyhow::Context;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, Method};
use local::Local;
use remote::Remote;
use serde_json::Value;
use url::Url;

/// Something to be asked.
pub(crate) struct Request {
    method: Method,
    url: Url,
    content_type: Option<String>,
    /// Further ones.
    headers: HeaderMap,
    body: Option<BoxStream<'static, anyhow::Result<Bytes>>>,
}

enum Transport {
    Remote(Remote),
    Local(Box<Local>),
}

/// The API.
pub(crate) struct ApiClient {
    transport: Transport,
}

/// Query parameters; empty values are left out.
pub(crate) type Query<'a> = &'a [(&'a str, &'a str)];

impl ApiClient {
    /// The API of an engine in this process, which stays its owner's.
    pub(crate) fn of_engine(engine: &postroom_engine::Engine) -> Self {
        Self {
            transport: Transport::Local(Box::new(Local::borrowed(
                engine.clone(),
                postroom_http::RouterOptions::default(),
            ))),
        }
    }

    fn url(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<Url> {
        let mut url = match &self.transport {
            Transport::Remote(remote) => remote.base().clone(),
            Transport::Local(_) => Url::parse("http://localhost")?,
        };
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("the server's address takes no path"))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        let given: Vec<_> = query
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        Ok(url)
    }

    async fn call(&self, request: Request) -> anyhow::Result<Answer> {
        let answer = match &self.transport {
            Transport::Remote(remote) => remote.call(request).await?,
            Transport::Local(local) => local.call(request).await?,
        };
        answer.or_problem().await
    }

    async fn call_json(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let bytes = body.map(serde_json::to_vec).transpose()?.map(Bytes::from);
        let request = Request {
            method,
            url: self.url(path, query)?,
            content_type: bytes.is_some().then(|| "application/json".to_owned()),
            headers: HeaderMap::new(),
            body: bytes
                .map(|bytes| Box::pin(futures::stream::once(async { Ok(bytes) })) as BoxStream<_>),
        };
        self.call(request).await?.json().await
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<Value> {
        self.call_json(Method::GET, path, query, None).await
    }

    /// Makes or does.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.call_json(Method::POST, path, &[], Some(body)).await
    }

    /// Does something that needs nothing but its name.
    pub(crate) async fn act(&self, path: &[&str], query: Query<'_>) -> anyhow::Result<Value> {
        self.call_json(Method::POST, path, query, None).await
    }

    /// Changes.
    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.call_json(Method::PATCH, path, &[], Some(body)).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.call_json(Method::DELETE, path, &[], None).await
    }

    /// Sends a form with files, piece by piece.
    pub(crate) async fn post_form(
        &self,
        path: &[&str],
        form: reqwest::multipart::Form,
    ) -> anyhow::Result<Value> {
        use futures::StreamExt;
        let content_type = format!("multipart/form-data; boundary={}", form.boundary());
        let pieces = form
            .into_stream()
            .map(|piece| piece.context("reading a file that is to be sent"));
        let request = Request {
            method: Method::POST,
            url: self.url(path, &[])?,
            content_type: Some(content_type),
            headers: HeaderMap::new(),
            body: Some(Box::pin(pieces)),
        };
        self.call(request).await?.json().await
    }

    /// Begins to read a file.
    pub(crate) async fn download(
        &self,
        path: &[&str],
        query: Query<'_>,
    ) -> anyhow::Result<Download> {
        let request = Request {
            method: Method::GET,
            url: self.url(path, query)?,
            content_type: None,
            headers: HeaderMap::new(),
            body: None,
        };
        Ok(self.call(request).await?.download())
    }

    /// A call to Graph as an account: `target` is path and query below the version. Whatever the
    /// status, Microsoft's answer is one; Postroom's own refusals are not.
    pub(crate) async fn graph(
        &self,
        account: &str,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Option<BoxStream<'static, anyhow::Result<Bytes>>>,
    ) -> anyhow::Result<Answer> {
        let mut url = self.url(&["graph", account, "v1.0"], &[])?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let path = format!("{}/{}", url.path(), path.trim_start_matches('/'));
        url.set_path(&path);
        url.set_query(query);
        let request = Request {
            method,
            url,
            content_type: None,
            headers,
            body,
        };
        let answer = match &self.transport {
            Transport::Remote(remote) => remote.call(request).await?,
            Transport::Local(local) => local.call(request).await?,
        };
        match answer.is_problem() {
            true => answer.or_problem().await,
            false => Ok(answer),
        }
    }

    /// Whether the engine is in this process: a sign-in then has to be caught here.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.transport, Transport::Local(_))
    }

    /// Lets go: stops an engine that was started for this.
    pub(crate) async fn close(self) {
        if let Transport::Local(local) = self.transport {
            local.close().await;
        }
    }
}
