//! How many calls may be under way, and how many within a time (Graph, *Throttling limits*).
//!
//! Microsoft counts per app registration and mailbox, so that one mailbox's excess does not touch
//! others; calls about no mailbox have one place of their own per app registration.

use super::guard::held;
use super::request::Priority;
use super::settings::BudgetSettings;
use postroom_model::clock::{SharedClock, later};
use postroom_model::{MailboxId, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long the places of one mailbox are held while those of another are waited for.
const HOLD: Duration = Duration::from_secs(1);

/// Into how many parts a window is cut for counting.
const PARTS: u32 = 60;

/// All budgets.
pub(crate) struct Budgets {
    clock: SharedClock,
    settings: BudgetSettings,
    longest_wait: Duration,
    budgets: Mutex<HashMap<Key, Arc<Budget>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    client_id: String,
    mailbox: Option<MailboxId>,
}

struct Budget {
    /// How many places there are.
    all: u32,
    places: Arc<Semaphore>,
    /// Those that nobody waits for stand in line one at a time, so that somebody who waits has at
    /// most one of them in front, not all.
    turnstile: Semaphore,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    /// Calls begun, by part of the window; oldest in front.
    parts: VecDeque<(i64, u32)>,
    total: u32,
    /// Until when Microsoft takes no more (`Retry-After`).
    closed_until: Option<Timestamp>,
}

/// One place or more among the calls under way; free again when dropped.
pub(crate) struct Place {
    budget: Arc<Budget>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Closes the gate: no call of this mailbox is sent before that time. Never opens it sooner.
    pub(crate) fn close_until(&self, until: Timestamp) {
        let mut counted = held(&self.budget.counted);
        counted.closed_until = counted.closed_until.max(Some(until));
    }
}

impl Budgets {
    pub(crate) fn new(
        clock: SharedClock,
        settings: BudgetSettings,
        longest_wait: Duration,
    ) -> Self {
        Self {
            clock,
            settings,
            longest_wait,
            budgets: Mutex::default(),
        }
    }

    /// Room for a request of so many calls (more than one: a batch, whose parts Microsoft counts and
    /// works on side by side), as soon as the gate is open, the window has room and no more calls
    /// are under way than may be. The error is until when there is none, where that is longer than
    /// a call waits.
    pub(crate) async fn enter(
        &self,
        client_id: &str,
        mailbox: Option<&MailboxId>,
        priority: Priority,
        calls: u32,
    ) -> Result<Place, Timestamp> {
        let budget = self.budget(client_id, mailbox);
        let limited = mailbox.is_some();
        let calls = if limited { calls } else { 1 };
        loop {
            let mut place = None;
            let until = match self.wait_until(&budget, limited, None) {
                Some(until) => until,
                None => {
                    let entered = place.insert(Self::place(&budget, priority, calls).await);
                    // While waiting for the place the gate may have closed.
                    match self.wait_until(&entered.budget, limited, Some(calls)) {
                        Some(until) => until,
                        None => break place.ok_or(Timestamp::MAX),
                    }
                }
            };
            drop(place);
            self.sleep_until(until).await?;
        }
    }

    /// Room in each of these budgets at once, for so many calls in each: a batch about several
    /// mailboxes. Otherwise as [`Self::enter`].
    ///
    /// All or nothing: a mailbox that is closed or busy for long keeps no other one waiting. So no
    /// two batches hold each other up either.
    pub(crate) async fn enter_all(
        &self,
        client_id: &str,
        wanted: &[(MailboxId, u32)],
        priority: Priority,
    ) -> Result<Vec<Place>, Timestamp> {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(mailbox, calls)| (self.budget(client_id, Some(mailbox)), *calls))
            .collect();
        let closed = || {
            wanted
                .iter()
                .filter_map(|(budget, _)| self.wait_until(budget, true, None))
                .max()
        };
        loop {
            if let Some(until) = closed() {
                self.sleep_until(until).await?;
                continue;
            }
            let places = self.places(&wanted, priority).await;
            // While waiting for the places a gate may have closed. One that closes between these two
            // looks costs a refusal, or calls that are counted twice: no harm.
            if closed().is_some() {
                continue;
            }
            let counted = wanted
                .iter()
                .all(|(budget, calls)| self.wait_until(budget, true, Some(*calls)).is_none());
            if counted {
                return Ok(places);
            }
        }
    }

    /// A place in each. Where one is not free soon, those that were taken are given back, and the next
    /// try begins with that one.
    async fn places(&self, wanted: &[(Arc<Budget>, u32)], priority: Priority) -> Vec<Place> {
        let mut first = 0;
        loop {
            let mut places = Vec::with_capacity(wanted.len());
            if let Some((budget, calls)) = wanted.get(first) {
                places.push(Self::place(budget, priority, *calls).await);
            }
            let mut busy = None;
            for (at, (budget, calls)) in wanted.iter().enumerate() {
                if at == first {
                    continue;
                }
                tokio::select! {
                    biased;
                    place = Self::place(budget, priority, *calls) => places.push(place),
                    () = self.clock.sleep(HOLD) => {
                        busy = Some(at);
                        break;
                    }
                }
            }
            match busy {
                Some(at) => first = at,
                None => return places,
            }
        }
    }

    /// Waits, unless that is for longer than a call waits.
    async fn sleep_until(&self, until: Timestamp) -> Result<(), Timestamp> {
        let now = self.clock.now();
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
        if wait > self.longest_wait {
            return Err(until);
        }
        self.clock.sleep(wait).await;
        Ok(())
    }

    fn budget(&self, client_id: &str, mailbox: Option<&MailboxId>) -> Arc<Budget> {
        let key = Key {
            client_id: client_id.to_owned(),
            mailbox: mailbox.cloned(),
        };
        let places = match mailbox {
            Some(_) => self.settings.per_mailbox_concurrent,
            None => self.settings.directory_concurrent,
        }
        .max(1);
        Arc::clone(held(&self.budgets).entry(key).or_insert_with(|| {
            Arc::new(Budget {
                all: u32::try_from(places).unwrap_or(u32::MAX),
                places: Arc::new(Semaphore::new(places)),
                turnstile: Semaphore::new(1),
                counted: Mutex::default(),
            })
        }))
    }

    async fn place(budget: &Arc<Budget>, priority: Priority, calls: u32) -> Place {
        let places = calls.clamp(1, budget.all);
        // The semaphores are never closed.
        let _turn = match priority {
            Priority::Background => budget.turnstile.acquire().await.ok(),
            Priority::Interactive => None,
        };
        loop {
            if let Ok(place) = Arc::clone(&budget.places).acquire_many_owned(places).await {
                return Place {
                    budget: Arc::clone(budget),
                    _permit: place,
                };
            }
        }
    }

    /// Until when to wait; `None`: go. With `count` so many calls are counted if they may go.
    fn wait_until(&self, budget: &Budget, limited: bool, count: Option<u32>) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut counted = held(&budget.counted);
        if let Some(until) = counted.closed_until {
            if now < until {
                return Some(until);
            }
            counted.closed_until = None;
        }
        if !limited {
            return None;
        }
        let window = self.settings.per_mailbox_window;
        let part = i64::try_from((window / PARTS).as_micros())
            .unwrap_or(i64::MAX)
            .max(1);
        let current = now.as_microsecond() / part;
        while let Some((oldest, calls)) = counted.parts.front().copied() {
            if oldest + i64::from(PARTS) >= current {
                break;
            }
            counted.parts.pop_front();
            counted.total = counted.total.saturating_sub(calls);
        }
        if counted.total >= self.settings.per_mailbox_requests
            && let Some((oldest, _)) = counted.parts.front()
        {
            let leaves = oldest
                .saturating_add(i64::from(PARTS) + 1)
                .saturating_mul(part);
            return Some(
                Timestamp::from_microsecond(leaves).unwrap_or_else(|_| later(now, window)),
            );
        }
        if let Some(more) = count {
            counted.total = counted.total.saturating_add(more);
            match counted.parts.back_mut() {
                Some((newest, calls)) if *newest == current => *calls = calls.saturating_add(more),
                _ => counted.parts.push_back((current, more)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::{Clock, HeldClock};

    fn budgets(clock: &HeldClock, requests: u32) -> Budgets {
        let settings = BudgetSettings {
            per_mailbox_requests: requests,
            per_mailbox_window: Duration::from_secs(60),
            ..BudgetSettings::default()
        };
        Budgets::new(Arc::new(clock.clone()), settings, Duration::from_secs(120))
    }

    #[tokio::test]
    async fn four_at_once_and_one_of_the_background_in_front_at_most() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let budgets = budgets(&clock, 1000);
        let mailbox = MailboxId::new("m");
        let enter = |priority| Box::pin(budgets.enter("app", Some(&mailbox), priority, 1));
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(enter(Priority::Background).await.expect("a place"));
        }
        let mut in_line = enter(Priority::Background);
        let mut behind = enter(Priority::Background);
        assert!(futures::poll!(&mut in_line).is_pending());
        assert!(futures::poll!(&mut behind).is_pending());
        let mut interactive = enter(Priority::Interactive);
        assert!(futures::poll!(&mut interactive).is_pending());
        let other = MailboxId::new("n");
        assert!(
            budgets
                .enter("app", Some(&other), Priority::Interactive, 1)
                .await
                .is_ok()
        );
        places.pop();
        let first = in_line.await.expect("the place that became free");
        places.pop();
        assert!(futures::poll!(&mut behind).is_pending());
        assert!(interactive.await.is_ok());
        drop(first);
        assert!(behind.await.is_ok());
    }

    #[tokio::test]
    async fn a_batch_takes_the_places_of_its_parts() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let budgets = budgets(&clock, 1000);
        let mailbox = MailboxId::new("m");
        let enter =
            |calls| Box::pin(budgets.enter("app", Some(&mailbox), Priority::Interactive, calls));
        let single = enter(1).await.expect("a place");
        let mut batch = enter(20);
        assert!(futures::poll!(&mut batch).is_pending());
        drop(single);
        let batch = batch.await.expect("all places");
        let mut behind = enter(1);
        assert!(futures::poll!(&mut behind).is_pending());
        drop(batch);
        assert!(behind.await.is_ok());
    }

    /// A batch that waits for one mailbox (a long download, a closed gate) holds no place of another.
    #[tokio::test]
    async fn a_batch_keeps_no_mailbox_waiting_for_another() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let budgets = budgets(&clock, 1000);
        let (free, busy) = (MailboxId::new("a"), MailboxId::new("b"));
        let enter = |mailbox, calls| budgets.enter("app", mailbox, Priority::Interactive, calls);
        let download = enter(Some(&busy), 1).await.expect("a place");
        for wanted in [
            [(free.clone(), 4), (busy.clone(), 4)],
            [(busy.clone(), 4), (free.clone(), 4)],
        ] {
            let mut batch = Box::pin(budgets.enter_all("app", &wanted, Priority::Interactive));
            assert!(futures::poll!(&mut batch).is_pending());
            clock.advance(HOLD);
            assert!(futures::poll!(&mut batch).is_pending());
            let other = Box::pin(enter(Some(&free), 4));
            let std::task::Poll::Ready(Ok(other)) = futures::poll!(other) else {
                panic!("the free mailbox waits for the busy one");
            };
            drop(other);
        }
        let gate = later(clock.now(), Duration::from_secs(60));
        download.close_until(gate);
        drop(download);
        let wanted = [(free.clone(), 4), (busy.clone(), 4)];
        let mut batch = Box::pin(budgets.enter_all("app", &wanted, Priority::Interactive));
        assert!(futures::poll!(&mut batch).is_pending());
        drop(enter(Some(&free), 4).await.expect("not held by the batch"));
        clock.advance(Duration::from_secs(60));
        let places = batch.await.expect("all places");
        assert_eq!(places.len(), 2);
        for mailbox in [&free, &busy] {
            let mut behind = Box::pin(enter(Some(mailbox), 1));
            assert!(futures::poll!(&mut behind).is_pending());
        }
    }

    /// Two batches about the same mailboxes in whatever order both come through.
    #[tokio::test]
    async fn batches_do_not_hold_each_other_up() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let budgets = budgets(&clock, 1000);
        let (a, b) = (MailboxId::new("a"), MailboxId::new("b"));
        let enter = |wanted: [(MailboxId, u32); 2]| {
            let budgets = &budgets;
            Box::pin(async move {
                budgets
                    .enter_all("app", &wanted, Priority::Interactive)
                    .await
            })
        };
        let single = |mailbox| budgets.enter("app", mailbox, Priority::Interactive, 1);
        let busy = (
            single(Some(&a)).await.expect("a place"),
            single(Some(&b)).await.expect("a place"),
        );
        let mut one = enter([(a.clone(), 4), (b.clone(), 4)]);
        let mut other = enter([(b.clone(), 4), (a.clone(), 4)]);
        // Each waits for its first, then takes it, and waits for what the other has.
        assert!(futures::poll!(&mut one).is_pending());
        assert!(futures::poll!(&mut other).is_pending());
        drop(busy);
        assert!(futures::poll!(&mut one).is_pending());
        assert!(futures::poll!(&mut other).is_pending());
        clock.advance(HOLD);
        // The first one gives back what it took, which is what the other waits for.
        assert!(futures::poll!(&mut one).is_pending());
        let std::task::Poll::Ready(Ok(places)) = futures::poll!(&mut other) else {
            panic!("they wait for each other");
        };
        assert!(futures::poll!(&mut one).is_pending());
        drop(places);
        assert_eq!(one.await.expect("all places").len(), 2);
    }

    #[tokio::test]
    async fn the_window_holds_calls_back_until_old_ones_leave_it() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let budgets = budgets(&clock, 2);
        let mailbox = MailboxId::new("m");
        for _ in 0..2 {
            drop(
                budgets
                    .enter("app", Some(&mailbox), Priority::Interactive, 1)
                    .await
                    .expect("a place"),
            );
        }
        let mut third = Box::pin(budgets.enter("app", Some(&mailbox), Priority::Interactive, 1));
        assert!(futures::poll!(&mut third).is_pending());
        clock.advance(Duration::from_secs(59));
        assert!(futures::poll!(&mut third).is_pending());
        clock.advance(Duration::from_secs(2));
        assert!(third.await.is_ok());
    }

    #[tokio::test]
    async fn a_closed_gate_holds_everybody_and_says_until_when() {
        let clock = HeldClock::at(Timestamp::UNIX_EPOCH);
        let budgets = budgets(&clock, 1000);
        let mailbox = MailboxId::new("m");
        let place = budgets
            .enter("app", Some(&mailbox), Priority::Interactive, 1)
            .await
            .expect("a place");
        place.close_until(later(clock.now(), Duration::from_secs(30)));
        place.close_until(later(clock.now(), Duration::from_secs(10)));
        let mut second = Box::pin(budgets.enter("app", Some(&mailbox), Priority::Interactive, 1));
        clock.advance(Duration::from_secs(29));
        assert!(futures::poll!(&mut second).is_pending());
        clock.advance(Duration::from_secs(1));
        let second = second.await.expect("the gate is open");
        let far = later(clock.now(), Duration::from_secs(600));
        second.close_until(far);
        let third = budgets.enter("app", Some(&mailbox), Priority::Interactive, 1);
        assert_eq!(third.await.err(), Some(far));
    }
}
