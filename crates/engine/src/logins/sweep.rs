//! Things that age: sign-ins that nobody finished, answers and entries that were kept long enough.

use super::EXPIRED;
use crate::Engine;
use crate::idempotency::REMEMBERED_FOR;
use postroom_model::Timestamp;
use postroom_model::login::LoginStatus;
use postroom_store::StoreError;
use std::time::Duration;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(3 * 60);
/// How long an ended sign-in can be asked about.
const KEEP_LOGINS: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a content that nothing points to is kept: it may be of a message that is just being
/// written.
const KEEP_BLOBS: Duration = Duration::from_secs(24 * 60 * 60);

/// Ends sign-ins that nobody finished in time, and other sweeping of things that age (changes,
/// calls, idempotency, blobs), until the engine stops.
pub(crate) async fn sweep(engine: Engine) {
    loop {
        round(&engine).await;
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(EVERY) => {}
        }
    }
}

/// One round. A part that fails keeps no other from its work.
async fn round(engine: &Engine) {
    let now = engine.now();
    let (store, settings) = (engine.store(), engine.settings());
    swept("overdue sign-ins", end_overdue(engine, now).await);
    let logins = store.prune_logins(earlier(now, KEEP_LOGINS)).await;
    swept("sign-ins", logins);
    let answers = store.prune_idempotency(earlier(now, REMEMBERED_FOR)).await;
    swept("idempotency keys", answers);
    let changes = store
        .prune_changes(earlier(now, settings.keep_changes))
        .await;
    swept("changes", changes);
    let calls = store
        .prune_calls(
            earlier(now, settings.keep_calls),
            earlier(now, settings.keep_call_details),
        )
        .await;
    swept("calls", calls);
    let audit = store.prune_audit(earlier(now, settings.keep_audit)).await;
    swept("audit entries", audit);
    swept("sessions", engine.sweep_sessions().await);
    engine.shared.access.say_rest(now);
    engine.write_counted_of_late().await;
    swept(
        "contents",
        store.collect_blobs(earlier(now, KEEP_BLOBS)).await,
    );
}

/// Ends what nobody finished in time. Whoever came back in time is finishing it, and ends it so.
async fn end_overdue(engine: &Engine, now: Timestamp) -> Result<u64, StoreError> {
    let mut many = 0;
    for id in engine.store().overdue_logins(now).await? {
        let Some(_turn) = engine.shared.logins.begin(&id) else {
            continue;
        };
        match engine.end_login(&id, LoginStatus::Expired, EXPIRED).await {
            Ok(ended) => many += u64::from(ended),
            Err(error) => {
                tracing::warn!(login = %id, %error, "ending a sign-in; it is tried again");
            }
        }
    }
    Ok(many)
}

fn swept(what: &str, result: Result<u64, StoreError>) {
    match result {
        Ok(0) | Err(StoreError::Closed) => {}
        Ok(many) => tracing::debug!(what, many, "swept"),
        Err(error) => tracing::warn!(what, %error, "sweeping; it is tried again"),
    }
}

/// `at - duration`, held at the beginning of time instead of overflowing.
pub(crate) fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| at.checked_sub(duration).ok())
        .unwrap_or(Timestamp::MIN)
}
