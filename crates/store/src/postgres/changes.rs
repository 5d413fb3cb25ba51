//! The change feed.
//!
//! A position is given out as the last thing before the commit, from the one row of `feed`, whose
//! lock lasts until then: so positions are in the order of commits, and whoever sees one sees all
//! before it.

use super::PostgresStore;
use super::errors::{Answer, Fault};
use super::lock::CHANNEL;
use super::numbers::{self, LockedMailbox};
use super::server::Tx;
use super::values::{Time, at, count, named, texts, time};
use crate::change_cursor::CursorText;
use crate::contract::changes::{ChangePage, ChangeQuery, Changes};
use crate::contract::{Result, StoreError};
use crate::role::Role;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::change::{Change, ChangeKind, ChangedResource};
use postroom_model::{MailboxId, Timestamp};
use tokio::sync::watch;
use tokio_postgres::{Row, Statement};

// The row of `feed` is locked here, and nowhere else.
const INSERT: &str = "WITH given AS (
        UPDATE feed SET last_position = last_position + $1::bigint
        RETURNING last_position - $1::bigint AS before
    )
    INSERT INTO changes (position, mailbox, number, resource, id, kind, at)
    SELECT given.before + it.ordinal, it.mailbox, it.number, it.resource, it.id, it.kind, it.at
    FROM given, unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
        $7::timestamptz[])
        WITH ORDINALITY AS it (mailbox, number, resource, id, kind, at, ordinal)";
const NOTIFY: &str = "SELECT pg_notify($1, '')";
const LATEST: &str = "SELECT last_position FROM feed";
const FORGET_MAILBOX: &str = "DELETE FROM changes WHERE mailbox = $1";
// Only from the old end, so that what is left has no gaps, even if the clock went back once.
const OLD_END: &str = "SELECT COALESCE(
        (SELECT position - 1 FROM changes WHERE at >= $1 ORDER BY position LIMIT 1),
        (SELECT MAX(position) FROM changes),
        0)";
const PRUNE: &str = "DELETE FROM changes WHERE position <= $1";
const SET_FORGOTTEN: &str = "UPDATE store SET forgotten = $1 WHERE forgotten < $1";

/// A change that waits for its position.
#[derive(Clone, Debug)]
pub(super) struct PendingChange {
    mailbox: i64,
    number: i64,
    resource: ChangedResource,
    id: String,
    kind: ChangeKind,
    at: Time,
}

/// Notes the next change of a mailbox. Whoever does so calls [`numbers::count_on`] at the end.
pub(super) fn note(
    tx: &Tx<'_>,
    mailbox: &mut LockedMailbox,
    resource: ChangedResource,
    id: &str,
    kind: ChangeKind,
    time: Timestamp,
) {
    mailbox.last_change += 1;
    tx.note(PendingChange {
        mailbox: mailbox.number,
        number: mailbox.last_change,
        resource,
        id: id.to_owned(),
        kind,
        at: at(time),
    });
}

/// Notes one change of a mailbox that may be gone (the outbox outlives it).
pub(super) async fn note_one(
    tx: &Tx<'_>,
    mailbox: &str,
    resource: ChangedResource,
    id: &str,
    kind: ChangeKind,
    time: Timestamp,
) -> Answer<()> {
    let mut mailbox = numbers::lock_any(tx, mailbox).await?;
    note(tx, &mut mailbox, resource, id, kind, time);
    numbers::count_on(tx, &mailbox).await
}

/// Changes on their way into the feed.
pub(super) struct Writing<'c> {
    changes: &'c [PendingChange],
    insert: Statement,
    notify: Statement,
}

impl<'c> Writing<'c> {
    /// Everything that may have to wait for the server, before the feed is locked.
    pub(super) async fn prepare(tx: &Tx<'_>, changes: &'c [PendingChange]) -> Answer<Self> {
        Ok(Self {
            changes,
            insert: tx.statement(INSERT).await?,
            notify: tx.statement(NOTIFY).await?,
        })
    }

    /// Writes them, and wakes other processes at the commit.
    pub(super) async fn send(self, tx: &Tx<'_>) -> Answer<()> {
        let changes = self.changes;
        let length = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        let mailboxes: Vec<_> = changes.iter().map(|it| it.mailbox).collect();
        let numbers: Vec<_> = changes.iter().map(|it| it.number).collect();
        let resources: Vec<_> = changes.iter().map(|it| it.resource.name()).collect();
        let ids: Vec<_> = changes.iter().map(|it| it.id.as_str()).collect();
        let kinds: Vec<_> = changes.iter().map(|it| it.kind.name()).collect();
        let times: Vec<_> = changes.iter().map(|it| it.at).collect();
        let client = tx.client();
        let (written, notified) = tokio::join!(
            biased;
            async { client.execute(
                &self.insert,
                &[&length, &mailboxes, &numbers, &resources, &ids, &kinds, &times],
            ).await },
            async { client.execute(&self.notify, &[&CHANNEL]).await },
        );
        written?;
        notified?;
        Ok(())
    }
}

/// Forgets a mailbox's changes. Its numbers go on.
pub(super) async fn forget_mailbox(tx: &Tx<'_>, mailbox: i64) -> Answer<()> {
    tx.execute(FORGET_MAILBOX, &[&mailbox]).await?;
    Ok(())
}

