//! Reading messages: lists, one message, its MIME.

use std::cmp::Reverse;

use bytes::Bytes;

use super::Context;
use super::answers::{applied, find, message, query};
use crate::call::{Answer, GraphError};
use crate::mail::filter::{Candidate, Filter, parse_order, sort_value};
use crate::mail::json::Object;
use crate::mail::mailbox::{Mailbox, item_not_found};
use crate::mail::mime_out;
use crate::mail::query::{Face, boolean, number};
use crate::mail::render::{View, write_message};
use crate::mail::search::{MOST, Search};
use crate::mail::select::bad_query;

/// The page size without `$top`. Source: Microsoft's page "List messages".
const DEFAULT_TOP: usize = 10;

/// A page's numbers, whether more follow, and the whole count where it was asked for.
struct Found {
    page: Vec<u64>,
    more: bool,
    count: Option<usize>,
}

/// `GET …/messages`.
pub(super) fn list(context: &Context<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let call = context.call;
    let face = Face::of(call)?;
    let top = number(call, "$top", 1..=1_000)?.unwrap_or(DEFAULT_TOP);
    let mailbox = context.read();
    let folder = folder.map(|id| mailbox.folder_number(id)).transpose()?;
    let with_count = boolean(call, "$count")?;
    let filter = call.option("$filter").map(Filter::parse).transpose()?;
    let order = call.option("$orderby").map(parse_order).transpose()?;
    let found;
    let next;
    if let Some(search) = call.option("$search") {
        for (name, given) in [("$filter", filter.is_some()), ("$orderBy", order.is_some())] {
            if given {
                return Err(GraphError::new(
                    400,
                    if name == "$filter" {
                        "SearchWithFilter"
                    } else {
                        "SearchWithOrderBy"
                    },
                    format!("The query parameter '{name}' is not supported with '$search'."),
                ));
            }
        }
        let search = Search::parse(search)?;
        let skip = match call.option("$skiptoken") {
            Some(token) => u64::from_str_radix(token, 16)
                .ok()
                .and_then(|skip| usize::try_from(skip).ok())
                .ok_or_else(|| bad_query("The $skiptoken is not valid."))?,
            None => 0,
        };
        found = by_search(&mailbox, folder, &search, skip, top);
        next = ("$skiptoken", format!("{:x}", skip.saturating_add(top)));
    } else {
        let skip = number(call, "$skip", 0..=usize::MAX)?.unwrap_or(0);
        found = by_filter(
            &mailbox,
            folder,
            filter.as_ref(),
            order.as_deref(),
            (skip, top),
            with_count,
        )?;
        next = ("$skip", skip.saturating_add(top).to_string());
    }
    let mut out = Vec::with_capacity(found.page.len() * 6_000 + 512);
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!(
            "{}/$metadata#users('{}')/messages",
            call.base_url, context.mailbox
        ),
    );
    if let Some(count) = found.count {
        object.number("@odata.count", count);
    }
    let list = object.name("value");
    list.push(b'[');
    for (place, &number) in found.page.iter().enumerate() {
        if place > 0 {
            list.push(b',');
        }
        let Some(entry) = mailbox.entry(number) else {
            continue;
        };
        let item = mailbox.load(entry, face.needs_body());
        let view = View {
            ids: &mailbox.ids,
            key: mailbox.key(number),
            folder: entry.folder,
            change: entry.change,
            item: &item,
        };
        write_message(list, &view, &face, None, false);
    }
    list.push(b']');
    if found.more {
        object.text("@odata.nextLink", &next_link(context, next));
    }
    object.close();
    Ok(applied(
        Answer::json_bytes(200, Bytes::from(out)),
        &face.applied(),
    ))
}

/// `GET …/messages/$count`.
pub(super) fn count(context: &Context<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let mailbox = context.read();
    let folder = folder.map(|id| mailbox.folder_number(id)).transpose()?;
    let filter = context
        .call
        .option("$filter")
        .map(Filter::parse)
        .transpose()?;
    let found = by_filter(&mailbox, folder, filter.as_ref(), None, (0, 0), true)?;
    Ok(Answer::raw(
        200,
        "text/plain",
        found.count.unwrap_or(0).to_string(),
    ))
}

/// `GET …/messages/{id}`.
pub(super) fn get(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let face = Face::of(context.call)?;
    let mailbox = context.read();
    let number = find(&mailbox, folder, id)?;
    message(context, &mailbox, number, &face, 200)
}

/// `GET …/messages/{id}/$value`.
pub(super) fn mime(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let mailbox = context.read();
    let number = find(&mailbox, folder, id)?;
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    let item = mailbox.load(entry, true);
    Ok(Answer::raw(200, "text/plain", mime_out::mime(&item)))
}

fn next_link(context: &Context<'_>, (name, value): (&str, String)) -> String {
    let mut pairs: Vec<(String, String)> = context
        .call
        .query
        .iter()
        .filter(|(key, _)| {
            !key.trim_start_matches('$')
                .eq_ignore_ascii_case(name.trim_start_matches('$'))
        })
        .cloned()
        .collect();
    pairs.push((name.to_owned(), value));
    format!(
        "{}/{}?{}",
        context.root(),
        context.call.segments.get(2..).unwrap_or_default().join("/"),
        query(&pairs)
    )
}

