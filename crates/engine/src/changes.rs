//! The change feed for callers.

use crate::access::Caller;
use crate::{Engine, Result};
use postroom_model::change::ChangedResource;
use postroom_model::key::Scope;
use postroom_store::contract::changes::{ChangePage, ChangeQuery};
use std::time::Duration;

/// Asks for the newest cursor instead of changes.
const LATEST: &str = "latest";

/// The most changes of one page.
const MOST: u32 = 500;

impl Engine {
    /// What comes behind `since` (`None`: from the beginning of what is kept; `"latest"`: only the
    /// newest cursor) that this caller may see; waits up to `wait` when there is nothing.
    ///
    /// # Errors
    /// `cursorExpired`.
    pub async fn changes(
        &self,
        caller: &Caller,
        since: Option<String>,
        limit: u32,
        wait: Duration,
    ) -> Result<ChangePage> {
        let resources = seen(caller)?;
        if since.as_deref() == Some(LATEST) {
            return Ok(ChangePage {
                changes: Vec::new(),
                cursor: self.store().latest_change().await?,
            });
        }
        let mut query = ChangeQuery {
            since,
            mailboxes: caller.mailboxes().map(<[_]>::to_vec),
            resources,
            limit: limit.clamp(1, MOST),
        };
        let mut news = self.store().watch_changes();
        // Callers wait on the machine's time, as their own timeouts do.
        let over = tokio::time::sleep(wait);
        tokio::pin!(over);
        loop {
            // Marked as seen before reading: what is written from here on wakes the wait below.
            news.borrow_and_update();
            let page = self.store().changes(&query).await?;
            if !page.changes.is_empty() || over.is_elapsed() || self.is_stopping() {
                return Ok(page);
            }
            tokio::select! {
                woken = news.changed() => if woken.is_err() {
                    return Ok(page);
                },
                () = &mut over => return Ok(page),
                () = self.stopping() => return Ok(page),
            }
            query.since = Some(page.cursor);
        }
    }
}

/// The resources whose changes a caller sees; empty: all. Who reads mail sees the outbox's steps
/// too, for the numbers of a mailbox's changes have no gaps; who only sends sees those alone.
fn seen(caller: &Caller) -> Result<Vec<ChangedResource>> {
    if caller.has(Scope::MailRead) {
        return Ok(Vec::new());
    }
    if caller.has(Scope::MailSend) {
        return Ok(vec![ChangedResource::Outbox]);
    }
    caller.require(Scope::MailRead)?;
    Ok(Vec::new())
}
