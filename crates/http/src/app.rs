//! What handlers share.

use crate::csrf::Here;
use crate::metrics::Metrics;
use crate::options::RouterOptions;
use postroom_engine::{Code, Engine, Problem};
use std::ops::Deref;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What handlers share. Cheap to clone, for each layer of a call does so.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) options: RouterOptions,
    pub(crate) metrics: Metrics,
    /// Cancelled when this server closes: who waits comes to an end.
    pub(crate) closing: CancellationToken,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(engine: Engine, options: RouterOptions) -> Self {
        Self(Arc::new(Shared {
            engine,
            options,
            metrics: Metrics::new(),
            closing: CancellationToken::new(),
        }))
    }

    /// Whether browsers reach this server over HTTPS.
    pub(crate) fn is_https(&self) -> bool {
        self.engine.settings().public_url.starts_with("https://")
    }

    /// Where this server is, for what a browser says of its pages.
    pub(crate) fn here(&self) -> Here<'_> {
        Here {
            public_url: &self.engine.settings().public_url,
            is_https: self.is_https(),
        }
    }

    /// Waits for `work`, but not longer than this server is open.
    pub(crate) async fn while_open<T>(
        &self,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.closing.cancelled() => Err(stopping()),
            () = self.engine.stopping() => Err(stopping()),
        }
    }
}

fn stopping() -> Problem {
    let mut problem = Problem::new(
        Code::Stopping,
        "The server is stopping; ask again when it is back.",
    );
    problem.retry_after = Some(5);
    problem
}