/// All messages of a folder, or of the mailbox, newest first.
fn newest_first(mailbox: &Mailbox, folder: Option<u32>) -> Vec<u64> {
    match folder {
        Some(number) => mailbox
            .folders
            .get(&number)
            .map(|folder| {
                folder
                    .order
                    .iter()
                    .map(|(_, Reverse(number))| *number)
                    .collect()
            })
            .unwrap_or_default(),
        None => {
            let mut all: Vec<(Reverse<i64>, Reverse<u64>)> = mailbox
                .folders
                .values()
                .filter(|folder| mailbox.is_visible(folder.number))
                .flat_map(|folder| folder.order.iter().copied())
                .collect();
            all.sort_unstable();
            all.into_iter().map(|(_, Reverse(number))| number).collect()
        }
    }
}

fn by_filter(
    mailbox: &Mailbox,
    folder: Option<u32>,
    filter: Option<&Filter>,
    order: Option<&[(String, bool)]>,
    (skip, top): (usize, usize),
    with_count: bool,
) -> Result<Found, GraphError> {
    if let (Some(filter), Some(order)) = (filter, order)
        && !filter.allows_order(order)
    {
        return Err(GraphError::new(
            400,
            "InefficientFilter",
            "The restriction or sort order is too complex for this operation.",
        ));
    }
    let end = skip.saturating_add(top);
    let by_received = match order {
        None => Some(true),
        Some([(name, falls)]) if name == "receiveddatetime" => Some(*falls),
        Some(_) => None,
    };
    // The common case needs neither a list of all nor a look into messages.
    if let (Some(number), None, Some(falls)) = (folder, filter, by_received) {
        let order = &mailbox.folder(number)?.order;
        let total = order.len();
        let numbers = order.iter().map(|(_, Reverse(number))| *number);
        let page: Vec<u64> = if falls {
            numbers.skip(skip).take(top).collect()
        } else {
            numbers.rev().skip(skip).take(top).collect()
        };
        return Ok(Found {
            page,
            more: total > end,
            count: with_count.then_some(total),
        });
    }
    let mut all = newest_first(mailbox, folder);
    if by_received == Some(false) {
        all.reverse();
    }
    let body = filter.is_some_and(Filter::needs_body);
    let stop = (by_received.is_some() && !with_count).then(|| end.saturating_add(1));
    let mut passed = Vec::new();
    for number in all {
        if stop.is_some_and(|stop| passed.len() >= stop) {
            break;
        }
        if let Some(filter) = filter {
            let Some(entry) = mailbox.entry(number) else {
                continue;
            };
            let item = mailbox.load(entry, body);
            let candidate = Candidate {
                ids: &mailbox.ids,
                key: mailbox.key(number),
                folder: entry.folder,
                change: entry.change,
                item: &item,
            };
            if !filter.passes(&candidate) {
                continue;
            }
        }
        passed.push(number);
    }
    if let (Some(order), None) = (order, by_received) {
        let mut keyed: Vec<_> = passed
            .iter()
            .filter_map(|&number| {
                let entry = mailbox.entry(number)?;
                let item = mailbox.load(entry, false);
                let candidate = Candidate {
                    ids: &mailbox.ids,
                    key: mailbox.key(number),
                    folder: entry.folder,
                    change: entry.change,
                    item: &item,
                };
                let values: Vec<_> = order
                    .iter()
                    .map(|(name, _)| sort_value(&candidate, name))
                    .collect();
                Some((values, number))
            })
            .collect();
        keyed.sort_by(|(one, _), (two, _)| {
            one.iter()
                .zip(two)
                .zip(order)
                .map(|((one, two), (_, falls))| {
                    let ordering = one.compare(two);
                    if *falls { ordering.reverse() } else { ordering }
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        passed = keyed.into_iter().map(|(_, number)| number).collect();
    }
    Ok(Found {
        more: passed.len() > end,
        count: with_count.then_some(passed.len()),
        page: passed.into_iter().skip(skip).take(top).collect(),
    })
}

fn by_search(
    mailbox: &Mailbox,
    folder: Option<u32>,
    search: &Search,
    skip: usize,
    top: usize,
) -> Found {
    let mut hits: Vec<(Reverse<i64>, u64)> = newest_first(mailbox, folder)
        .into_iter()
        .filter_map(|number| {
            let entry = mailbox.entry(number)?;
            let item = mailbox.load(entry, true);
            search.finds(&item).then_some((Reverse(item.sent), number))
        })
        .take(MOST)
        .collect();
    hits.sort_unstable();
    Found {
        more: hits.len() > skip.saturating_add(top),
        count: None,
        page: hits
            .into_iter()
            .map(|(_, number)| number)
            .skip(skip)
            .take(top)
            .collect(),
    }
}
