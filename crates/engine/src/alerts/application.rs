//! When credentials end, asked of Microsoft: once a day the application object of each connection
//! is read, where the application may.

use super::matching::{Ours, Proof, end_of};
use crate::{Engine, Result};
use postroom_microsoft::graph::applications;
use postroom_microsoft::{DoorError, Priority};
use postroom_model::Timestamp;
use postroom_model::account::AccountState;
use postroom_model::alert::{ApplicationReading, ReadingOutcome};
use postroom_model::clock::later;
use postroom_model::connection::{Connection, CredentialKind};
use std::time::Duration;

/// Time between two readings of one application object.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often it is looked whether one is due, also after a reading that failed.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// Nothing waits for a reading: it lets the mirrors go first, and lets a connection that is being
/// made come to its end.
const PAUSE: Duration = Duration::from_secs(60);

/// Reads what is due until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let mut next = later(engine.now(), PAUSE);
    loop {
        let wait = next.duration_since(engine.now());
        let wait = Duration::try_from(wait).unwrap_or_default();
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(wait) => {}
            () = engine.shared.alerts.applications_woken() => {
                next = next.min(later(engine.now(), PAUSE));
                continue;
            }
        }
        let done = tokio::select! {
            done = round(&engine) => done,
            () = engine.stopping() => return,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "reading when credentials end");
        }
        next = later(engine.now(), LOOK);
    }
}

/// Reads every application object that is due. One that cannot be read keeps no other from it.
pub(super) async fn round(engine: &Engine) -> Result<()> {
    let mut failed = None;
    for connection in engine.store().connections().await? {
        if let Err(problem) = round_of(engine, &connection).await {
            tracing::warn!(connection = %connection.name, error = %problem, "reading when its credentials end; it is tried again");
            failed.get_or_insert(problem);
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn round_of(engine: &Engine, connection: &Connection) -> Result<()> {
    let before = engine.store().application_reading(&connection.id).await?;
    if !is_due(connection, before.as_ref(), engine.now()) {
        return Ok(());
    }
    match read(engine, connection, before.as_ref()).await {
        Ok(Some(reading)) => keep(engine, connection, before.as_ref(), reading).await,
        Ok(None) => Ok(()),
        // What is wrong with the connection itself, others say.
        Err(Failed::Door(error)) => {
            tracing::debug!(connection = %connection.name, %error, "reading an application object");
            Ok(())
        }
        Err(Failed::Other(problem)) => Err(problem),
    }
}

enum Failed {
    Door(DoorError),
    Other(crate::Problem),
}

impl<E: Into<crate::Problem>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn is_due(connection: &Connection, before: Option<&ApplicationReading>, now: Timestamp) -> bool {
    if connection.credentials.is_empty() {
        return false;
    }
    before.is_none_or(|before| {
        // What lies ahead was written by a clock that was ahead: it holds nothing up.
        later(before.read_at, EVERY) <= now
            || now < before.read_at
            || connection
                .credentials
                .iter()
                .any(|it| before.read_at < it.created_at && it.created_at <= now)
    })
}

/// One reading; nothing where the application cannot act.
async fn read(
    engine: &Engine,
    connection: &Connection,
    before: Option<&ApplicationReading>,
) -> std::result::Result<Option<ApplicationReading>, Failed> {
    let application = engine.store().account_of(&connection.id, None).await?;
    let Some(application) = application.filter(|it| it.state == AccountState::Active) else {
        return Ok(None);
    };
    let who = engine.identity(&application.id, "expiry watch").await?;
    let read_at = engine.now();
    let (outcome, object) = match applications::get(
        engine.door(),
        &who,
        &connection.client_id,
        Priority::Background,
    )
    .await
    {
        Ok(object) => (ReadingOutcome::Read, object),
        // An application of another tenant has no object here: 404.
        Err(error) if matches!(error.status(), Some(403 | 404)) => (
            ReadingOutcome::NotPermitted,
            applications::Application::default(),
        ),
        Err(error) => return Err(Failed::Door(error)),
    };
    let mut ends = Vec::new();
    for credential in engine.store().credentials(&connection.id).await? {
        let proof = match (credential.info.kind, &credential.info.certificate) {
            // One that cannot be read is not known again.
            (CredentialKind::Secret, _) if credential.secret.is_empty() => continue,
            (CredentialKind::Secret, _) => Proof::Secret(&credential.secret),
            (CredentialKind::Certificate, Some(it)) => Proof::Thumbprint(&it.thumbprint),
            // Another issuer's word has no end there.
            _ => continue,
        };
        // What a former reading wrote is no one's typing.
        let is_ours = before.into_iter().flat_map(|it| &it.credentials).any(|it| {
            it.credential == credential.info.id && Some(it.ends_at) == credential.info.expires_at
        });
        let ours = Ours {
            info: &credential.info,
            proof,
            typed: credential.info.expires_at.filter(|_| !is_ours),
            now: read_at,
        };
        ends.extend(end_of(&ours, &object));
    }
    Ok(Some(ApplicationReading {
        connection: connection.id.clone(),
        read_at,
        outcome,
        credentials: ends,
    }))
}

async fn keep(
    engine: &Engine,
    connection: &Connection,
    before: Option<&ApplicationReading>,
    mut reading: ApplicationReading,
) -> Result<()> {
    let name = &connection.name;
    match reading.outcome {
        ReadingOutcome::Read => {}
        ReadingOutcome::NotPermitted => {
            // What was known stays known.
            reading.credentials = before.map(|it| it.credentials.clone()).unwrap_or_default();
            reading
                .credentials
                .retain(|end| is_still_its_end(connection, end));
            if before.is_none_or(|it| it.outcome != ReadingOutcome::NotPermitted) {
                tracing::info!(
                    connection = %name,
                    "when its credentials end cannot be read at Microsoft (permission \
                     Application.Read.All); what was typed in counts"
                );
            }
        }
    }
    engine.store().save_application_reading(&reading).await?;
    engine.settle_ends(&connection.id).await?;
    engine.shared.alerts.wake_watch();
    Ok(())
}

fn is_still_its_end(connection: &Connection, end: &postroom_model::alert::CredentialEnd) -> bool {
    connection
        .credentials
        .iter()
        .any(|it| it.id == end.credential && it.expires_at == Some(end.ends_at))
}
