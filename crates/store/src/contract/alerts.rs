//! Alerts, the events that tell of them, and what was read of applications' credentials.

use super::Result;
use async_trait::async_trait;
use postroom_model::alert::{Alert, AlertEvent, ApplicationReading};
use postroom_model::outbox::OutboxItem;
use postroom_model::{AlertId, ConnectionId, Timestamp};

/// The setting that says when a mail that tells of alerts was accepted last.
pub const LAST_ALERT_MAIL: &str = "alerts.last_mail";

/// What a list of alerts asks for.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    /// Resolved ones, too.
    pub with_resolved: bool,
    /// Older than this one.
    pub after: Option<AlertId>,
    /// At most so many.
    pub limit: u32,
}

/// One step of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertStep {
    /// The alert as it is now.
    pub alert: Alert,
    /// The level that it had; `None`: it is new.
    pub was: Option<u16>,
    /// What to tell of it.
    pub event: Option<AlertEvent>,
}

/// Everything that one look at what ends came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRound {
    /// In the order in which they are told.
    pub steps: Vec<AlertStep>,
    /// A mail that tells of alerts.
    pub mail: Option<AlertMail>,
}

/// A mail that tells of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertMail {
    /// The mail.
    pub item: OutboxItem,
    /// The alerts that it tells of, and their levels.
    pub alerts: Vec<(AlertId, u16)>,
}

/// Events, in order, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEventPage {
    /// In the order in which they were committed, each with the cursor behind it.
    pub events: Vec<(String, AlertEvent)>,
    /// Asks for what comes next, whether or not there was anything.
    pub cursor: String,
}

/// Alerts. At most one is open for a subject.
#[async_trait]
pub trait Alerts {
    /// A list, newest first.
    async fn list_alerts(&self, query: &AlertQuery) -> Result<Vec<Alert>>;
    /// Every open one, the oldest first.
    async fn open_alerts(&self) -> Result<Vec<Alert>>;
    /// One.
    async fn alert(&self, id: &AlertId) -> Result<Option<Alert>>;
    /// Writes a round: alerts, their events, the mail with its change of the mailbox, and when that
    /// was ([`LAST_ALERT_MAIL`]). `Conflict`
    /// when one of them is not as the round takes it to be (another one is open for that subject,
    /// its level is another, it is resolved): then nothing of the round is written.
    async fn apply_alerts(&self, round: &AlertRound) -> Result<()>;
    /// Notes who knows of an open alert. `Ok(false)` when it is gone or resolved; one that was
    /// acknowledged already stays as it is.
    async fn acknowledge_alert(&self, id: &AlertId, by: &str, at: Timestamp) -> Result<bool>;
    /// Events behind a cursor (`None`: from the beginning of what is kept). `CursorExpired` as in
    /// the change feed.
    async fn alert_events(&self, since: Option<&str>, limit: u32) -> Result<AlertEventPage>;
    /// The cursor behind every event that there is now.
    async fn latest_alert_event(&self) -> Result<String>;
    /// Forgets alerts that were resolved, and events that were written, before this time. Gives
    /// how many.
    async fn prune_alerts(&self, before: Timestamp) -> Result<u64>;

    /// The last reading of a connection's application object.
    async fn application_reading(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<ApplicationReading>>;
    /// Keeps a reading, and writes the ends that it found to the credentials; those of a reading
    /// that was not permitted are of an older one, and written to none. Does nothing when the
    /// connection is gone.
    async fn save_application_reading(&self, reading: &ApplicationReading) -> Result<()>;
}
