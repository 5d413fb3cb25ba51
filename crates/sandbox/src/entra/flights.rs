//! Refreshes under way, counted by the grant that they are of. A careful client has one at a time:
//! a second one could use a refresh token that the first is just exchanging.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use http_body_util::{BodyExt as _, Limited};

use super::token::TokenRequest;
use crate::Sandbox;

/// More than any token request has.
const LIMIT: usize = 1 << 20;

/// How many are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    now: HashMap<String, usize>,
    most: usize,
}

/// One that is under way, until it is dropped.
struct Flight {
    flights: Flights,
    family: String,
}

impl Flights {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, family: String) -> Flight {
        let mut counts = self.counts();
        let now = counts.now.entry(family.clone()).or_default();
        *now += 1;
        let now = *now;
        counts.most = counts.most.max(now);
        Flight {
            flights: self.clone(),
            family,
        }
    }

    /// The most at once for one grant.
    pub(crate) fn most(&self) -> usize {
        self.counts().most
    }

    /// How many there are now, of all grants.
    pub(crate) fn now(&self) -> usize {
        self.counts().now.values().sum()
    }

    /// Forgets the most.
    pub(crate) fn reset(&self) {
        self.counts().most = 0;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut counts = self.flights.counts();
        if let Some(now) = counts.now.get_mut(&self.family) {
            *now -= 1;
            if *now == 0 {
                counts.now.remove(&self.family);
            }
        }
    }
}

/// Counts a refresh from its arrival to its answer, whatever a fault makes of it; one whose caller
/// goes away has ended, too.
pub(crate) async fn count_flights(
    State(sandbox): State<Arc<Sandbox>>,
    request: Request,
    next: Next,
) -> Response {
    let is_token =
        request.method() == Method::POST && request.uri().path().ends_with("/oauth2/v2.0/token");
    if !is_token {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let bytes = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => bytes::Bytes::new(),
    };
    let flight = TokenRequest::read(&bytes, None)
        .refresh_token()
        .map(|token| sandbox.entra.flights.begin(sandbox.entra.family(token)));
    let response = next.run(Request::from_parts(head, bytes.into())).await;
    drop(flight);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_grant() {
        let flights = Flights::default();
        let one = flights.begin("a".into());
        let other = flights.begin("b".into());
        assert_eq!((flights.now(), flights.most()), (2, 1));
        drop(one);
        let again = (flights.begin("b".into()), flights.begin("a".into()));
        assert_eq!((flights.now(), flights.most()), (3, 2));
        drop((other, again));
        assert_eq!((flights.now(), flights.most()), (0, 2));
    }
}
