//! Delta rounds: what changed in a folder since a token.
//!
//! Options of the first call are baked into the tokens, the `Prefer` headers are not. Source:
//! Microsoft's pages "Use delta query to track changes" and "Get incremental changes to messages
//! in a folder".

use std::cmp::Reverse;
use std::ops::Bound;

use super::folder::Happening;
use super::ids::Key;
use super::mailbox::Mailbox;
use super::query::Face;
use super::render::message::{View, write_message, write_read_state, write_removed};
use super::stamp::Seconds;

pub(crate) mod token;

pub(crate) use token::{Stage, Token};

/// `$filter` on received times shows at most this many messages. Source: the page named above.
const MOST_FILTERED: u64 = 5_000;

/// A page: where the next one begins.
pub(crate) struct Page {
    /// Where it goes on; the round is over when `over` is set.
    pub(crate) next: Stage,
    /// Whether a deltaLink follows.
    pub(crate) over: bool,
}

/// Oddities that a round shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oddities {
    /// Items that left and came back are lost for readers with immutable ids.
    pub(crate) loses_returned_items: bool,
    /// When only the read state changed, only it is shown.
    pub(crate) partial_read_state: bool,
}

/// Writes the next page of messages, parted by commas.
pub(crate) fn messages(
    items: &mut Vec<u8>,
    mailbox: &Mailbox,
    token: &Token,
    face: &Face,
    size: usize,
    oddities: Oddities,
) -> Page {
    match token.stage {
        Stage::First { after, base, shown } => {
            first(items, mailbox, token, face, size, (after, base, shown))
        }
        Stage::Later { since, at } => {
            later(items, mailbox, token, face, size, (oddities, since, at))
        }
    }
}

fn first(
    items: &mut Vec<u8>,
    mailbox: &Mailbox,
    token: &Token,
    face: &Face,
    size: usize,
    (after, base, mut shown): (Option<(Seconds, u64)>, u64, u64),
) -> Page {
    let over = |since| Page {
        next: Stage::Later { since, at: since },
        over: true,
    };
    let wants_present = token.change_type.is_empty() || token.change_type == "created";
    let Some(folder) = mailbox.folders.get(&token.folder).filter(|_| wants_present) else {
        return over(base);
    };
    let from = match after {
        Some((received, number)) => Bound::Excluded((Reverse(received), Reverse(number))),
        None => Bound::Unbounded,
    };
    let mut last = after;
    let mut count = 0;
    for &(Reverse(received), Reverse(number)) in folder.order.range((from, Bound::Unbounded)) {
        if let Some(oldest) = token.received_from
            && (received < oldest || shown >= MOST_FILTERED)
        {
            return over(base);
        }
        if count == size {
            return Page {
                next: Stage::First {
                    after: last,
                    base,
                    shown,
                },
                over: false,
            };
        }
        let Some(entry) = mailbox.entry(number) else {
            continue;
        };
        if count > 0 {
            items.push(b',');
        }
        let item = mailbox.load(entry, face.needs_body());
        let view = View {
            ids: &mailbox.ids,
            key: mailbox.key(number),
            folder: entry.folder,
            change: entry.change,
            item: &item,
        };
        write_message(items, &view, face, None, true);
        last = Some((received, number));
        count += 1;
        shown += 1;
    }
    over(base)
}

