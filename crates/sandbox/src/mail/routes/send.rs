//! Sending: sendMail, a draft, replies and forwards. All answer 202 with an empty body.

use std::sync::Arc;

use serde_json::Value;

use super::Context;
use super::answers::{check_match, find, json, mime};
use super::create::{from_json, from_mime, make};
use crate::call::{Answer, GraphError};
use crate::mail::draft::unreadable;
use crate::mail::folder::well_known;
use crate::mail::item::Item;
use crate::mail::json::member;
use crate::mail::mailbox::item_not_found;
use crate::mail::reply::Kind;
use crate::mail::transport;

/// `POST /sendMail`.
pub(super) fn send_mail(context: &Context<'_>) -> Result<Answer, GraphError> {
    if let Some(raw) = mime(context)? {
        let item = from_mime(context, &raw)?;
        return dispatch(context, item, true);
    }
    let value = json(context)?;
    let message = member(&value, "message")
        .filter(|message| message.is_object())
        .ok_or_else(|| {
            GraphError::new(
                400,
                "ErrorInvalidParameter",
                "The value of the parameter 'Message' is empty.",
            )
        })?;
    // True by default, as the page says; the metadata says false.
    let save = match member(&value, "saveToSentItems") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(save)) => *save,
        // Clients send the word as a text too, and it works.
        Some(Value::String(word)) if word.eq_ignore_ascii_case("true") => true,
        Some(Value::String(word)) if word.eq_ignore_ascii_case("false") => false,
        Some(_) => {
            return Err(unreadable(
                "The value of 'saveToSentItems' is not a boolean.",
            ));
        }
    };
    let item = from_json(context, message)?;
    dispatch(context, item, save)
}

/// `POST …/messages/{id}/send`.
pub(super) fn send_draft(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    let item = {
        let mut mailbox = context.write();
        let number = find(&mailbox, folder, id)?;
        check_match(context, &mailbox, number)?;
        let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
        let mut item = mailbox.load(entry, true).into_owned();
        if !item.is_draft {
            return Err(GraphError::new(
                400,
                "ErrorInvalidOperation",
                "The message is not a draft and cannot be sent.",
            ));
        }
        transport::prepare(
            context.mail,
            &mailbox,
            &context.call.caller,
            &mut item,
            context.now,
        )?;
        let sent = well_known("sentitems").unwrap_or(0);
        mailbox.replace(number, sent, item.clone(), due(context));
        item
    };
    transport::deliver(context.mail, context.mailbox, &Arc::new(item), context.now);
    Ok(Answer::empty(202))
}

/// `POST …/reply`.
pub(super) fn reply(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    answer(context, folder, id, Kind::Reply)
}

/// `POST …/replyAll`.
pub(super) fn reply_all(
    context: &Context<'_>,
    folder: Option<&str>,
    id: &str,
) -> Result<Answer, GraphError> {
    answer(context, folder, id, Kind::ReplyAll)
}

/// `POST …/forward`.
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
    let item = make(context, folder, id, kind, false)?;
    dispatch(context, item, true)
}

/// Sends a message that is not in the mailbox yet.
fn dispatch(context: &Context<'_>, mut item: Item, save: bool) -> Result<Answer, GraphError> {
    {
        let mut mailbox = context.write();
        transport::prepare(
            context.mail,
            &mailbox,
            &context.call.caller,
            &mut item,
            context.now,
        )?;
        // From another's mailbox path the copy stays there; the caller's own Sent Items are
        // written when the caller's own path is used. Both are this mailbox.
        if save {
            let sent = well_known("sentitems").unwrap_or(0);
            match due(context) {
                Some(due) => mailbox.add_later(due, sent, item.clone()),
                None => mailbox.add(sent, item.clone()),
            };
        }
    }
    transport::deliver(context.mail, context.mailbox, &Arc::new(item), context.now);
    Ok(Answer::empty(202))
}

fn due(context: &Context<'_>) -> Option<i64> {
    let delay = context.mail.options.sent_copy_delay;
    (delay > 0).then(|| context.now + delay)
}
