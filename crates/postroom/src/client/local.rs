//! The API in process: the same router that a server listens with, called without a socket, by
//! whoever may open the data folder.

use super::{Answer, Request};
use axum::body::Body;
use futures::TryStreamExt;
use http::header;
use postroom_engine::Engine;
use postroom_engine::access::Caller;
use postroom_http::RouterOptions;
use tower::ServiceExt;

/// An engine in this process.
pub(super) struct Local {
    engine: Engine,
    router: axum::Router,
    owned: bool,
}

impl Local {
    /// One that was opened for this client and ends with it.
    pub(super) fn owned(engine: Engine, options: RouterOptions) -> Self {
        Self {
            owned: true,
            ..Self::borrowed(engine, options)
        }
    }

    /// One that somebody else looks after.
    pub(super) fn borrowed(engine: Engine, options: RouterOptions) -> Self {
        Self {
            router: postroom_http::router(engine.clone(), options),
            engine,
            owned: false,
        }
    }

    /// Asks.
    pub(super) async fn call(&self, request: Request) -> anyhow::Result<Answer> {
        let url = request.url;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut call = http::Request::builder()
            .method(request.method)
            .uri(path)
            .header(header::HOST, "localhost");
        if let Some(kind) = request.content_type {
            call = call.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        let body = request.body.map_or_else(Body::empty, Body::from_stream);
        let mut call = call.body(body)?;
        call.extensions_mut().insert(Caller::Local);
        let response = match self.router.clone().oneshot(call).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: Box::pin(body.into_data_stream().map_err(anyhow::Error::new)),
        })
    }

    /// Lets go.
    pub(super) async fn close(self) {
        if self.owned {
            self.engine.stop().await;
        }
    }
}
