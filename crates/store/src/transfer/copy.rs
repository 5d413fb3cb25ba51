//! Takes a whole installation from one store into another one.
//!
//! Rows are copied as they lie: secrets stay encrypted, numbers and cursors stay what they are. The
//! copy can be cut off at any instant and goes on where it was, as long as the store that is copied
//! was not used in between: a mark that both stores carry tells. At the end every row and every
//! content is compared.

use super::check::rows_and_contents;
use super::{BLOBS, Progress, TABLES, Watcher};
use crate::contract::tables::{Row, Table, Value};
use crate::contract::{Result, Store, StoreError};
use crate::seal::new_store_id;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postroom_model::Timestamp;

/// The setting of a store into which a copy is not finished: the copy's mark, which ends with the
/// id of the store that is copied. Such a store must not be used.
pub const UNFINISHED: &str = "store.copy.unfinished";
/// The setting of a store that is being copied: the copy's mark. Whoever uses the store takes it
/// away, so that the copy begins anew.
pub const UNDER_WAY: &str = "store.copy.under-way";
/// The setting of a store that was copied whole: where to. Two stores of one installation must not
/// both be used, or mail is sent twice.
pub const MOVED_TO: &str = "store.moved-to";

/// Settings that belong to a store and not to the installation in it.
const OWN_SETTINGS: &[&str] = &[UNFINISHED, UNDER_WAY, MOVED_TO];

/// Rows in one transaction.
const ROWS: u32 = 1_000;
/// Contents copied side by side: they share the store's syncs to disk.
const CONTENTS: usize = 16;

/// Why a store was not copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A store failed. What was copied stays and is not copied again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is something in the other store already.
    #[error("{place} is in use already: a copy needs an empty store to go into")]
    NotEmpty {
        /// Where.
        place: String,
    },
    /// Both are the same, or one is a copy of the other.
    #[error("{place} holds this very installation already")]
    Same {
        /// Where.
        place: String,
    },
    /// The store to copy is itself half a copy.
    #[error(
        "{place} is a copy that was not finished: finish it, or copy from the store it came from"
    )]
    Unfinished {
        /// Where.
        place: String,
    },
    /// The other store holds half a copy of a third one.
    #[error(
        "{place} holds a copy of another store that was not finished: finish that one, or take an \
         empty store"
    )]
    Another {
        /// Where.
        place: String,
    },
    /// The store to copy was moved elsewhere before.
    #[error(
        "{place} was copied to {to} before, which is the one to use and to copy. If that copy is \
         never used, `postroom store reuse` takes this one into use again"
    )]
    Moved {
        /// Where.
        place: String,
        /// Where to.
        to: String,
    },
    /// Somebody used the store while it was copied.
    #[error("{place} was used while it was copied: copy again, which begins anew")]
    Used {
        /// Where.
        place: String,
    },
    /// Something is not the same on both sides after the copy.
    #[error(
        "the copy is not the same ({what}): it must not be used; begin anew with an empty store"
    )]
    Differs {
        /// What.
        what: String,
    },
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows that were compared.
    pub rows: u64,
    /// Contents that were compared.
    pub contents: u64,
    /// Whether this went on with a copy that was cut off.
    pub resumed: bool,
}

/// Copies `from` into `to`, compares them, and marks `from` as moved. Nobody else may use either
/// meanwhile; `to` has to be opened anew to be used.
///
/// # Errors
///
/// [`CopyError`]. After `Store` it can be called again and goes on.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    watcher: Watcher<'_>,
) -> std::result::Result<Copied, CopyError> {
    let (mark, resumed) = begin(from, to).await?;
    contents(from, to, watcher).await?;
    for table in TABLES {
        rows(from, to, table, watcher).await?;
    }
    to.adopt_identity(&from.identity().await?).await?;
    let compared = compare(from, to, watcher).await;
    unused(from, &mark).await?;
    let copied = compared?;
    end(from, to, &mark).await?;
    Ok(Copied { resumed, ..copied })
}

/// Nobody used the store since the copy was begun.
async fn unused(from: &dyn Store, mark: &str) -> std::result::Result<(), CopyError> {
    if set(from, UNDER_WAY).await?.as_deref() == Some(mark) {
        return Ok(());
    }
    Err(CopyError::Used {
        place: from.describe().await?.place,
    })
}

