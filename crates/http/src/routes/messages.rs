//! Messages, in Microsoft's names and shapes.

use super::Deleted;
use crate::app::App;
use crate::extract::access::InMailbox;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Flag, Limit, Moment, Names, limit};
use crate::files::file;
use crate::lists::Page;
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postroom_engine::Problem;
use postroom_engine::access::act;
use postroom_engine::mail::messages::{ListMessages, MessageChange};
use postroom_model::MessageId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_messages))
        .routes(routes!(get_message, change_message, delete_message))
        .routes(routes!(get_message_mime))
}

/// A message in Microsoft's names and shapes, without `@odata`: `id`, `parentFolderId`, `subject`,
/// `bodyPreview`, `from`, `sender`, `toRecipients`, `ccRecipients`, `bccRecipients`, `replyTo`,
/// `receivedDateTime`, `sentDateTime`, `isRead`, `isDraft`, `hasAttachments`, `importance`, `flag`,
/// `categories`, `conversationId`, `internetMessageId`, `webLink` and what else Microsoft's
/// reference names. `id` and `parentFolderId` are always there; a single message also has `body`
/// and `attachments` without contents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(super) struct Message(Map<String, Value>);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Conditions {
    /// In this folder, by id or well-known name.
    folder: Option<String>,
    /// Every one of these words is in the subject, the sender or the body.
    search: Option<String>,
    /// Read or unread.
    #[param(value_type = Option<bool>)]
    is_read: Option<Flag>,
    /// The sender's address or name has this part.
    from: Option<String>,
    /// The subject has this part.
    subject: Option<String>,
    /// Received at this time or later: RFC 3339, or a plain date (its beginning in UTC).
    #[param(value_type = Option<String>)]
    received_after: Option<Moment>,
    /// Received before this time.
    #[param(value_type = Option<String>)]
    received_before: Option<Moment>,
    /// With or without attachments (as Microsoft says: inline ones do not count).
    #[param(value_type = Option<bool>)]
    has_attachments: Option<Flag>,
    /// Of this conversation.
    conversation_id: Option<String>,
    /// Properties to bring, separated by commas; all but `body` unless given.
    #[param(value_type = Option<String>)]
    fields: Option<Names>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

impl Conditions {
    fn taken(self) -> ListMessages {
        let mut list = ListMessages {
            fields: self.fields.map(|names| names.0),
            cursor: self.cursor,
            ..ListMessages::default()
        };
        let query = &mut list.query;
        query.folder = self.folder.map(Into::into);
        query.search = self.search;
        query.is_read = self.is_read.map(|flag| flag.0);
        query.from = self.from;
        query.subject = self.subject;
        query.received_after = self.received_after.map(|moment| moment.0);
        query.received_before = self.received_before.map(|moment| moment.0);
        query.has_attachments = self.has_attachments.map(|flag| flag.0);
        query.conversation_id = self.conversation_id;
        query.limit = limit(self.limit);
        list
    }
}

/// Lists a mailbox's messages, the newest first. All conditions hold together.
#[utoipa::path(
    get, path = "/mailboxes/{id}/messages", tag = "messages", params(Conditions),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "A page of messages", body = Page<Message>))
)]
async fn list_messages(
    State(app): State<App>,
    InMailbox { mailbox, .. }: InMailbox<act::ListMessages>,
    Asked(conditions): Asked<Conditions>,
) -> Answer<Json<Page<Message>>> {
    let list = app.engine.messages(&mailbox, conditions.taken()).await?;
    Ok(Json(Page {
        value: list.value.into_iter().map(Message).collect(),
        next_cursor: list.next_cursor,
    }))
}

/// Shows a message with its body and its attachments without contents.
#[utoipa::path(
    get, path = "/mailboxes/{id}/messages/{mid}", tag = "messages",
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "The message", body = Message))
)]
async fn get_message(
    State(app): State<App>,
    InMailbox { mailbox, .. }: InMailbox<act::GetMessage>,
    InPath((_at, id)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
) -> Answer<Json<Message>> {
    Ok(Json(Message(app.engine.message(&mailbox, &id).await?)))
}

/// What is to be changed of a message. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = MessageChange)]
struct ChangeBody {
    /// Read or unread.
    is_read: Option<bool>,
    /// Microsoft's `followupFlag`: `{"flagStatus": "flagged"}`, `complete` or `notFlagged`.
    #[schema(value_type = Option<Object>)]
    flag: Option<Map<String, Value>>,
    /// Category names; replaces those that are there.
    categories: Option<Vec<String>>,
    /// Moves it into this folder, by id or well-known name. The message's id stays.
    folder: Option<String>,
}

/// Changes a message at Microsoft and here: marks, flags, categorises, moves it.
#[utoipa::path(
    patch, path = "/mailboxes/{id}/messages/{mid}", tag = "messages", request_body = ChangeBody,
    security(("key" = ["mail.write"])),
    responses((status = 200, description = "The message as it is now", body = Message))
)]
async fn change_message(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::ChangeMessage>,
    InPath((_at, id)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
    sent: Sent<ChangeBody>,
) -> Answer {
    let body = sent.value;
    if body
        .folder
        .as_ref()
        .is_some_and(|folder| folder.trim().is_empty())
    {
        return Err(Problem::invalid("`folder` is empty: leave it out, or name a folder.").into());
    }
    let change = MessageChange {
        is_read: body.is_read,
        flag: body.flag.map(Value::Object),
        categories: body.categories,
        folder: body.folder,
    };
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let changed = engine.change_message(&by, &mailbox, &id, change).await?;
        Ok(Message(changed))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Deletes a message as Microsoft does: into Deleted Items, from there for good.
#[utoipa::path(
    delete, path = "/mailboxes/{id}/messages/{mid}", tag = "messages",
    security(("key" = ["mail.write"])),
    responses((status = 200, description = "It is deleted", body = Deleted))
)]
async fn delete_message(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::DeleteMessage>,
    InPath((_at, id)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        engine.delete_message(&by, &mailbox, &id).await?;
        Ok(Deleted::of(id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Gives a message as MIME: an `.eml` file.
#[utoipa::path(
    get, path = "/mailboxes/{id}/messages/{mid}/mime", tag = "messages",
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "The file", content_type = "message/rfc822"))
)]
async fn get_message_mime(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::GetMessageMime>,
    InPath((_at, id)): InPath<(String, MessageId)>,
    _: Asked<Nothing>,
) -> Answer<Response> {
    let mime = app.engine.message_mime(&caller, &mailbox, &id).await?;
    let message = app.engine.message(&mailbox, &id).await?;
    let subject = message.get("subject").and_then(Value::as_str);
    let name = eml_name(subject.unwrap_or_default());
    Ok(file(&name, "message/rfc822", mime.size, mime.pieces))
}

/// A file's name from a subject, which may have anything in it.
fn eml_name(subject: &str) -> String {
    let plain: String = subject
        .chars()
        .map(|c| if "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .take(100)
        .collect();
    let plain = plain.trim_matches([' ', '.']);
    let plain = if plain.is_empty() { "message" } else { plain };
    format!("{plain}.eml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_as_a_name() {
        assert_eq!(eml_name("AW: Angebot 1/2"), "AW_ Angebot 1_2.eml");
        assert_eq!(eml_name(" .. "), "message.eml");
    }
}