// One statement is one snapshot: the cursor never jumps over what it did not see, and whatever is
// seen has all before it in sight. `$1` is the position behind which, `$2` the limit, `$3` the
// mailboxes, `$4` the resources.
macro_rules! page {
    ($mailboxes:literal) => {
        concat!(
            "SELECT s.forgotten, f.last_position, c.position, c.mailbox, c.number, c.resource,
                c.id, c.kind, c.at
             FROM store s CROSS JOIN feed f LEFT JOIN LATERAL (
                SELECT c.position, m.mailbox, c.number, c.resource, c.id, c.kind, c.at
                FROM changes c JOIN mailbox_numbers m ON m.number = c.mailbox
                WHERE c.position > COALESCE($1::bigint, s.forgotten) AND ",
            $mailboxes,
            " AND ($4::text[] = '{}' OR c.resource = ANY ($4))
                ORDER BY c.position LIMIT $2::bigint
             ) c ON true ORDER BY c.position"
        )
    };
}

const PAGE_OF_ALL: &str = page!("$3::text[] IS NULL");
// Of one mailbox an index has them in order.
const PAGE_OF_ONE: &str =
    page!("c.mailbox = (SELECT number FROM mailbox_numbers WHERE mailbox = ($3::text[])[1])");
const PAGE_OF_SOME: &str = page!(
    "c.mailbox = ANY (ARRAY (SELECT number FROM mailbox_numbers WHERE mailbox = ANY ($3::text[])))"
);

/// The statement for a page: of all mailboxes, of one, of several.
pub(super) fn page_of(mailboxes: Option<usize>) -> &'static str {
    match mailboxes {
        None => PAGE_OF_ALL,
        Some(1) => PAGE_OF_ONE,
        Some(_) => PAGE_OF_SOME,
    }
}

/// What a page's statement gave, besides changes.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    forgotten: i64,
    latest: i64,
}

fn change(cursor: &CursorText<'_>, row: &Row) -> Answer<Option<(i64, Change)>> {
    let Some(position) = row.try_get::<_, Option<i64>>(2)? else {
        return Ok(None);
    };
    let change = Change {
        cursor: cursor.write(position),
        mailbox: MailboxId::new(row.try_get::<_, String>(3)?),
        number: count(row.try_get(4)?),
        resource: named(row.try_get(5)?)?,
        id: row.try_get(6)?,
        change: named(row.try_get(7)?)?,
        at: time(row.try_get(8)?)?,
    };
    Ok(Some((position, change)))
}

#[async_trait]
impl Changes for PostgresStore {
    async fn changes(&self, query: &ChangeQuery) -> Result<ChangePage> {
        let cursor = &CursorText { store: &self.0.id };
        let since = match &query.since {
            Some(since) => Some(cursor.read(since).ok_or(StoreError::CursorExpired)?),
            None => None,
        };
        let limit = i64::from(query.limit);
        let mailboxes = query.mailboxes.as_ref().map(|list| texts(list));
        let mailboxes = &mailboxes;
        let resources: &Vec<_> = &query.resources.iter().map(|it| it.name()).collect();
        let sql = page_of(mailboxes.as_ref().map(Vec::len));
        let (found, ends) = self
            .server()
            .read("reading changes", move |session| {
                async move {
                    let rows = session
                        .rows(sql, &[&since, &limit, mailboxes, resources])
                        .await?;
                    let first = rows.first().ok_or(Fault::Broken("the store has no row"))?;
                    let ends = Ends {
                        forgotten: first.try_get(0)?,
                        latest: first.try_get(1)?,
                    };
                    let mut found = Vec::with_capacity(rows.len());
                    for row in &rows {
                        found.extend(change(cursor, row)?);
                    }
                    Ok((found, ends))
                }
                .boxed()
            })
            .await?;
        // A position that was never given: of a store that was set back to an older copy.
        if since.is_some_and(|since| since < ends.forgotten || since > ends.latest) {
            return Err(StoreError::CursorExpired);
        }
        let full = found.len() >= query.limit as usize;
        let position = match found.last() {
            Some((position, _)) if full => *position,
            // A limit of nothing reads nothing and goes nowhere.
            None if full => since.unwrap_or(ends.forgotten),
            _ => ends.latest,
        };
        Ok(ChangePage {
            changes: found.into_iter().map(|(_, change)| change).collect(),
            cursor: cursor.write(position),
        })
    }

    async fn latest_change(&self) -> Result<String> {
        let latest: i64 = self
            .server()
            .read("reading the end of the change feed", |session| {
                async move { Ok(session.row(LATEST, &[]).await?.try_get(0)?) }.boxed()
            })
            .await?;
        Ok(CursorText { store: &self.0.id }.write(latest))
    }

    fn watch_changes(&self) -> watch::Receiver<u64> {
        if self.0.role == Role::Beside {
            // The engine's lock listens already.
            self.0.listener.get_or_init(|| {
                super::lock::Listener::start(&self.0.connector, &self.0.feed_sender)
            });
        }
        self.0.feed.clone()
    }

    async fn prune_changes(&self, before: Timestamp) -> Result<u64> {
        let before = at(before);
        self.server()
            .write("forgetting changes", move |tx| {
                async move {
                    let end: i64 = tx.row(OLD_END, &[&before]).await?.try_get(0)?;
                    let rows = tx.execute(PRUNE, &[&end]).await?;
                    if rows > 0 {
                        tx.execute(SET_FORGOTTEN, &[&end]).await?;
                    }
                    Ok(rows)
                }
                .boxed()
            })
            .await
    }
}
