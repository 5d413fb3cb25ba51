//! Delta calls.

use bytes::Bytes;

use super::Context;
use super::answers::{applied, query};
use crate::call::{Answer, GraphError};
use crate::mail::delta::{self, Oddities, Page, Stage, Token};
use crate::mail::filter::{Filter, parse_order};
use crate::mail::ids::check;
use crate::mail::json::{self, Object};
use crate::mail::mailbox::Mailbox;
use crate::mail::query::{Face, boolean, number};
use crate::mail::render::folder::selection;
use crate::mail::select::bad_query;

const DEFAULT_PAGE: usize = 10;
const LARGEST_PAGE: usize = 1_000;

/// `GET …/mailFolders/{id}/messages/delta`.
pub(super) fn messages(context: &Context<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let call = context.call;
    let Some(folder_id) = folder else {
        // In the metadata, but documented for folders alone.
        return Err(GraphError::new(
            400,
            "ErrorInvalidUrlQuery",
            "Change tracking is not supported against 'microsoft.graph.message' of the whole mailbox.",
        ));
    };
    let mailbox = context.read();
    let folder = mailbox.folder_number(folder_id)?;
    let path = format!("mailFolders/{}/messages/delta", mailbox.ids.folder(folder));
    let token = match given(context, &mailbox, folder, &path)? {
        Some(token) => token,
        None => begin(context, &mailbox, folder)?,
    };
    let face = Face::with(call, token.select.as_deref(), token.expand.as_deref())?;
    let mut size = page_size(context, &token);
    if face.attachments.is_some() {
        size = size.min(context.mail.options.expanded_page_cap.max(1));
    }
    let quirks = &context.mail.options.quirks;
    let oddities = Oddities {
        loses_returned_items: quirks.loses_returned_items,
        partial_read_state: quirks.partial_read_state,
    };
    // Most of a page is attachments, where they are expanded.
    let each = if face.attachments.is_some() {
        24_000
    } else {
        7_000
    };
    let mut out = open_page(context, "message", size * each);
    let page = delta::messages(&mut out, &mailbox, &token, &face, size, oddities);
    Ok(with_preferences(
        context,
        close_page(context, out, &path, &token, &page),
        &face.applied(),
    ))
}

/// `GET …/mailFolders/delta`.
pub(super) fn folders(context: &Context<'_>) -> Result<Answer, GraphError> {
    let call = context.call;
    let mailbox = context.read();
    let path = "mailFolders/delta";
    let token = match given(context, &mailbox, 0, path)? {
        Some(token) => token,
        None => {
            selection(call.option("$select"))?;
            let mut token = empty(context, &mailbox, 0);
            token.select = call.option("$select").map(str::to_owned);
            token.top = number(call, "$top", 1..=LARGEST_PAGE)?.unwrap_or(0) as u64;
            token.hidden = boolean(call, "includeHiddenFolders")?;
            token
        }
    };
    let select = selection(token.select.as_deref())?;
    let size = page_size(context, &token);
    let mut out = open_page(context, "mailFolder", size * 512);
    let page = delta::folders(
        &mut out,
        &mailbox,
        token.stage,
        select.as_deref(),
        token.hidden,
        size,
    );
    Ok(with_preferences(
        context,
        close_page(context, out, path, &token, &page),
        "",
    ))
}

fn empty(context: &Context<'_>, mailbox: &Mailbox, folder: u32) -> Token {
    Token {
        epoch: context.mail.epoch(),
        issued: context.now,
        owner: check(mailbox.owner.id.as_bytes()),
        folder,
        stage: Stage::First {
            after: None,
            base: mailbox.sequence,
            shown: 0,
        },
        received_from: None,
        change_type: String::new(),
        select: None,
        expand: None,
        top: 0,
        hidden: false,
    }
}

