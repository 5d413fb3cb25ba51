//! Everything that the engine knows of, looked at.

use super::steps::{fine, sentence, trouble, warning};
use super::{CheckAsk, CheckStep, Finding, credentials, secrets};
use crate::alerts::{account_of, due, words};
use crate::logins::earlier;
use crate::{Engine, Result};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::connection::Connection;
use postroom_model::mailbox::{Mailbox, SyncPhase};
use postroom_model::outbox::{OutboxItem, OutboxStatus};
use postroom_store::contract::outbox::OutboxQuery;
use std::time::Duration;

/// The setting that says that the master key is kept elsewhere, too.
const BACKED_UP: &str = "master_key_backed_up";
/// A mirror is old when it missed so many rounds, and at least for so long.
const MISSED_ROUNDS: u32 = 10;
const OLD: Duration = Duration::from_secs(15 * 60);
/// The most items of the outbox that are looked at.
const MOST_ITEMS: u32 = 500;

/// What there is to say of everything.
pub(super) async fn findings(engine: &Engine, online: bool) -> Result<Vec<Finding>> {
    let mut findings = vec![store(engine).await];
    if findings.iter().any(|finding| finding.hint.is_some()) {
        // Nothing else can be read.
        return Ok(findings);
    }
    findings.push(master_key(engine).await?);
    let connections = engine.connections().await?;
    if connections.is_empty() {
        findings.push(warning(
            "connections",
            "There is no connection yet.",
            "Add one: `postroom connection add`.",
        ));
    }
    let accounts = engine.store().accounts().await?;
    for connection in &connections {
        let reading = engine.store().application_reading(&connection.id).await?;
        let has_users = accounts
            .iter()
            .any(|it| it.connection == connection.id && it.kind == AccountKind::User);
        findings.extend(secrets::findings(
            connection,
            has_users,
            reading.as_ref(),
            engine.now(),
        ));
        if online {
            for found in checked(engine, connection).await? {
                if !findings.contains(&found) {
                    findings.push(found);
                }
            }
        }
    }
    for account in accounts {
        findings.push(self::account(engine, &account, &connections));
    }
    for mailbox in engine.store().mailboxes().await? {
        findings.push(self::mailbox(engine, &engine.as_it_stands(mailbox)));
    }
    findings.push(outbox(engine).await?);
    Ok(findings)
}

async fn store(engine: &Engine) -> Finding {
    let store = engine.store();
    let place = match store.describe().await {
        Ok(about) => format!("{} at {}, schema {}", about.kind, about.place, about.schema),
        Err(error) => format!("it does not say what it is: {error}"),
    };
    match store.check().await {
        Ok(()) => fine("store", format!("Reads and writes: {place}.")),
        Err(error) => trouble(
            "store",
            sentence(&format!("{error} ({place})")),
            "Check that the disk has room and the data folder belongs to the user that runs \
             Postroom; then start it again.",
        ),
    }
}

async fn master_key(engine: &Engine) -> Result<Finding> {
    let backed_up = engine.store().setting(BACKED_UP).await?;
    Ok(match backed_up.filter(|when| !when.is_empty()) {
        Some(when) => fine("master key", format!("Kept elsewhere, too ({when}).")),
        None => warning(
            "master key",
            "Nobody said that the master key is kept elsewhere, too.",
            "Without it no secret in the store can be opened: keep a copy of it apart from the \
             data, then say so with `postroom doctor --master-key-backed-up`.",
        ),
    })
}

/// The steps of a connection's check that failed, and those that are not as they should be.
async fn checked(engine: &Engine, connection: &Connection) -> Result<Vec<Finding>> {
    let report = engine
        .check_connection(&connection.id, &CheckAsk::default())
        .await?;
    let subject = format!("connection {}", connection.name);
    let untried = report
        .steps
        .iter()
        .find(|step| step.name == credentials::NAME && step.ok.is_none())
        .cloned();
    let mut findings: Vec<Finding> = report
        .steps
        .into_iter()
        .filter(|step| step.ok == Some(false))
        .map(|step| {
            let hint = step.hint.unwrap_or_default();
            let hint = match step.link {
                Some(link) => format!("{hint} {link}"),
                None => hint,
            };
            let detail = format!("{}: {}", step.name, step.detail);
            if step.essential {
                trouble(subject.clone(), detail, hint)
            } else {
                warning(subject.clone(), detail, hint)
            }
        })
        .collect();
    if report.ok {
        findings.insert(0, unfailed(subject, untried));
    }
    Ok(findings)
}

