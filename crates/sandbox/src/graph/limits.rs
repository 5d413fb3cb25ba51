//! Graph's limits ("Microsoft Graph service-specific throttling limits").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::call::GraphError;

/// Requests at once for one application and mailbox.
pub(crate) const MAILBOX_CONCURRENCY: usize = 4;
/// Requests in [`MAILBOX_WINDOW`] for one application and mailbox.
const MAILBOX_REQUESTS: u64 = 10_000;
const MAILBOX_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Bytes sent to a mailbox in [`UPLOAD_WINDOW`].
const UPLOAD_BYTES: u64 = 150 * 1024 * 1024;
const UPLOAD_WINDOW: SignedDuration = SignedDuration::from_mins(5);
const DIRECTORY_WINDOW: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug)]
struct Window {
    since: Timestamp,
    used: u64,
}

impl Window {
    fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            used: 0,
        }
    }

    /// Adds to the window; refused requests count as well. The seconds to wait when it is full.
    fn add(
        &mut self,
        now: Timestamp,
        length: SignedDuration,
        cost: u64,
        limit: u64,
    ) -> Option<i64> {
        if now.duration_since(self.since) >= length {
            *self = Self::new(now);
        }
        self.used = self.used.saturating_add(cost);
        (self.used > limit).then(|| (length - now.duration_since(self.since)).as_secs().max(1))
    }
}

#[derive(Debug)]
struct Mailbox {
    running: usize,
    requests: Window,
    uploads: Window,
}

/// Who has used how much.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    mailboxes: Mutex<HashMap<(String, String), Mailbox>>,
    directory: Mutex<HashMap<String, Window>>,
}

/// A request running at a mailbox; dropped when it ends.
#[derive(Debug)]
pub(crate) struct Running {
    limits: Arc<Limits>,
    key: (String, String),
    /// How many run now, this one counted.
    pub(crate) count: usize,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mailbox) = lock(&self.limits.mailboxes).get_mut(&self.key) {
            mailbox.running = mailbox.running.saturating_sub(1);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many(seconds: i64) -> GraphError {
    GraphError::new(
        429,
        "TooManyRequests",
        "Too many requests. Please try again later.",
    )
    .header("retry-after", seconds.to_string())
}

impl Limits {
    /// Enters a mailbox. `sent` is the body's length of a writing request. Without `enforce`
    /// everything is counted and nothing refused.
    pub(crate) fn enter(
        self: &Arc<Self>,
        application: &str,
        mailbox: &str,
        sent: u64,
        now: Timestamp,
        enforce: bool,
    ) -> Result<Running, GraphError> {
        let key = (application.to_owned(), mailbox.to_owned());
        let mut mailboxes = lock(&self.mailboxes);
        let entry = mailboxes.entry(key.clone()).or_insert_with(|| Mailbox {
            running: 0,
            requests: Window::new(now),
            uploads: Window::new(now),
        });
        let requests = entry.requests.add(now, MAILBOX_WINDOW, 1, MAILBOX_REQUESTS);
        let uploads = entry.uploads.add(now, UPLOAD_WINDOW, sent, UPLOAD_BYTES);
        if enforce {
            if let Some(seconds) = requests.or(uploads) {
                return Err(too_many(seconds));
            }
            if entry.running >= MAILBOX_CONCURRENCY {
                return Err(GraphError::new(
                    429,
                    "ApplicationThrottled",
                    "Application is over its MailboxConcurrency limit.",
                )
                .header("retry-after", "1"));
            }
        }
        entry.running += 1;
        Ok(Running {
            limits: Arc::clone(self),
            key,
            count: entry.running,
        })
    }

    /// Spends resource units on the directory.
    pub(crate) fn spend(
        &self,
        application: &str,
        units: u64,
        users: usize,
        now: Timestamp,
    ) -> Result<(), GraphError> {
        let limit = match users {
            0..50 => 3_500,
            50..=500 => 5_000,
            _ => 8_000,
        };
        let mut windows = lock(&self.directory);
        let window = windows
            .entry(application.to_owned())
            .or_insert_with(|| Window::new(now));
        match window.add(now, DIRECTORY_WINDOW, units, limit) {
            Some(seconds) => Err(too_many(seconds)),
            None => Ok(()),
        }
    }
}

/// What a directory request costs, by the same page.
pub(crate) fn cost(segments: &[String], query: &[(String, String)]) -> u64 {
    let base: i64 = match segments.last().map(String::as_str) {
        Some("users" | "memberOf" | "licenseDetails") => 2,
        Some("members" | "subscribedSkus") => 3,
        Some("transitiveMembers") => 5,
        _ => 1,
    };
    let has = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key.trim_start_matches('$').eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    let mut units = base;
    if has("select").is_some() {
        units -= 1;
    }
    if has("expand").is_some() {
        units += 1;
    }
    if has("top")
        .and_then(|top| top.parse::<u32>().ok())
        .is_some_and(|top| top < 20)
    {
        units -= 1;
    }
    u64::try_from(units.max(1)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_waits() {
        let limits = Arc::new(Limits::default());
        let now = crate::clock::SandboxClock::new().now();
        let mut running: Vec<Running> = (0..4)
            .filter_map(|_| limits.enter("app", "box", 0, now, true).ok())
            .collect();
        assert_eq!(running.len(), 4);
        let refused = limits.enter("app", "box", 0, now, true);
        assert_eq!(
            refused.err().map(|error| error.code),
            Some("ApplicationThrottled".to_owned())
        );
        assert!(limits.enter("app", "other", 0, now, true).is_ok());
        running.pop();
        assert!(limits.enter("app", "box", 0, now, true).is_ok());
    }

    #[test]
    fn ten_thousand_in_ten_minutes() {
        let limits = Arc::new(Limits::default());
        let now = crate::clock::SandboxClock::new().now();
        for _ in 0..10_000 {
            assert!(limits.enter("app", "box", 0, now, true).is_ok());
        }
        let refused = limits.enter("app", "box", 0, now, true);
        assert_eq!(
            refused.err().map(|error| error.code),
            Some("TooManyRequests".to_owned())
        );
        let later = now + SignedDuration::from_mins(10);
        assert!(limits.enter("app", "box", 0, later, true).is_ok());
    }
}
