//! The outbox: what was accepted for sending.

use super::{ask, visible_mailbox};
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Limit, Wait, limit, wait};
use crate::lists::{Page, behind, opened};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::Engine;
use postroom_engine::access::act;
use postroom_model::outbox::{OutboxItem, OutboxKind, OutboxStatus};
use postroom_model::{MailboxId, MessageId, OutboxId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_outbox))
        .routes(routes!(get_outbox_item))
        .routes(routes!(retry_outbox_item))
        .routes(routes!(cancel_outbox_item))
}

/// An item of the outbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OutboxItem)]
pub(super) struct OutboxView {
    /// Ours.
    id: OutboxId,
    /// The mailbox that it leaves from.
    mailbox: MailboxId,
    /// What was asked for.
    kind: OutboxKind,
    /// How it stands.
    status: OutboxStatus,
    /// Why it is in this status, in words.
    reason: Option<String>,
    /// How often it was tried.
    attempts: u32,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When Microsoft took it.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
    /// The message's id, once there is a draft; it stays when the message is sent.
    message_id: Option<MessageId>,
    /// `Message-ID`, once known.
    internet_message_id: Option<String>,
    /// The conversation, once known.
    conversation_id: Option<String>,
    /// The message that a reply or forward answers.
    original_id: Option<MessageId>,
    /// The subject that was given.
    subject: Option<String>,
}

impl From<&OutboxItem> for OutboxView {
    fn from(item: &OutboxItem) -> Self {
        Self {
            id: item.id.clone(),
            mailbox: item.mailbox.clone(),
            kind: item.kind,
            status: item.status,
            reason: item.reason.clone(),
            attempts: item.attempts,
            created_at: item.created_at,
            sent_at: item.sent_at,
            message_id: item.message_id.clone(),
            internet_message_id: item.internet_message_id.clone(),
            conversation_id: item.conversation_id.clone(),
            original_id: item.original.clone(),
            subject: item.message.subject.clone(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListOutbox {
    /// Of this mailbox, by id or address.
    mailbox: Option<String>,
    /// With this status.
    status: Option<OutboxStatus>,
    /// At most so many entries; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
    /// `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

/// Lists what was accepted for sending, the newest first.
#[utoipa::path(
    get, path = "/outbox", tag = "sending", params(ListOutbox),
    security(("key" = ["mail.send"])),
    responses((status = 200, description = "A page of items", body = Page<OutboxView>))
)]
async fn list_outbox(
    State(app): State<App>,
    May { caller, .. }: May<act::ListOutbox>,
    Asked(asked): Asked<ListOutbox>,
) -> Answer<Json<Page<OutboxView>>> {
    let limit = limit(asked.limit);
    let mut query = ask(Engine::outbox);
    query.after = opened(asked.cursor.as_ref())?;
    query.limit = limit + 1;
    query.statuses = asked.status.into_iter().collect();
    if let Some(named) = asked.mailbox {
        let mailbox = visible_mailbox(&app.engine, &caller, &named).await?;
        query.mailboxes = Some(vec![mailbox]);
    }
    let items = app.engine.outbox(&caller, query).await?;
    let items = items.iter().map(OutboxView::from).collect();
    Ok(Json(behind(items, limit, |one: &OutboxView| {
        one.id.as_str()
    })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Waiting {
    /// Waits up to so many seconds for a final status.
    #[param(value_type = Option<u32>, maximum = 60)]
    wait: Option<Wait>,
}

/// Says how an item stands, at once or when its status is final.
#[utoipa::path(
    get, path = "/outbox/{id}", tag = "sending", params(Waiting),
    security(("key" = ["mail.send"])),
    responses((status = 200, description = "The item", body = OutboxView))
)]
async fn get_outbox_item(
    State(app): State<App>,
    May { caller, .. }: May<act::GetOutboxItem>,
    InPath(id): InPath<OutboxId>,
    Asked(waiting): Asked<Waiting>,
) -> Answer<Json<OutboxView>> {
    let item = app.engine.outbox_item(&caller, &id, wait(waiting.wait));
    let item = app.while_open(item).await?;
    Ok(Json(OutboxView::from(&item)))
}

/// Tries a failed, cancelled or uncertain item again. An uncertain one may then leave twice: look
/// into Sent Items first.
#[utoipa::path(
    post, path = "/outbox/{id}/retry", tag = "sending",
    security(("key" = ["mail.send"])),
    responses((status = 200, description = "The item as it is now", body = OutboxView))
)]
async fn retry_outbox_item(
    State(app): State<App>,
    May { caller, .. }: May<act::RetryOutboxItem>,
    InPath(id): InPath<OutboxId>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let item = engine.retry_outbox(&by, &id).await?;
        Ok(OutboxView::from(&item))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Takes back an item that has not left.
#[utoipa::path(
    post, path = "/outbox/{id}/cancel", tag = "sending",
    security(("key" = ["mail.send"])),
    responses((status = 200, description = "The item as it is now", body = OutboxView))
)]
async fn cancel_outbox_item(
    State(app): State<App>,
    May { caller, .. }: May<act::CancelOutboxItem>,
    InPath(id): InPath<OutboxId>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let item = engine.cancel_outbox(&by, &id).await?;
        Ok(OutboxView::from(&item))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}
