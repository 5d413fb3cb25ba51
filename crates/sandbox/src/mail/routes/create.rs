//! Making drafts: new ones, replies and forwards.

use serde_json::Value;

use super::Context;
use super::answers::{find, json, message, mime};
use crate::call::{Answer, GraphError};
use crate::mail::bulk::{conversation_id, conversation_index};
use crate::mail::draft::{Target, apply, recipients, unreadable};
use crate::mail::folder::well_known;
use crate::mail::ids::hash64;
use crate::mail::import::parse;
use crate::mail::item::Item;
use crate::mail::json::member;
use crate::mail::mailbox::{Mailbox, item_not_found};
use crate::mail::mime_out::bare;
use crate::mail::query::Face;
use crate::mail::reply::{self, Kind};

/// `POST …/messages`: JSON or MIME. Without a folder the draft goes to Drafts.
pub(super) fn create(context: &Context<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let face = Face::of(context.call)?;
    let item = match mime(context)? {
        Some(raw) => from_mime(context, &raw)?,
        None => from_json(context, &json(context)?)?,
    };
    let mut mailbox = context.write();
    let folder = match folder {
        Some(id) => mailbox.folder_number(id)?,
        None => well_known("drafts").unwrap_or(0),
    };
    let number = mailbox.add(folder, item);
    message(context, &mailbox, number, &face, 201)
}

/// A new draft from JSON.
pub(super) fn from_json(context: &Context<'_>, value: &Value) -> Result<Item, GraphError> {
    let mut item = blank(context);
    apply(&mut item, value, Target::New, context.now)?;
    let dice = hash64(item.internet_message_id.as_bytes());
    item.conversation = conversation_id(dice);
    item.conversation_index = conversation_index(dice, context.now);
    Ok(item)
}

/// A new draft from MIME.
pub(super) fn from_mime(context: &Context<'_>, raw: &[u8]) -> Result<Item, GraphError> {
    let mut item = parse::read(raw, context.now).map_err(|reason| {
        GraphError::new(
            400,
            "ErrorMimeContentInvalid",
            format!("The MIME content is not valid: {reason}."),
        )
    })?;
    if item.internet_message_id.ends_with("@missing.invalid>") {
        item.internet_message_id = blank(context).internet_message_id;
    }
    item.is_draft = true;
    item.is_read = true;
    item.created = context.now;
    item.modified = context.now;
    item.received = context.now;
    item.sent = context.now;
    crate::mail::adopt_conversation(&context.read(), &mut item);
    Ok(item)
}

fn blank(context: &Context<'_>) -> Item {
    let owner = context.read().owner.clone();
    Item {
        created: context.now,
        modified: context.now,
        received: context.now,
        sent: context.now,
        is_draft: true,
        is_read: true,
        internet_message_id: context.mail.new_message_id(&owner),
        ..Item::default()
    }
}

/// `POST …/createReply`.
pub(super) fn reply(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    answer(context, folder, id, Kind::Reply)
}

/// `POST …/createReplyAll`.
pub(super) fn reply_all(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    answer(context, folder, id, Kind::ReplyAll)
}

/// `POST …/createForward`.
pub(super) fn forward(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    answer(context, folder, id, Kind::Forward)
}

fn answer(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
    kind: Kind,
) -> Result<Answer, GraphError> {
    let face = Face::of(context.call)?;
    let drops_comment = context.mail.options.quirks.drops_draft_comment;
    let item = make(context, folder, id, kind, drops_comment)?;
    let mut mailbox = context.write();
    let number = mailbox.add(well_known("drafts").unwrap_or(0), item);
    message(context, &mailbox, number, &face, 201)
}

/// The reply or forward that a call describes: `comment` or `message`, or MIME.
pub(super) fn make(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
    kind: Kind,
    drops_comment: bool,
) -> Result<Item, GraphError> {
    let original = original(&context.read(), folder, id)?;
    let id = blank(context).internet_message_id;
    if let Some(raw) = mime(context)? {
        let mut item = from_mime(context, &raw)?;
        let model = reply::make(&context.read(), &original, kind, context.now);
        item.conversation = model.conversation;
        item.conversation_index = model.conversation_index;
        item.in_reply_to = model.in_reply_to;
        item.references = model.references;
        if item.subject.is_empty() {
            item.subject = model.subject;
        }
        if item.to.is_empty() && item.cc.is_empty() && item.bcc.is_empty() {
            item.to = model.to;
            item.cc = model.cc;
        }
        item.internet_message_id = id;
        item.headers.retain(|(name, _)| {
            name.get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
        });
        item.mime = None;
        return Ok(item);
    }
    let value = json(context)?;
    let comment = member(&value, "comment")
        .and_then(Value::as_str)
        .filter(|comment| !comment.is_empty());
    let given = member(&value, "message").filter(|given| !given.is_null());
    // Comment or message.body, both are refused. Source: Microsoft's page "message: reply".
    let has_body = given
        .and_then(|given| member(given, "body"))
        .is_some_and(|body| !body.is_null());
    if comment.is_some() && has_body {
        return Err(GraphError::new(
            400,
            "ErrorInvalidRequest",
            "Specify either a comment or the body of the message, not both.",
        ));
    }
    let mut item = reply::make(&context.read(), &original, kind, context.now);
    item.internet_message_id = id;
    if let Some(comment) = comment.filter(|_| !drops_comment) {
        reply::with_comment(&mut item, &original, comment);
    }
    let outer = member(&value, "toRecipients").filter(|list| !list.is_null());
    if let Some(given) = given {
        if outer.is_some() && member(given, "toRecipients").is_some() {
            return Err(GraphError::new(
                400,
                "ErrorInvalidRequest",
                "Specify toRecipients either as a parameter or in the message, not in both.",
            ));
        }
        apply(&mut item, given, Target::New, context.now)?;
    }
    if let Some(list) = outer {
        item.to = recipients("toRecipients", list)?;
    }
    if let Some(unknown) = value.as_object().and_then(|object| {
        object.keys().find(|name| {
            !name.starts_with('@')
                && !["comment", "message", "toRecipients"]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(name))
        })
    }) {
        return Err(unreadable(format!(
            "The parameter '{unknown}' is not a valid parameter of this operation."
        )));
    }
    debug_assert_ne!(bare(&item.internet_message_id), "");
    Ok(item)
}

fn original(mailbox: &Mailbox, folder: Option<&str>, id: &str) -> Result<Item, GraphError> {
    let number = find(mailbox, folder, id)?;
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    Ok(mailbox.load(entry, true).into_owned())
}
