//! A folder's messages by delta, page by page.

use super::error::MirrorError;
use super::item::{self, Item, Object, Taken};
use super::page::{self, MOST_BYTES, PageWish};
use super::round::{Round, comparison};
use super::{attachments, fetch};
use postroom_microsoft::graph::messages::{DeltaAsk, delta};
use postroom_microsoft::graph::{DeltaFrom, Page};
use postroom_microsoft::{DoorError, Priority};
use postroom_model::FolderId;
use postroom_store::contract::cursors::{Cursor, CursorKey};
use postroom_store::contract::messages::MessagePage;

/// Where a folder's delta goes on.
enum From {
    /// Everything there is, compared with what is kept.
    Start {
        comparison: i64,
    },
    At(Cursor),
}

impl From {
    fn comparison(&self) -> Option<i64> {
        match self {
            Self::Start { comparison } => Some(*comparison),
            Self::At(cursor) => cursor.comparison,
        }
    }
}

/// Reads a folder from its cursor to the end of its delta. Every page is committed with the cursor
/// behind it, so that this can be cut off at any instant. While a page is written the next one is
/// fetched.
pub(super) async fn read(round: &Round, folder: &FolderId) -> Result<(), MirrorError> {
    let key = CursorKey {
        owner: round.mailbox.id.to_string(),
        kind: "messages",
        scope: folder.to_string(),
    };
    let mut wish = page::learned(&round.engine, &round.who.connection.id).await;
    let start = wish;
    let mut from = match round.store().cursor(&key).await? {
        Some(mut cursor) => {
            // A round that ended leaves no comparison behind.
            if cursor.complete {
                cursor.comparison = None;
            }
            From::At(cursor)
        }
        None => beginning(round),
    };
    let mut fetched = Some(fetch_page(round, folder, &mut from, &mut wish).await?);
    while let Some((page, bytes)) = fetched.take() {
        round.go_on()?;
        wish.came(bytes);
        let cursor = cursor_behind(&page, from.comparison())?;
        let complete = cursor.complete;
        let taken = take(round, folder, page, cursor.clone());
        if complete {
            write(round, taken.await?).await?;
        } else {
            from = From::At(cursor);
            let write = async { write(round, taken.await?).await };
            let next = fetch_page(round, folder, &mut from, &mut wish);
            let (written, next) = tokio::join!(write, next);
            written?;
            fetched = Some(next?);
        }
    }
    if wish != start {
        page::remember(&round.engine, &round.who.connection.id, wish).await;
    }
    Ok(())
}

fn beginning(round: &Round) -> From {
    From::Start {
        comparison: comparison(round.engine.now()),
    }
}

fn cursor_behind(page: &Page<Object>, comparison: Option<i64>) -> Result<Cursor, MirrorError> {
    let (link, complete) = match (&page.next_link, &page.delta_link) {
        (Some(link), _) => (link.clone(), false),
        (None, Some(link)) => (link.clone(), true),
        (None, None) => {
            return Err(MirrorError::Unfit(
                "a delta page without a next or delta link".into(),
            ));
        }
    };
    Ok(Cursor {
        link,
        complete,
        comparison,
    })
}

