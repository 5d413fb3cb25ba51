//! Alerts: what is about to end and what ended, said ahead of time, each level once.
//!
//! `watched` picks out of what is kept what a person has to look after, `due` says how near
//! its end is, `plan` compares that with what was said already, `words` puts it into words.
//! All of them only compute; `round` reads, writes and tells, `mail` writes to an
//! administrator, `application` asks Microsoft when credentials end.

mod application;
mod due;
mod mail;
mod matching;
mod plan;
mod round;
mod state;
mod watched;
pub(crate) mod words;

pub(crate) use due::{Due, due};
pub(crate) use round::run;
pub(crate) use state::AlertState;
pub(crate) use watched::{
    LastCredential, account_of, application_end, credential_of, last_credential,
};

use crate::access::Caller;
use crate::{Engine, Problem, Result};
use postroom_model::AlertId;
use postroom_model::alert::Alert;
use postroom_model::outbox::OutboxStatus;
use postroom_store::contract::alerts::{AlertEventPage, AlertQuery};
use std::collections::HashMap;
use std::time::Duration;

pub(crate) use application::run as read_applications;

/// Whom alerts are mailed to, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertSettings {
    /// Addresses of administrators; none: no mail.
    pub mail_to: Vec<String>,
    /// The mailbox that the mail leaves from, by id or address: one that is served.
    pub mail_from: Option<String>,
}

/// An alert with what became of its mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertShown {
    /// The alert.
    pub alert: Alert,
    /// The mail that tells of it; `None` where none is to be sent.
    pub mail: Option<AlertMailShown>,
}

/// What became of the mail that tells of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertMailShown {
    /// The item of the outbox; `None` while it waits to become one.
    pub outbox: Option<postroom_model::OutboxId>,
    /// The item's status; `None` while it waits to become one.
    pub status: Option<OutboxStatus>,
    /// Why it is so, in words.
    pub reason: Option<String>,
}

/// One line of the log about an alert that is open.
pub fn say_open(alert: &Alert) {
    round::say(alert, "open");
}

/// Asks for the newest cursor instead of events.
const LATEST: &str = "latest";
/// The most events of one page.
const MOST: u32 = 500;

impl Engine {
    /// A list of alerts, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn alerts(&self, _caller: &Caller, query: AlertQuery) -> Result<Vec<AlertShown>> {
        let alerts = self.store().list_alerts(&query).await?;
        self.shown(alerts).await
    }

    /// Every open alert, the oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_alerts(&self) -> Result<Vec<Alert>> {
        let now = self.now();
        let open = self.store().open_alerts().await?;
        Ok(open.into_iter().map(|alert| alert.seen_at(now)).collect())
    }

    /// One alert.
    ///
    /// # Errors
    /// `notFound`.
    pub async fn alert(&self, _caller: &Caller, id: &AlertId) -> Result<AlertShown> {
        let alert = self.store().alert(id).await?;
        let alert = alert.ok_or_else(|| Problem::not_found("alert", id.as_str()))?;
        let shown = self.shown(vec![alert]).await?.pop();
        shown.ok_or_else(|| Problem::not_found("alert", id.as_str()))
    }

    /// Notes that somebody knows of an open alert: no mail is sent for its level any more. It
    /// stays open until it is mended, and an escalation takes the note back.
    ///
    /// # Errors
    /// `notFound`, also for one that is resolved.
    pub async fn acknowledge_alert(&self, caller: &Caller, id: &AlertId) -> Result<AlertShown> {
        let (by, now) = (caller.name(), self.now());
        if !self.store().acknowledge_alert(id, by, now).await? {
            let mut problem = Problem::not_found("alert", id.as_str());
            if self.store().alert(id).await?.is_some() {
                problem.detail = "The alert is resolved already: there is nothing left to \
                                  acknowledge."
                    .to_owned();
            }
            return Err(problem);
        }
        self.alert(caller, id).await
    }

    /// What happened to alerts behind `since` (`None`: from the beginning of what is kept;
    /// `"latest"`: only the newest cursor); waits up to `wait` when there is nothing.
    ///
    /// # Errors
    /// `cursorExpired`.
    pub async fn alert_events(
        &self,
        _caller: &Caller,
        since: Option<String>,
        limit: u32,
        wait: Duration,
    ) -> Result<AlertEventPage> {
        if since.as_deref() == Some(LATEST) {
            return Ok(AlertEventPage {
                events: Vec::new(),
                cursor: self.store().latest_alert_event().await?,
            });
        }
        let limit = limit.clamp(1, MOST);
        let mut news = self.shared.alerts.news();
        // Callers wait on the machine's time, as their own timeouts do.
        let over = tokio::time::sleep(wait);
        tokio::pin!(over);
        loop {
            // Marked as seen before reading: what is written from here on wakes the wait below.
            news.borrow_and_update();
            let page = self.store().alert_events(since.as_deref(), limit).await?;
            if !page.events.is_empty() || over.is_elapsed() || self.is_stopping() {
                return Ok(page);
            }
            tokio::select! {
                woken = news.changed() => if woken.is_err() {
                    return Ok(page);
                },
                () = &mut over => return Ok(page),
                () = self.stopping() => return Ok(page),
            }
        }
    }

    /// Looks at everything that ends now instead of at the next hour, and says what is new.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn watch_alerts(&self) -> Result<()> {
        round::now(self).await
    }

    /// Asks Microsoft now when the credentials of every connection end, where that is due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read_applications(&self) -> Result<()> {
        application::round(self).await
    }

    async fn shown(&self, alerts: Vec<Alert>) -> Result<Vec<AlertShown>> {
        let now = self.now();
        let mut mails: HashMap<postroom_model::OutboxId, AlertMailShown> = HashMap::new();
        for mailed in alerts.iter().filter_map(|alert| alert.mail.as_ref()) {
            if mails.contains_key(&mailed.outbox) {
                continue;
            }
            if let Some(item) = self.store().outbox_item(&mailed.outbox).await? {
                let shown = AlertMailShown {
                    outbox: Some(item.id),
                    status: Some(item.status),
                    reason: item.reason,
                };
                mails.insert(mailed.outbox.clone(), shown);
            }
        }
        let waiting = self.shared.alerts.why_no_mail();
        let waits = |alert: &Alert| {
            let why = waiting.as_ref()?;
            mail::is_to_be_told(alert).then(|| AlertMailShown {
                outbox: None,
                status: None,
                reason: Some(why.clone()),
            })
        };
        Ok(alerts
            .into_iter()
            .map(|alert| {
                let told = alert
                    .mail
                    .as_ref()
                    .and_then(|mailed| mails.get(&mailed.outbox))
                    .cloned();
                AlertShown {
                    mail: waits(&alert).or(told),
                    alert: alert.seen_at(now),
                }
            })
            .collect())
    }
}
