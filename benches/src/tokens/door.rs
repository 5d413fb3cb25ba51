//! Inside the process: the door alone.

use super::place::Accounts;
use super::{TIMES, WHILE, median};
use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::time::Instant;

/// How many are asked anew at once.
const AT_ONCE: usize = 16;
/// How many are asked anew where there is one account.
const ANEW: usize = 500;

/// Tokens a second.
pub(super) struct Measured {
    pub(super) cached: f64,
    pub(super) anew: f64,
}

/// Asks for every account's token anew, and then for tokens that are there, in an order that
/// leaps about among the accounts.
pub(super) async fn measure(accounts: &Accounts) -> Result<Measured> {
    let (door, identities) = (&accounts.door, &accounts.identities);
    let count = identities.len();
    let began = Instant::now();
    let asked = if count > 1 {
        stream::iter(identities)
            .map(|who| door.access_token(who))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?
            .len()
    } else {
        let who = identities.first().context("an account")?;
        for _ in 0..ANEW {
            door.forget_token(&who.account.id);
            door.access_token(who).await?;
        }
        ANEW
    };
    let anew = asked as f64 / began.elapsed().as_secs_f64();
    let mut cached = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        let (mut handed_out, mut at) = (0_u64, 0);
        while began.elapsed() < WHILE {
            for _ in 0..1_000 {
                at = (at + 7_919) % count;
                door.access_token(&identities[at]).await?;
            }
            handed_out += 1_000;
        }
        cached.push(handed_out as f64 / began.elapsed().as_secs_f64());
    }
    Ok(Measured {
        cached: median(cached),
        anew,
    })
}
