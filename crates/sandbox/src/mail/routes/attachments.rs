//! Attachments: list, get, bytes, add, remove.

use bytes::Bytes;
use http::Method;

use super::Context;
use super::answers::{applied, find, json};
use super::{no_method, no_route};
use crate::call::{Answer, GraphError};
use crate::mail::draft::attachment as from_json;
use crate::mail::ids::Id;
use crate::mail::item::{Attachment, AttachmentKind, Item};
use crate::mail::json::Object;
use crate::mail::mailbox::{Mailbox, id_malformed, item_not_found};
use crate::mail::mime_out;
use crate::mail::query::{AttachmentFace, Face, attachment_face};
use crate::mail::render::View;
use crate::mail::render::attachment::{write_attachment, write_list};
use crate::mail::select::Selection;

/// Finds the route below `…/attachments`.
pub(super) fn dispatch(
    context: &Context<'_>,
    folder: Option<&str>,
    message: &str,
    rest: &[&str],
) -> Result<Answer, GraphError> {
    let method = &context.call.method;
    match rest {
        [] if method == Method::GET => list(context, folder, message),
        [] if method == Method::POST => add(context, folder, message),
        ["$count"] if method == Method::GET => count(context, folder, message),
        // Upload sessions are not part of the sandbox.
        [name] if name.eq_ignore_ascii_case("createUploadSession") => Err(GraphError::new(
            404,
            "ResourceNotFound",
            "Upload sessions are not available in this tenant.",
        )),
        [id] if method == Method::GET => get(context, folder, message, id),
        [id] if method == Method::DELETE => remove(context, folder, message, id),
        [id, "$value"] if method == Method::GET => value(context, folder, message, id),
        [] | [_] | [_, "$value"] => Err(no_method(context)),
        _ => Err(no_route()),
    }
}

fn shape(context: &Context<'_>) -> Result<AttachmentFace, GraphError> {
    let options: Vec<(String, String)> = context
        .call
        .query
        .iter()
        .filter(|(name, _)| {
            let name = name.trim_start_matches('$');
            name.eq_ignore_ascii_case("select") || name.eq_ignore_ascii_case("expand")
        })
        .cloned()
        .collect();
    attachment_face(&options)
}

fn face(context: &Context<'_>) -> Result<Face, GraphError> {
    let mut face = Face::with(context.call, None, None)?;
    face.select = Selection::DEFAULT;
    Ok(face)
}