/// From here on the other one is used. At no point may both be: cut off in between, neither is, and
/// the copy goes on.
async fn end(from: &dyn Store, to: &dyn Store, mark: &str) -> std::result::Result<(), CopyError> {
    from.put_setting(MOVED_TO, &to.describe().await?.place)
        .await?;
    // Whoever uses a store looks whether it was moved, and then takes the copy's mark away. We do
    // the same the other way round: one of the two sees the other.
    if let Err(error) = unused(from, mark).await {
        from.put_setting(MOVED_TO, "").await?;
        return Err(error);
    }
    to.put_setting(UNFINISHED, "").await?;
    from.put_setting(UNDER_WAY, "").await?;
    Ok(())
}

/// A setting that is there and not empty.
async fn set(store: &dyn Store, name: &str) -> Result<Option<String>> {
    Ok(store.setting(name).await?.filter(|value| !value.is_empty()))
}

/// The copy's mark, and whether this goes on with one that was cut off. If not, `to` is made ready.
async fn begin(from: &dyn Store, to: &dyn Store) -> std::result::Result<(String, bool), CopyError> {
    if set(from, UNFINISHED).await?.is_some() {
        return Err(CopyError::Unfinished {
            place: from.describe().await?.place,
        });
    }
    let there = set(to, UNFINISHED).await?;
    if let Some(mark) = &there
        && set(from, UNDER_WAY).await? == there
    {
        return Ok((mark.clone(), true));
    }
    let place = to.describe().await?.place;
    let id = from.identity().await?.id;
    match &there {
        Some(mark) if !mark.ends_with(&id) => return Err(CopyError::Another { place }),
        Some(_) => {}
        None if id == to.identity().await?.id => return Err(CopyError::Same { place }),
        None if is_used(to).await? => return Err(CopyError::NotEmpty { place }),
        None => {}
    }
    if let Some(to) = set(from, MOVED_TO).await? {
        return Err(CopyError::Moved {
            place: from.describe().await?.place,
            to,
        });
    }
    let mark = format!("{} {id}", new_store_id()?);
    // In this order, at whatever point it is cut off, a store with rows is marked.
    to.put_setting(UNFINISHED, &mark).await?;
    to.clear_tables().await?;
    to.put_setting(UNFINISHED, &mark).await?;
    from.put_setting(UNDER_WAY, &mark).await?;
    Ok((mark, false))
}