/// What a check without a failure comes to. `untried`: whether anybody can act was not found out.
fn unfailed(subject: String, untried: Option<CheckStep>) -> Finding {
    match untried {
        Some(step) => warning(subject, step.detail, step.hint.unwrap_or_default()),
        None => fine(subject, "The check is well."),
    }
}

fn account(engine: &Engine, account: &Account, connections: &[Connection]) -> Finding {
    let connection = connections
        .iter()
        .find(|connection| connection.id == account.connection);
    let name = connection.map_or(account.connection.as_str(), |connection| &connection.name);
    let subject = format!("account {}", words::account(account, name));
    if account.state == AccountState::CredentialExpired {
        // Of a credential alerts speak once for all who act through it; here each is told of.
        let reason = account.reason.as_deref().unwrap_or("no reason was given");
        return trouble(
            subject,
            sentence(&format!(
                "it cannot act ({}): {reason}",
                account.state.name()
            )),
            words::mend(account.state, name),
        );
    }
    let now = engine.now();
    let watched = connection.and_then(|connection| account_of(connection, account));
    match watched.and_then(|it| due(now, &it)) {
        Some(due) if due.expires_at.is_some() => secrets::said(&subject, due, now),
        Some(due) => trouble(subject, due.words.detail, due.words.hint),
        None => fine(subject, "It can act."),
    }
}

fn mailbox(engine: &Engine, mailbox: &Mailbox) -> Finding {
    let subject = format!("mailbox {}", mailbox.address);
    let sync = &mailbox.sync;
    let settings = engine.settings();
    let old_before = earlier(
        engine.now(),
        settings
            .sync_interval
            .saturating_mul(MISSED_ROUNDS)
            .max(OLD),
    );
    if sync.state == SyncPhase::Failed {
        let error = sync.error.as_deref().unwrap_or("no reason was noted");
        return trouble(
            subject,
            sentence(&format!("its last round failed: {error}")),
            "It is tried again by itself; `postroom mailbox sync` tries at once.",
        );
    }
    let Some(synced) = sync.last_synced_at else {
        let detail = format!(
            "Its mirror was never level ({}; {} messages so far).",
            sync.state.name(),
            sync.messages_done
        );
        let hint = "The first round of a large mailbox takes its time; the mirror works while the \
                    server runs (`postroom serve`).";
        return warning(subject, detail, hint);
    };
    if synced < old_before && sync.state != SyncPhase::Syncing {
        return warning(
            subject,
            format!("Its mirror was last level at {synced}."),
            "Is the server running (`postroom serve`)? `postroom mailbox sync` tries at once.",
        );
    }
    let proven_before = earlier(engine.now(), settings.prove_interval.saturating_mul(2));
    if sync
        .last_proven_at
        .unwrap_or(mailbox.created_at)
        .lt(&proven_before)
    {
        return warning(
            subject,
            "Its mirror was not proven whole lately.",
            "The comparison runs by itself while the server runs; the log says why it does not \
             come to an end.",
        );
    }
    fine(subject, format!("Level at {synced}."))
}

async fn outbox(engine: &Engine) -> Result<Finding> {
    let items = engine
        .store()
        .list_outbox(&OutboxQuery {
            mailboxes: None,
            statuses: vec![OutboxStatus::Failed, OutboxStatus::Uncertain],
            after: None,
            limit: MOST_ITEMS,
        })
        .await?;
    Ok(left_behind(&items))
}

fn left_behind(items: &[OutboxItem]) -> Finding {
    let uncertain = items
        .iter()
        .filter(|item| item.status == OutboxStatus::Uncertain)
        .count();
    let failed = items.len() - uncertain;
    let detail = format!("{failed} failed, {uncertain} uncertain.");
    match (failed, uncertain) {
        (0, 0) => fine("outbox", "Nothing failed and nothing is uncertain."),
        (_, 0) => warning(
            "outbox",
            detail,
            "`postroom outbox list` says why; correct that, then `postroom outbox retry` or \
             `cancel`.",
        ),
        _ => trouble(
            "outbox",
            detail,
            "Look in the mailbox's Sent Items whether an uncertain message left. If it did not: \
             `postroom outbox retry`; it may otherwise leave twice.",
        ),
    }
}
