//! How often and how long something is tried again.

use super::errors::{Fault, Remedy};
use crate::contract::{Result, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// The first pause, doubled after every failure up to …
const FIRST: Duration = Duration::from_millis(20);
/// … this one.
const LONGEST: Duration = Duration::from_millis(800);
/// So often a transaction is run again that another one stood in the way of.
const CONFLICTS: u32 = 20;

/// The patience of one call.
#[derive(Debug)]
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
    conflicts: u32,
}

impl Patience {
    /// From now on for so long.
    pub(super) fn new(time: Duration) -> Self {
        Self {
            until: Instant::now() + time,
            pause: FIRST,
            conflicts: 0,
        }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Pauses, if there is any left.
    pub(super) async fn once_more(&mut self) -> bool {
        let pause = jittered(self.pause);
        self.pause = LONGEST.min(self.pause * 2);
        if pause > self.left() {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    /// Pauses, if it is worth while to try again; else gives the fault's error.
    pub(super) async fn again(&mut self, fault: Fault, doing: &str, place: &str) -> Result<()> {
        match fault.remedy() {
            Remedy::Tell => Err(fault.into_store(doing, place)),
            Remedy::RunAgain if self.conflicts < CONFLICTS => {
                self.conflicts += 1;
                tokio::time::sleep(jittered(FIRST * self.conflicts / 4)).await;
                Ok(())
            }
            Remedy::RunAgain => Err(StoreError::Unavailable {
                place: place.into(),
                reason: "other writers stood in the way, again and again".into(),
            }),
            Remedy::Wait if self.once_more().await => Ok(()),
            Remedy::Wait => Err(fault.into_store(doing, place)),
        }
    }
}

/// Half of it to all of it, so that those who failed together do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness it is the whole pause.
    let share = match aws_lc_rs::rand::fill(&mut random) {
        Ok(()) => u32::from(random[0]),
        Err(_) => 255,
    };
    pause / 2 + pause * share / 510
}
