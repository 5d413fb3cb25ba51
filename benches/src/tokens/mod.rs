//! How fast tokens are handed out: inside the process, over HTTP, and asked of the sign-in service
//! anew; with one account and with many; beside what Microsoft's own library for Python has within
//! its process. And what becomes of callers that find a token expired all at once, where a refresh
//! token works only once.

mod caller;
mod door;
mod floor;
mod http;
mod msal;
mod place;
mod storm;

use crate::report::aim;
use crate::tenant::Started;
use anyhow::Result;
use clap::Args;
use comfy_table::Table;
pub(crate) use floor::Floor;
use place::Accounts;
use std::time::Duration;

/// For how long each figure is taken.
const WHILE: Duration = Duration::from_secs(2);
/// How often; the median counts.
const TIMES: usize = 3;

/// Tokens alone
#[derive(Args)]
pub(crate) struct Tokens {
    /// Accounts of the large run
    #[arg(long, default_value_t = 10_000)]
    pub(crate) accounts: usize,
    /// The same for msal, whose time grows with the square of it
    #[arg(long, default_value_t = 1_000)]
    pub(crate) msal_accounts: usize,
}

/// One figure: so many a second.
struct Figure {
    name: String,
    accounts: usize,
    per_second: f64,
}

fn figure(name: &str, accounts: usize, per_second: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        accounts,
        per_second,
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            accounts: 10_000,
            msal_accounts: 1_000,
        }
    }
}

impl Tokens {
    /// Takes all figures, and prints them.
    pub(crate) async fn run(self) -> Result<()> {
        let tenant = Started::new(0, 0).await?;
        let mut figures = Vec::new();
        let mut cached_by_door = Vec::new();
        let mut cached_by_http = Vec::new();
        for count in [1, self.accounts.max(2)] {
            eprintln!("tokens: {count} accounts");
            let accounts = Accounts::make(&tenant.address, count).await?;
            let door = door::measure(&accounts).await?;
            figures.push(figure("postroom, inside: cached", count, door.cached));
            figures.push(figure("postroom, inside: anew", count, door.anew));
            cached_by_door.push(door.cached);
            let accounts = accounts.close().await?;
            let http = http::measure(accounts)?;
            for (connections, cached, floor) in [
                ("1 connection", http.cached.one, http.floor.one),
                ("16 connections", http.cached.sixteen, http.floor.sixteen),
            ] {
                let name = format!("postroom, HTTP, {connections}: cached");
                figures.push(figure(&name, count, cached));
                let name = format!("floor: the same bytes, HTTP, {connections}");
                figures.push(figure(&name, count, floor));
            }
            figures.push(figure(
                "postroom, HTTP, 16 connections: anew",
                count,
                http.anew,
            ));
            cached_by_http.push(http.cached);
        }
        let theirs = match msal::measure(&tenant.address, self.msal_accounts) {
            Ok(theirs) => Some(theirs),
            Err(error) => {
                eprintln!("msal: {error:#}");
                None
            }
        };
        figures.extend(theirs.iter().flat_map(msal::Measured::figures));
        print(&figures);
        if let Some(theirs) = &theirs {
            aim(
                "inside: times msal's fastest cached look-up",
                cached_by_door[0] / theirs.fastest_cached(),
                10.0,
                false,
            );
            let best = cached_by_http[0].one.max(cached_by_http[0].sixteen);
            aim(
                "over HTTP: times msal's fastest cached look-up in its process",
                best / theirs.fastest_cached(),
                1.0,
                false,
            );
        }
        for (what, [one, many]) in [
            ("inside", [cached_by_door[0], cached_by_door[1]]),
            (
                "over HTTP, 1 connection",
                [cached_by_http[0].one, cached_by_http[1].one],
            ),
            (
                "over HTTP, 16 connections",
                [cached_by_http[0].sixteen, cached_by_http[1].sixteen],
            ),
        ] {
            aim(
                &format!(
                    "{what}: part of the speed that is left with {} accounts",
                    self.accounts
                ),
                many / one,
                0.9,
                false,
            );
        }
        storm::run().await
    }
}

fn print(figures: &[Figure]) {
    let mut table = Table::new();
    table.set_header(["", "accounts", "tokens/s"]);
    for figure in figures {
        table.add_row([
            figure.name.clone(),
            figure.accounts.to_string(),
            format!("{:.0}", figure.per_second),
        ]);
    }
    println!("{table}");
}

/// The middle one of some figures.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}
