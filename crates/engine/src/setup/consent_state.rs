//! The state of a connection's admin consent address: it says which connection a returning
//! administrator consented for. It opens nothing: whoever has it can cause a check of the
//! connection, and no more often than once in a while.

use crate::{Engine, Result};
use postroom_model::ConnectionId;
use postroom_model::Timestamp;
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An administrator may take his time with a letter.
const LIFETIME: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// A state handed out has to be good for at least so long.
const AT_LEAST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The shortest time between two checks that a return causes.
const CALM: Duration = Duration::from_secs(2 * 60);

#[derive(Serialize, Deserialize)]
struct Kept {
    state: String,
    until: Timestamp,
    #[serde(default)]
    returned_at: Option<Timestamp>,
}

fn setting(connection: &ConnectionId) -> String {
    format!("admin_consent:{connection}")
}

/// What is kept, as it lies there and as far as it is good.
async fn kept(
    engine: &Engine,
    connection: &ConnectionId,
) -> Result<(Option<String>, Option<Kept>)> {
    let text = engine.store().setting(&setting(connection)).await?;
    let kept = text
        .as_deref()
        .and_then(|text| serde_json::from_str::<Kept>(text).ok())
        .filter(|kept| engine.now() < kept.until);
    Ok((text, kept))
}

/// Keeps it in place of what lay there; `false` when that is something else by now.
async fn keep(
    engine: &Engine,
    connection: &ConnectionId,
    there: Option<&str>,
    kept: &Kept,
) -> Result<bool> {
    let text = serde_json::to_string(kept).unwrap_or_default();
    let replaced = engine
        .store()
        .replace_setting(&setting(connection), there, &text)
        .await?;
    Ok(replaced)
}

/// The connection's state, the same one for weeks: every address that was handed out works.
pub(super) async fn current(engine: &Engine, connection: &ConnectionId) -> Result<String> {
    loop {
        let (there, kept) = kept(engine, connection).await?;
        if let Some(kept) = kept
            && later(engine.now(), AT_LEAST) < kept.until
        {
            return Ok(kept.state);
        }
        let new = Kept {
            state: engine.shared.dice.token(32),
            until: later(engine.now(), LIFETIME),
            returned_at: None,
        };
        // Of two who make one at once the second takes the first one's: both were handed out.
        if keep(engine, connection, there.as_deref(), &new).await? {
            return Ok(new.state);
        }
    }
}

/// The connection that a state is of.
pub(crate) async fn connection_of(engine: &Engine, state: &str) -> Result<Option<Connection>> {
    for connection in engine.connections().await? {
        let (_, kept) = kept(engine, &connection.id).await?;
        if kept.is_some_and(|kept| kept.state == state) {
            return Ok(Some(connection));
        }
    }
    Ok(None)
}

/// Whether a return may cause a check now; notes that it did.
pub(crate) async fn may_check(engine: &Engine, connection: &ConnectionId) -> Result<bool> {
    let (there, kept) = kept(engine, connection).await?;
    let Some(mut kept) = kept else {
        return Ok(false);
    };
    let now = engine.now();
    if kept.returned_at.is_some_and(|at| now < later(at, CALM)) {
        return Ok(false);
    }
    kept.returned_at = Some(now);
    // Of two returns at once one does.
    keep(engine, connection, there.as_deref(), &kept).await
}