/// Whether somebody's data are in a store.
async fn is_used(store: &dyn Store) -> Result<bool> {
    for table in TABLES {
        if !is_written_over(table) && store.count_rows(table).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a table has rows of its own in a store that was just made: they are written over.
fn is_written_over(table: &Table) -> bool {
    matches!(table.name, "vault_keys" | "settings")
}

/// Whether a row belongs to its store alone.
fn is_own(table: &Table, row: &Row) -> bool {
    table.name == "settings"
        && matches!(row.first(), Some(Value::Text(name)) if OWN_SETTINGS.contains(&name.as_str()))
}

async fn rows(
    from: &dyn Store,
    to: &dyn Store,
    table: &'static Table,
    watcher: Watcher<'_>,
) -> Result<()> {
    let of = from.count_rows(table).await?;
    let (mut after, mut done) = if is_written_over(table) {
        (None, 0)
    } else {
        (to.last_key(table).await?, to.count_rows(table).await?)
    };
    loop {
        let mut rows = from.read_rows(table, after.as_deref(), ROWS).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some(table.key_of(last).to_vec());
        done += rows.len() as u64;
        rows.retain(|row| !is_own(table, row));
        to.write_rows(table, rows).await?;
        watcher(Progress {
            doing: table.name,
            done,
            of,
        });
    }
}

async fn contents(from: &dyn Store, to: &dyn Store, watcher: Watcher<'_>) -> Result<()> {
    let of = from.count_rows(&BLOBS).await?;
    let mut done = 0;
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = from.read_rows(&BLOBS, after.as_deref(), ROWS).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        // What is there is some of what is to come, so that as many rows reach as far.
        let limit = u32::try_from(rows.len()).unwrap_or(ROWS);
        let there = to.read_rows(&BLOBS, after.as_deref(), limit).await?;
        after = Some(BLOBS.key_of(last).to_vec());
        stream::iter(rows.iter().filter(|row| !there.contains(row)))
            .map(|row| content(from, to, row))
            .buffer_unordered(CONTENTS)
            .try_collect::<()>()
            .await?;
        done += rows.len() as u64;
        watcher(Progress {
            doing: "contents",
            done,
            of,
        });
    }
}

async fn content(from: &dyn Store, to: &dyn Store, row: &Row) -> Result<()> {
    let broken = |reason: &str| StoreError::Database {
        doing: "copying a content".into(),
        reason: reason.into(),
    };
    let [Value::Text(hash), _, Value::Time(created)] = row.as_slice() else {
        return Err(broken("a row holds something unexpected"));
    };
    let at = Timestamp::from_microsecond(*created).map_err(|_| broken("a time is out of range"))?;
    let mut reader = from
        .read_blob(hash)
        .await?
        .ok_or_else(|| broken(&format!("the content {hash} is missing: see `store check`")))?;
    let mut writer = to.write_blob().await?;
    let mut hasher = blake3::Hasher::new();
    while let Some(piece) = reader.pieces.next().await {
        let piece = piece?;
        hasher.update(&piece);
        writer.write(&piece).await?;
    }
    // Before it is kept: a damaged one would stay there under another name.
    if hasher.finalize().to_hex().as_str() != hash {
        return Err(broken(&format!(
            "the content {hash} is damaged: see `store check`"
        )));
    }
    writer.finish(at).await?;
    Ok(())
}

/// Compares both, row by row and content by content.
async fn compare(
    from: &dyn Store,
    to: &dyn Store,
    watcher: Watcher<'_>,
) -> std::result::Result<Copied, CopyError> {
    let differ = |what: &str| CopyError::Differs { what: what.into() };
    if from.identity().await? != to.identity().await? {
        return Err(differ("the identities"));
    }
    let mut of = 0;
    for table in TABLES {
        of += from.count_rows(table).await?;
    }
    let mut copied = Copied::default();
    for table in TABLES.iter().copied().chain([&BLOBS]) {
        let mut ours = Side::new(from, table);
        let mut theirs = Side::new(to, table);
        loop {
            let (one, other) = (ours.next().await?, theirs.next().await?);
            if one != other {
                return Err(differ(&format!("rows of {}", table.name)));
            }
            if one.is_none() {
                break;
            }
            if table == &BLOBS {
                copied.contents += 1;
                continue;
            }
            copied.rows += 1;
            if copied.rows.is_multiple_of(u64::from(ROWS)) {
                watcher(Progress {
                    doing: "comparing",
                    done: copied.rows,
                    of,
                });
            }
        }
    }
    // Secrets are left out: ciphertexts and data key are the same, and `to` opens them when it is
    // opened anew.
    let mut faults = rows_and_contents(to, watcher).await?;
    if !faults.is_empty() {
        // A fault that was there before is no fault of the copy.
        let before = rows_and_contents(from, watcher).await?;
        faults.retain(|fault| !before.contains(fault));
    }
    match faults.first() {
        Some(fault) => Err(differ(fault)),
        None => Ok(copied),
    }
}

/// One side's rows, one by one.
struct Side<'s> {
    store: &'s dyn Store,
    table: &'static Table,
    after: Option<Vec<Value>>,
    rows: std::vec::IntoIter<Row>,
}

impl<'s> Side<'s> {
    fn new(store: &'s dyn Store, table: &'static Table) -> Self {
        Self {
            store,
            table,
            after: None,
            rows: Vec::new().into_iter(),
        }
    }

    async fn next(&mut self) -> Result<Option<Row>> {
        loop {
            for row in self.rows.by_ref() {
                if !is_own(self.table, &row) {
                    return Ok(Some(row));
                }
            }
            let rows = self
                .store
                .read_rows(self.table, self.after.as_deref(), ROWS)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(None);
            };
            self.after = Some(self.table.key_of(last).to_vec());
            self.rows = rows.into_iter();
        }
    }
}
