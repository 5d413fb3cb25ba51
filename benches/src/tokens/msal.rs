//! Microsoft's own library for Python, measured in the same run.

use super::{Figure, figure};
use crate::report::python;
use crate::tenant::Address;
use crate::{measure, tenant};
use anyhow::{Context, Result};
use serde::Deserialize;

/// What it says of itself, in look-ups a second.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    accounts: usize,
    for_client: f64,
    for_client_of_many: f64,
    silent: f64,
    silent_of_many: f64,
    by_name: f64,
    by_name_of_many: f64,
    anew: f64,
}

impl Measured {
    /// The fastest of its ways to a token that is there, with one account.
    pub(super) fn fastest_cached(&self) -> f64 {
        self.for_client.max(self.silent)
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        [
            ("acquire_token_for_client: cached", 1, self.for_client),
            (
                "acquire_token_for_client: cached",
                self.accounts,
                self.for_client_of_many,
            ),
            ("acquire_token_silent: cached", 1, self.silent),
            (
                "acquire_token_silent: cached",
                self.accounts,
                self.silent_of_many,
            ),
            ("the same, found by name", 1, self.by_name),
            (
                "the same, found by name",
                self.accounts,
                self.by_name_of_many,
            ),
            ("acquire_token_for_client: anew", 1, self.anew),
        ]
        .into_iter()
        .map(|(name, accounts, per_second)| {
            figure(&format!("msal (Python), {name}"), accounts, per_second)
        })
        .collect()
    }
}

/// Lets it measure itself.
pub(super) fn measure(address: &Address, accounts: usize) -> Result<Measured> {
    let mut command = python("tokens.py", address)?;
    command.env("ACCOUNTS", accounts.to_string());
    let (_, output) = measure::run(&mut command)?;
    let line = output.lines().last().context("its figures")?;
    Ok(serde_json::from_str(line)?)
}

/// What became of callers in threads that found the token expired all at once.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stormed {
    pub(super) callers: usize,
    pub(super) rounds: usize,
    /// Callers in each round that were answered `invalid_grant`.
    pub(super) refused: Vec<usize>,
}

/// Lets it meet such a moment, signed in as that user.
pub(super) fn storm(
    address: &Address,
    user: &tenant::User,
    callers: usize,
    rounds: usize,
) -> Result<Stormed> {
    let mut command = python("token_storm.py", address)?;
    command
        .env("USER_NAME", &user.name)
        .env("USER_PASSWORD", &user.password)
        .env("CALLERS", callers.to_string())
        .env("ROUNDS", rounds.to_string());
    let (_, output) = measure::run(&mut command)?;
    let line = output.lines().last().context("its figures")?;
    Ok(serde_json::from_str(line)?)
}