/// The first call: its options are checked and kept.
fn begin(context: &Context<'_>, mailbox: &Mailbox, folder: u32) -> Result<Token, GraphError> {
    let call = context.call;
    let mut token = empty(context, mailbox, folder);
    if call.option("$search").is_some() {
        return Err(bad_query(
            "The query parameter '$search' is not supported with delta.",
        ));
    }
    if let Some(order) = call.option("$orderby") {
        let fits = matches!(
            parse_order(order)?.as_slice(),
            [(name, true)] if name == "receiveddatetime"
        );
        if !fits {
            return Err(bad_query(
                "Delta supports only $orderby=receivedDateTime desc.",
            ));
        }
    }
    if let Some(filter) = call.option("$filter") {
        token.received_from = Some(Filter::parse(filter)?.received_from().ok_or_else(|| {
            bad_query("Delta supports only $filter=receivedDateTime ge or gt a time.")
        })?);
    }
    if let Some(kind) = call.option("changeType") {
        if !["created", "updated", "deleted"].contains(&kind) {
            return Err(bad_query(format!("The change type '{kind}' is not known.")));
        }
        kind.clone_into(&mut token.change_type);
    }
    token.select = call.option("$select").map(str::to_owned);
    token.expand = call.option("$expand").map(str::to_owned);
    token.top = number(call, "$top", 1..=LARGEST_PAGE)?.unwrap_or(0) as u64;
    Ok(token)
}

/// The token of a later call, checked.
fn given(
    context: &Context<'_>,
    mailbox: &Mailbox,
    folder: u32,
    path: &str,
) -> Result<Option<Token>, GraphError> {
    let call = context.call;
    let Some(text) = call
        .option("$skiptoken")
        .or_else(|| call.option("$deltatoken"))
    else {
        return Ok(None);
    };
    if text.is_empty() {
        // The Location of a 410 carries an empty token: it begins anew.
        return Ok(None);
    }
    let token = Token::read(text)
        .filter(|token| token.owner == check(mailbox.owner.id.as_bytes()) && token.folder == folder)
        .ok_or_else(|| {
            GraphError::new(
                400,
                "SyncStateInvalid",
                "The sync state is not valid: badly formed token.",
            )
        })?;
    let options = &context.mail.options;
    let too_old = options
        .delta_token_life
        .is_some_and(|life| context.now - token.issued > life);
    // After a restart the numbers begin anew: a place in the future is of another life.
    let (Stage::Later { at: place, .. } | Stage::First { base: place, .. }) = token.stage;
    let unknown = mailbox.sequence < place;
    let expired = token.epoch != context.mail.epoch();
    if too_old || expired || unknown {
        let mut pairs = Vec::new();
        if let Some(select) = &token.select {
            pairs.push(("$select".to_owned(), select.clone()));
        }
        if let Some(expand) = &token.expand {
            pairs.push(("$expand".to_owned(), expand.clone()));
        }
        pairs.push(("$deltatoken".to_owned(), String::new()));
        let location = format!("{}/{path}?{}", context.root(), query(&pairs));
        let code = if expired {
            "resyncRequired"
        } else {
            "syncStateNotFound"
        };
        return Err(GraphError::new(
            410,
            code,
            "The sync state generation is not found; resynchronization is required.",
        )
        .header("Location", location));
    }
    Ok(Some(token))
}

fn page_size(context: &Context<'_>, token: &Token) -> usize {
    context
        .call
        .preference("odata.maxpagesize")
        .and_then(|size| size.parse::<usize>().ok())
        .filter(|size| *size > 0)
        .or_else(|| usize::try_from(token.top).ok().filter(|top| *top > 0))
        .unwrap_or(DEFAULT_PAGE)
        .min(LARGEST_PAGE)
}

/// The beginning of a page, up to its items.
fn open_page(context: &Context<'_>, kind: &str, room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(room.min(32 * 1024 * 1024) + 2_048);
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!("{}/$metadata#Collection({kind})", context.call.base_url),
    );
    object.name("value").push(b'[');
    out
}

/// The end of a page: a nextLink while there is more, else a deltaLink.
fn close_page(
    context: &Context<'_>,
    mut out: Vec<u8>,
    path: &str,
    token: &Token,
    page: &Page,
) -> Answer {
    let next = Token {
        epoch: context.mail.epoch(),
        issued: context.now,
        stage: page.next,
        ..token.clone()
    };
    let (name, parameter) = if page.over {
        ("@odata.deltaLink", "$deltatoken")
    } else {
        ("@odata.nextLink", "$skiptoken")
    };
    let link = format!("{}/{path}?{parameter}={}", context.root(), next.write());
    out.extend_from_slice(b"],\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    json::string(&mut out, &link);
    out.push(b'}');
    Answer::json_bytes(200, Bytes::from(out))
}

fn with_preferences(context: &Context<'_>, answer: Answer, already: &str) -> Answer {
    let size = context
        .call
        .preference("odata.maxpagesize")
        .map(|size| format!("odata.maxpagesize={size}"));
    let all: Vec<&str> = [already, size.as_deref().unwrap_or_default()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    applied(answer, &all.join(", "))
}
