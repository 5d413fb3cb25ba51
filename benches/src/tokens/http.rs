//! Over HTTP: the server as it is, and beside it one that does nothing but answer with the same
//! bytes. The caller does next to nothing itself, for it has a part of the same processors.

use super::caller::Caller;
use super::floor;
use super::place::Closed;
use super::{TIMES, WHILE, median};
use crate::measure;
use crate::postroom;
use anyhow::{Context as _, Result};
use std::time::Instant;

/// Connections of the run with several.
const SEVERAL: usize = 16;

/// Tokens a second.
pub(super) struct Measured {
    pub(super) cached: Rates,
    pub(super) floor: Rates,
    pub(super) anew: f64,
}

/// The same with one connection and with several.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub(super) one: f64,
    pub(super) sixteen: f64,
}

/// Starts a server on the accounts and asks it.
pub(super) fn measure(closed: Closed) -> Result<Measured> {
    let mut key = closed.place.command()?;
    key.args(["key", "create", "--name", "bench", "--scope", "tokens"]);
    let (_, key) = measure::run(&mut key)?;
    let key = key.trim();
    let server = postroom::Server::start(&closed.place)?;
    let host = postroom::Server::HOST;
    let accounts = &closed.accounts;
    // The first time nothing is there: every account's token is fetched.
    let began = Instant::now();
    let answer = fetch_all(host, key, accounts)?;
    let anew = accounts.len() as f64 / began.elapsed().as_secs_f64();
    server.settle()?;
    let cached = rates(host, key, accounts)?;
    drop(server);
    let floor = floor::Answering::start(&answer)?;
    Ok(Measured {
        cached,
        floor: rates(&floor.host, key, accounts)?,
        anew,
    })
}

/// Every account's token once. Gives the last answer's body.
fn fetch_all(host: &str, key: &str, accounts: &[String]) -> Result<String> {
    let mut body = String::new();
    let mut callers = connect(host, key, SEVERAL.min(accounts.len()))?;
    for some in accounts.chunks(callers.len()) {
        for (caller, account) in callers.iter_mut().zip(some) {
            caller.ask(account)?;
        }
        for (caller, _) in callers.iter_mut().zip(some) {
            body = String::from_utf8(caller.answer()?.to_vec())?;
        }
    }
    Ok(body)
}

fn rates(host: &str, key: &str, accounts: &[String]) -> Result<Rates> {
    let of = |connections| {
        let all = (0..TIMES).map(|_| cached(host, key, accounts, connections));
        Ok::<_, anyhow::Error>(median(all.collect::<Result<_>>()?))
    };
    Ok(Rates {
        one: of(1)?,
        sixteen: of(SEVERAL)?,
    })
}

/// Tokens a second over so many connections, each of which has one call under way at any time.
fn cached(host: &str, key: &str, accounts: &[String], connections: usize) -> Result<f64> {
    let mut callers = connect(host, key, connections)?;
    let mut at = 0;
    let mut next = || {
        at = (at + 7_919) % accounts.len();
        &accounts[at]
    };
    for caller in &mut callers {
        caller.ask(next())?;
    }
    let began = Instant::now();
    let mut answered = 0_u64;
    while began.elapsed() < WHILE {
        for caller in &mut callers {
            caller.answer()?;
            caller.ask(next())?;
            answered += 1;
        }
    }
    let rate = answered as f64 / began.elapsed().as_secs_f64();
    for caller in &mut callers {
        caller.answer()?;
    }
    Ok(rate)
}

fn connect(host: &str, key: &str, connections: usize) -> Result<Vec<Caller>> {
    (0..connections.max(1))
        .map(|_| Caller::connect(host, key).context("connecting"))
        .collect()
}
