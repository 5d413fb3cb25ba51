//! The routes, a file for each noun: handler, what it takes and gives, its description.

mod accounts;
mod alerts;
mod attachments;
mod audit;
mod callback;
mod calls;
mod changes;
mod checks;
mod connections;
mod credentials;
mod docs;
mod folders;
mod graph;
mod health;
mod keys;
mod logins;
mod mailboxes;
mod messages;
mod outbox;
mod persons;
mod send;
mod session;
mod setup;
mod signin;
mod start;
mod users;

use crate::app::App;
use crate::router::BASE;
use postroom_engine::access::Caller;
use postroom_engine::{Engine, Problem};
use postroom_model::MailboxId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// Every route with its description.
pub(crate) fn all() -> OpenApiRouter<App> {
    let api = OpenApiRouter::new()
        .merge(connections::routes())
        .merge(checks::routes())
        .merge(setup::routes())
        .merge(credentials::routes())
        .merge(logins::routes())
        .merge(accounts::routes())
        .merge(users::routes())
        .merge(mailboxes::routes())
        .merge(folders::routes())
        .merge(messages::routes())
        .merge(attachments::routes())
        .merge(send::routes())
        .merge(outbox::routes())
        .merge(changes::routes())
        .merge(alerts::routes())
        .merge(calls::routes())
        .merge(keys::routes())
        .merge(persons::routes())
        .merge(session::routes())
        .merge(audit::routes())
        .merge(graph::routes());
    OpenApiRouter::with_openapi(crate::openapi::head())
        .nest(BASE, api)
        .merge(callback::routes())
        .merge(health::routes())
        .merge(docs::routes())
        .merge(start::routes())
        .merge(signin::routes())
}

/// Something was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// What was deleted.
    id: String,
    /// Always true.
    deleted: bool,
}

impl Deleted {
    fn of(id: impl ToString) -> Self {
        Self {
            id: id.to_string(),
            deleted: true,
        }
    }
}

/// An empty text is none: callers that fill in a form of variables leave some of them empty.
fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// The mailbox that a query names by id or address. One that the caller does not reach does not
/// exist for it.
async fn visible_mailbox(
    engine: &Engine,
    caller: &Caller,
    named: &str,
) -> Result<MailboxId, Problem> {
    let mailboxes = engine.mailboxes(caller).await?;
    mailboxes
        .into_iter()
        .find(|mailbox| {
            mailbox.id.as_str().eq_ignore_ascii_case(named)
                || mailbox.address.eq_ignore_ascii_case(named)
        })
        .map(|mailbox| mailbox.id)
        .ok_or_else(|| Problem::not_found("mailbox", named))
}

/// What a list of the engine's asks for, as nothing yet. The type is the engine's business: this
/// crate fills in its fields and never names it.
fn ask<'a, Query: Default, Asking>(
    _list: impl Fn(&'a Engine, &'a Caller, Query) -> Asking,
) -> Query {
    Query::default()
}