fn later(
    items: &mut Vec<u8>,
    mailbox: &Mailbox,
    token: &Token,
    face: &Face,
    size: usize,
    (oddities, since, at): (Oddities, u64, u64),
) -> Page {
    let mut count = 0;
    let mut last = at;
    let wants = |kind: &str| token.change_type.is_empty() || token.change_type == kind;
    let level = Page {
        next: Stage::Later {
            since: mailbox.sequence,
            at: mailbox.sequence,
        },
        over: true,
    };
    let Some(folder) = mailbox.folders.get(&token.folder) else {
        return level;
    };
    for (&place, record) in folder.log.range((Bound::Excluded(at), Bound::Unbounded)) {
        if count == size {
            return Page {
                next: Stage::Later { since, at: last },
                over: false,
            };
        }
        last = place;
        let before = items.len();
        if count > 0 {
            items.push(b',');
        }
        let start = items.len();
        let present = mailbox
            .entry(record.key.number)
            .filter(|entry| entry.folder == token.folder);
        match record.what {
            Happening::Gone => {
                // With an immutable id an item that came back is both gone and here.
                let returned = face.immutable && present.is_some();
                let shown = !returned || (oddities.loses_returned_items && record.added <= since);
                if shown && wants("deleted") {
                    write_removed(items, &mailbox.ids, record.key, face.immutable);
                }
            }
            Happening::Here { other } => {
                let lost = face.immutable
                    && oddities.loses_returned_items
                    && record.added > since
                    && folder.left_after(record.key.number, since);
                let created = record.added > since;
                let wanted = wants(if created { "created" } else { "updated" });
                if let Some(entry) = present.filter(|_| !lost && wanted) {
                    let item = mailbox.load(entry, face.needs_body());
                    let view = View {
                        ids: &mailbox.ids,
                        key: Key {
                            number: record.key.number,
                            generation: entry.generation,
                        },
                        folder: entry.folder,
                        change: entry.change,
                        item: &item,
                    };
                    if oddities.partial_read_state && !created && other <= since {
                        write_read_state(items, &view, face.immutable);
                    } else {
                        write_message(items, &view, face, None, true);
                    }
                }
            }
        }
        if items.len() == start {
            items.truncate(before);
        } else {
            count += 1;
        }
    }
    level
}

/// Writes the next page of the folder hierarchy, parted by commas.
pub(crate) fn folders(
    items: &mut Vec<u8>,
    mailbox: &Mailbox,
    stage: Stage,
    select: Option<&[String]>,
    hidden: bool,
    size: usize,
) -> Page {
    let (since, at, base) = match stage {
        Stage::First { after, base, .. } => (None, after.map_or(0, |(_, number)| number), base),
        Stage::Later { since, at } => (Some(since), at, 0),
    };
    // (place in the round, folder, whether it is gone)
    let mut round: Vec<(u64, u32, bool)> = mailbox
        .folders
        .values()
        .filter(|folder| {
            folder.number != super::folder::ROOT
                && mailbox.is_visible(folder.number)
                && (hidden || !folder.hidden)
        })
        .map(|folder| match since {
            None => (u64::from(folder.number), folder.number, false),
            Some(_) => (folder.changed, folder.number, false),
        })
        .collect();
    if since.is_some() {
        round.extend(
            mailbox
                .gone_folders
                .iter()
                .map(|&(place, number)| (place, number, true)),
        );
    }
    round.retain(|(place, _, _)| *place > at);
    round.sort_unstable();
    let mut last = at;
    for (count, (place, number, gone)) in round.iter().enumerate() {
        // Two folders can change at one time: a page never ends between them.
        if count >= size && *place != last {
            let next = match since {
                None => Stage::First {
                    after: Some((0, last)),
                    base,
                    shown: 0,
                },
                Some(since) => Stage::Later { since, at: last },
            };
            return Page { next, over: false };
        }
        if count > 0 {
            items.push(b',');
        }
        last = *place;
        match mailbox.folders.get(number).filter(|_| !gone) {
            Some(folder) => {
                super::render::folder::write_folder(
                    items,
                    mailbox,
                    folder,
                    (select, false),
                    None,
                    true,
                );
            }
            None => super::render::folder::write_removed(items, mailbox, *number),
        }
    }
    let level = match since {
        None => base,
        Some(_) => mailbox.sequence,
    };
    Page {
        next: Stage::Later {
            since: level,
            at: level,
        },
        over: true,
    }
}
