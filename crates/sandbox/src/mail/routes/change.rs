//! Changing, moving, copying and deleting messages.

use serde_json::Value;

use super::Context;
use super::answers::{check_match, find, json, message};
use crate::call::{Answer, GraphError};
use crate::mail::draft::{Target, apply};
use crate::mail::folder::well_known;
use crate::mail::json::member;
use crate::mail::mailbox::{Mailbox, item_not_found};
use crate::mail::query::{Face, prefers_word};

/// `PATCH …/messages/{id}`.
pub(super) fn patch(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let face = Face::of(context.call)?;
    let value = json(context)?;
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, id)?;
    check_match(context, &mailbox, number)?;
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    let mut item = mailbox.load(entry, true).into_owned();
    let target = if item.is_draft {
        Target::Draft
    } else {
        Target::Final
    };
    let read_state_only = apply(&mut item, &value, target, context.now)?;
    item.modified = context.now;
    mailbox.update(number, item, read_state_only);
    if context.call.prefers("return", "minimal") || prefers_word(context.call, "return-minimal") {
        return Ok(Answer::empty(204));
    }
    message(context, &mailbox, number, &face, 200)
}

/// `DELETE …/messages/{id}`: into Deleted Items; from there into the recoverable items. The
/// page on deleting does not say where; this is what Outlook does.
pub(super) fn delete(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, id)?;
    check_match(context, &mailbox, number)?;
    let place = mailbox.entry(number).ok_or_else(item_not_found)?.folder;
    let deleted = well_known("deleteditems").unwrap_or(0);
    let recoverable = well_known("recoverableitemsdeletions").unwrap_or(0);
    if place == recoverable {
        mailbox.remove(number);
    } else if mailbox.is_within(place, deleted) {
        mailbox.move_message(number, recoverable, context.now);
    } else {
        mailbox.move_message(number, deleted, context.now);
    }
    Ok(Answer::empty(204))
}

/// `POST …/messages/{id}/permanentDelete`.
pub(super) fn permanent_delete(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, id)?;
    mailbox.remove(number);
    Ok(Answer::empty(204))
}

/// `POST …/messages/{id}/move`.
pub(super) fn shift(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let face = Face::of(context.call)?;
    let value = json(context)?;
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, id)?;
    let to = destination(&mailbox, &value)?;
    mailbox.move_message(number, to, context.now);
    message(context, &mailbox, number, &face, 201)
}

/// `POST …/messages/{id}/copy`.
pub(super) fn copy(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let face = Face::of(context.call)?;
    let value = json(context)?;
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, id)?;
    let to = destination(&mailbox, &value)?;
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    let mut item = mailbox.load(entry, true).into_owned();
    item.created = context.now;
    item.modified = context.now;
    let copy = mailbox.add(to, item);
    message(context, &mailbox, copy, &face, 201)
}

/// The folder that `destinationId` names; well-known names too.
pub(super) fn destination(mailbox: &Mailbox, value: &Value) -> Result<u32, GraphError> {
    let id = member(value, "destinationId")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            GraphError::new(
                400,
                "ErrorInvalidParameter",
                "The value of the parameter 'DestinationId' is empty.",
            )
        })?;
    mailbox.folder_number(id)
}