/// Fetches a page, whatever it takes: smaller, without attachments, or from the start again.
async fn fetch_page(
    round: &Round,
    folder: &FolderId,
    from: &mut From,
    wish: &mut PageWish,
) -> Result<(Page<Object>, usize), MirrorError> {
    loop {
        let ask = DeltaAsk {
            select: wish.select(),
            page_size: wish.size,
            newest_first: true,
            expand: wish.expand.then_some("attachments"),
            max_answer_bytes: Some(MOST_BYTES),
            priority: Priority::Background,
        };
        let at = match &*from {
            From::Start { .. } => DeltaFrom::Start,
            From::At(cursor) => DeltaFrom::Link(&cursor.link),
        };
        let error =
            match delta::<Object>(round.door(), &round.who, &round.mailbox.id, folder, at, ask)
                .await
            {
                Ok(page) => {
                    let bytes = page.value.iter().map(rough_size).sum();
                    return Ok((page, bytes));
                }
                Err(error) => error,
            };
        round.go_on()?;
        let lost = error
            .refusal()
            .is_some_and(|refusal| refusal.is_delta_lost());
        if lost && matches!(from, From::At(_)) {
            tracing::info!(mailbox = %round.mailbox.address, %folder, "the delta token is lost: comparing the whole folder");
            *from = beginning(round);
        } else if is_heavy(&error) && wish.shrink() {
            tracing::info!(mailbox = %round.mailbox.address, %error, size = wish.size, "asking for smaller pages");
        } else if wish.expand && (is_heavy(&error) || is_refused_ask(&error)) {
            // Whether attachments come along is part of Microsoft's link: begin again without.
            tracing::info!(mailbox = %round.mailbox.address, %error, "asking without attachments");
            wish.expand = false;
            wish.size = PageWish::default().size;
            *from = beginning(round);
        } else if wish.headers && is_refused_ask(&error) {
            tracing::info!(mailbox = %round.mailbox.address, %error, "asking without headers");
            wish.headers = false;
            *from = beginning(round);
        } else {
            return Err(error.into());
        }
    }
}

/// The page was too much: for us, or for Microsoft.
fn is_heavy(error: &DoorError) -> bool {
    matches!(error, DoorError::TooLarge { .. })
        || matches!(error.status(), Some(413 | 500 | 504 | 507))
}

/// Microsoft does not take what was asked for.
fn is_refused_ask(error: &DoorError) -> bool {
    matches!(error.status(), Some(400 | 405 | 501))
}

/// The length of an item's large parts.
fn rough_size(object: &Object) -> usize {
    let body = object
        .get("body")
        .and_then(|body| body.get("content"))
        .and_then(serde_json::Value::as_str)
        .map_or(0, str::len);
    let attachments: usize = object
        .get("attachments")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|attachment| attachment.get("contentBytes"))
        .filter_map(serde_json::Value::as_str)
        .map(str::len)
        .sum();
    1_500 + body + attachments
}

/// Takes a page apart and completes what came in part.
async fn take(
    round: &Round,
    folder: &FolderId,
    page: Page<Object>,
    cursor: Cursor,
) -> Result<MessagePage, MirrorError> {
    let mut whole: Vec<Taken> = Vec::with_capacity(page.value.len());
    let mut removed = Vec::new();
    let mut unknown = Vec::new();
    for object in page.value {
        match item::item(object, folder)? {
            // Items may repeat within a page; the last one counts.
            Item::Removed(id) => {
                whole.retain(|taken| taken.record.id != id);
                removed.push(id);
            }
            Item::Whole(taken) => {
                removed.retain(|id| *id != taken.record.id);
                whole.push(*taken);
            }
            Item::Partial(id, changed) => {
                removed.retain(|removed| *removed != id);
                let kept = round.store().message(&round.mailbox.id, &id).await?;
                match kept {
                    // Without a change key it cannot be told whether this is new.
                    Some(kept) if changed.contains_key("changeKey") => {
                        let mut taken = item::merge(kept.record, changed)?;
                        taken.record.folder = folder.clone();
                        whole.push(taken);
                    }
                    _ => unknown.push(id),
                }
            }
        }
    }
    if !unknown.is_empty() {
        let fetched = fetch::messages(round, &unknown).await?;
        whole.extend(
            fetched
                .into_iter()
                .filter_map(|(_, taken)| taken)
                .filter(|taken| taken.record.folder == *folder),
        );
    }
    attachments::complete(round, &mut whole).await?;
    let mut contents = Vec::new();
    let messages = whole
        .into_iter()
        .map(|taken| {
            contents.extend(taken.contents);
            taken.record
        })
        .collect();
    Ok(MessagePage {
        folder: folder.clone(),
        messages,
        removed,
        contents,
        cursor,
    })
}

async fn write(round: &Round, page: MessagePage) -> Result<(), MirrorError> {
    let applied = round
        .store()
        .apply_messages(&round.mailbox.id, &page, round.engine.now())
        .await?;
    tracing::debug!(
        mailbox = %round.mailbox.address,
        created = applied.created,
        updated = applied.updated,
        leaving = applied.leaving,
        "a page is in the mirror"
    );
    round.step();
    Ok(())
}
