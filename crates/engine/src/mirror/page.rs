//! How large a page may be and what it brings along: tried, learned, remembered.
//!
//! `$expand=attachments` in delta pages saves a request for each message that has some, but neither
//! that every tenant takes it with contents nor a page size is promised.

use crate::Engine;
use postroom_microsoft::graph::messages::{SELECT, SELECT_WITH_HEADERS};
use postroom_model::ConnectionId;
use serde::{Deserialize, Serialize};

/// Messages on the first page. Microsoft caps what it does not like.
const START: u16 = 50;
/// More than this is never asked for: the gain is gone and a repetition costs more.
const MOST: u16 = 200;
/// The longest page that is taken. What is longer comes again in smaller pages.
pub(crate) const MOST_BYTES: usize = 32 << 20;
/// A page shorter than this may grow.
const GROW_BELOW: usize = 2 << 20;

/// What was learned of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageWish {
    /// Messages per page.
    pub(crate) size: u16,
    /// Whether attachments come along.
    pub(crate) expand: bool,
    /// Whether the headers of the message as it travelled come along.
    #[serde(default = "yes")]
    pub(crate) headers: bool,
}

fn yes() -> bool {
    true
}

impl Default for PageWish {
    fn default() -> Self {
        Self {
            size: START,
            expand: true,
            headers: true,
        }
    }
}

impl PageWish {
    /// The properties to ask for.
    pub(crate) fn select(&self) -> &'static str {
        if self.headers {
            SELECT_WITH_HEADERS
        } else {
            SELECT
        }
    }

    /// After a page that came.
    pub(crate) fn came(&mut self, bytes: usize) {
        if bytes < GROW_BELOW {
            self.size = self.size.saturating_mul(2).min(MOST);
        } else if bytes > MOST_BYTES / 2 {
            self.size = (self.size / 2).max(1);
        }
    }

    /// After a page that was too long, or that Microsoft did not manage to make. `false`: it cannot
    /// get smaller.
    pub(crate) fn shrink(&mut self) -> bool {
        let smaller = self.size / 4;
        let could = self.size > 1;
        self.size = smaller.max(1);
        could
    }
}

fn setting(connection: &ConnectionId) -> String {
    format!("mirror.page.{connection}")
}

/// What was learned so far.
pub(crate) async fn learned(engine: &Engine, connection: &ConnectionId) -> PageWish {
    match engine.store().setting(&setting(connection)).await {
        Ok(Some(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => PageWish::default(),
    }
}

/// Remembers it. Only a saving of requests: a failure is not worth an error.
pub(crate) async fn remember(engine: &Engine, connection: &ConnectionId, wish: PageWish) {
    if let Ok(text) = serde_json::to_string(&wish)
        && let Err(error) = engine
            .store()
            .put_setting(&setting(connection), &text)
            .await
    {
        tracing::debug!(%error, "remembering the page size");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_grow_while_they_are_short_and_shrink_down_to_one() {
        let mut wish = PageWish::default();
        for _ in 0..10 {
            wish.came(1000);
        }
        assert_eq!(wish.size, MOST);
        while wish.shrink() {}
        assert_eq!(wish.size, 1);
    }
}