fn with_view<T>(
    mailbox: &Mailbox,
    number: u64,
    run: impl FnOnce(&View<'_>) -> T,
) -> Result<T, GraphError> {
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    let item = mailbox.load(entry, false);
    Ok(run(&View {
        ids: &mailbox.ids,
        key: mailbox.key(number),
        folder: entry.folder,
        change: entry.change,
        item: &item,
    }))
}

fn list(context: &Context<'_>, folder: Option<&str>, id: &str) -> Result<Answer, GraphError> {
    let shape = shape(context)?;
    let face = face(context)?;
    let mailbox = context.read();
    let number = find(&mailbox, folder, id)?;
    let mut out = Vec::new();
    with_view(&mailbox, number, |view| {
        let mut object = Object::open(&mut out);
        object.text(
            "@odata.context",
            &format!(
                "{}/$metadata#users('{}')/messages('{id}')/attachments",
                context.call.base_url, context.mailbox
            ),
        );
        write_list(object.name("value"), view, &shape, &face);
        object.close();
    })?;
    Ok(applied(
        Answer::json_bytes(200, Bytes::from(out)),
        &face.applied(),
    ))
}

fn count(context: &Context<'_>, folder: Option<&str>, id: &str) -> Result<Answer, GraphError> {
    let mailbox = context.read();
    let number = find(&mailbox, folder, id)?;
    let count = with_view(&mailbox, number, |view| view.item.attachments.len())?;
    Ok(Answer::raw(200, "text/plain", count.to_string()))
}

fn get(
    context: &Context<'_>,
    folder: Option<&str>,
    message: &str,
    id: &str,
) -> Result<Answer, GraphError> {
    let shape = shape(context)?;
    let face = face(context)?;
    let mailbox = context.read();
    let number = find(&mailbox, folder, message)?;
    let wanted = attachment_number(&mailbox, number, id)?;
    let mut out = Vec::new();
    with_view(&mailbox, number, |view| {
        let attachment = in_item(view.item, wanted)?;
        let path = format!(
            "{}/$metadata#users('{}')/messages('{message}')/attachments/$entity",
            context.call.base_url, context.mailbox
        );
        write_attachment(&mut out, view, attachment, &shape, &face, Some(&path));
        Ok::<(), GraphError>(())
    })??;
    Ok(applied(
        Answer::json_bytes(200, Bytes::from(out)),
        &face.applied(),
    ))
}

/// The bytes: of a file as they are, of an item its MIME; a reference has none (405). Source:
/// Microsoft's page "Get attachment".
fn value(
    context: &Context<'_>,
    folder: Option<&str>,
    message: &str,
    id: &str,
) -> Result<Answer, GraphError> {
    let mailbox = context.read();
    let number = find(&mailbox, folder, message)?;
    let wanted = attachment_number(&mailbox, number, id)?;
    with_view(&mailbox, number, |view| {
        let attachment = in_item(view.item, wanted)?;
        match &attachment.kind {
            AttachmentKind::File(content) => {
                let kind = if attachment.content_type.contains('/') {
                    &attachment.content_type
                } else {
                    "application/octet-stream"
                };
                Ok(Answer::raw(200, kind, content.bytes()))
            }
            AttachmentKind::Item(item) => {
                Ok(Answer::raw(200, "message/rfc822", mime_out::mime(item)))
            }
            AttachmentKind::Reference(_) => Err(GraphError::new(
                405,
                "ErrorInvalidRequest",
                "The value of a reference attachment cannot be read.",
            )),
        }
    })?
}

fn add(context: &Context<'_>, folder: Option<&str>, id: &str) -> Result<Answer, GraphError> {
    let face = face(context)?;
    let attachment = from_json(&json(context)?, context.now)?;
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, id)?;
    let mut item = content(&mailbox, number)?;
    if item.size() + attachment.reported_size() > context.mail.options.largest_message {
        return Err(GraphError::new(
            413,
            "ErrorMessageSizeExceeded",
            "The message exceeds the maximum supported size.",
        ));
    }
    let added = item.attach(attachment);
    item.mime = None;
    item.modified = context.now;
    mailbox.update(number, item, false);
    let mut out = Vec::new();
    with_view(&mailbox, number, |view| {
        let attachment = in_item(view.item, added)?;
        let path = format!(
            "{}/$metadata#users('{}')/messages('{id}')/attachments/$entity",
            context.call.base_url, context.mailbox
        );
        let shape = AttachmentFace::default();
        write_attachment(&mut out, view, attachment, &shape, &face, Some(&path));
        Ok::<(), GraphError>(())
    })??;
    Ok(Answer::json_bytes(201, Bytes::from(out)))
}

fn remove(
    context: &Context<'_>,
    folder: Option<&str>,
    message: &str,
    id: &str,
) -> Result<Answer, GraphError> {
    let mut mailbox = context.write();
    let number = find(&mailbox, folder, message)?;
    let wanted = attachment_number(&mailbox, number, id)?;
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    let mut item = mailbox.load(entry, true).into_owned();
    in_item(&item, wanted)?;
    item.attachments
        .retain(|attachment| attachment.number != wanted);
    item.mime = None;
    item.modified = context.now;
    mailbox.update(number, item, false);
    Ok(Answer::empty(204))
}

/// A message's content, to be changed.
fn content(mailbox: &Mailbox, number: u64) -> Result<Item, GraphError> {
    let entry = mailbox.entry(number).ok_or_else(item_not_found)?;
    Ok(mailbox.load(entry, true).into_owned())
}

fn attachment_number(mailbox: &Mailbox, message: u64, id: &str) -> Result<u32, GraphError> {
    match mailbox.ids.read(id) {
        Some(Id::Attachment(number, generation, attachment)) => {
            let fits = number == message
                && generation
                    .is_none_or(|generation| generation == mailbox.key(message).generation);
            if fits {
                Ok(attachment)
            } else {
                Err(item_not_found())
            }
        }
        Some(_) => Err(item_not_found()),
        None => Err(id_malformed()),
    }
}

fn in_item(item: &Item, number: u32) -> Result<&Attachment, GraphError> {
    item.attachments
        .iter()
        .find(|attachment| attachment.number == number)
        .ok_or_else(item_not_found)
}
