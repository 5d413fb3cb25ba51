//! Attachments of messages.

use crate::app::App;
use crate::extract::access::InMailbox;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::files::file;
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use postroom_engine::access::act;
use postroom_model::resource::attachment::{AttachmentKind, AttachmentRecord};
use postroom_model::{AttachmentId, MessageId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_attachments))
        .routes(routes!(get_attachment_content))
}

/// An attachment without its content.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    /// Microsoft's.
    id: AttachmentId,
    /// What it is. A `reference` has no content.
    kind: AttachmentKind,
    /// The file's name, as the sender wrote it.
    name: String,
    /// The media type, as the sender said.
    content_type: Option<String>,
    /// Microsoft's size, which exceeds the content's length.
    size: i64,
    /// Whether the body shows it.
    is_inline: bool,
    /// What `cid:` in the body names it by.
    content_id: Option<String>,
}

impl From<AttachmentRecord> for Attachment {
    fn from(record: AttachmentRecord) -> Self {
        Self {
            id: record.id,
            kind: record.kind,
            name: record.name,
            content_type: record.content_type,
            size: record.size,
            is_inline: record.is_inline,
            content_id: record.content_id,
        }
    }
}

/// Lists a message's attachments without contents.
#[utoipa::path(
    get, path = "/mailboxes/{id}/messages/{mid}/attachments", tag = "messages", params(Part),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "A page of attachments", body = Page<Attachment>))
)]
async fn list_attachments(
    State(app): State<App>,
    InMailbox { mailbox, .. }: InMailbox<act::ListAttachments>,
    InPath((_at, message)): InPath<(String, MessageId)>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<Attachment>>> {
    let all = app.engine.attachments(&mailbox, &message).await?;
    let all = all.into_iter().map(Attachment::from).collect();
    Ok(Json(cut(all, &part, |one: &Attachment| one.id.as_str())?))
}

/// Gives an attachment's bytes, with its name in `Content-Disposition` and its type. A message as
/// an attachment comes as MIME.
#[utoipa::path(
    get, path = "/mailboxes/{id}/messages/{mid}/attachments/{aid}/content", tag = "messages",
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"))
)]
async fn get_attachment_content(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::GetAttachmentContent>,
    InPath((_at, message, id)): InPath<(String, MessageId, AttachmentId)>,
    _: Asked<Nothing>,
) -> Answer<Response> {
    let content = app
        .engine
        .attachment_content(&caller, &mailbox, &message, &id)
        .await?;
    let reader = content.reader;
    Ok(file(
        &content.name,
        &content.content_type,
        reader.size,
        reader.pieces,
    ))
}
