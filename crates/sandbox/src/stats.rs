//! What was asked of the sandbox, for tests and benchmarks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Counters since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Graph requests, parts of a batch counted each and the batch beside them.
    pub graph_requests: u64,
    /// Graph requests by method and path template, such as `GET /users/{user-id}/messages`.
    pub routes: BTreeMap<String, u64>,
    /// Graph answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers 429, those of faults included.
    pub throttled: u64,
    /// The most requests seen at once for one application and mailbox.
    pub max_concurrency: usize,
    /// The most refreshes seen at once for one grant, those included that a fault met.
    pub max_refreshes_in_flight: usize,
    /// Refreshes that wait for an answer now.
    pub refreshes_in_flight: usize,
    /// How often a refresh token was used that had been exchanged before, since the start.
    pub refresh_tokens_reused: u64,
    /// Tokens issued by grant type.
    pub grants: BTreeMap<String, u64>,
    /// Token requests refused, by AADSTS number.
    pub refusals: BTreeMap<u32, u64>,
}

/// The counters' home.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    fn lock(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> Stats {
        self.lock().clone()
    }

    pub(crate) fn reset(&self) {
        *self.lock() = Stats::default();
    }

    pub(crate) fn graph(&self, route: String, status: u16) {
        let mut stats = self.lock();
        stats.graph_requests += 1;
        *stats.routes.entry(route).or_default() += 1;
        *stats.statuses.entry(status).or_default() += 1;
        if status == 429 {
            stats.throttled += 1;
        }
    }

    pub(crate) fn concurrency(&self, running: usize) {
        let mut stats = self.lock();
        stats.max_concurrency = stats.max_concurrency.max(running);
    }

    pub(crate) fn grant(&self, grant: &str) {
        *self.lock().grants.entry(grant.to_owned()).or_default() += 1;
    }

    pub(crate) fn refusal(&self, number: u32) {
        *self.lock().refusals.entry(number).or_default() += 1;
    }
}
