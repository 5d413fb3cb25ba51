//! Mailboxes: which ones are served, and how their mirrors stand.

use super::{Deleted, filled};
use crate::app::App;
use crate::extract::access::{InMailbox, May};
use crate::extract::body::{NoBody, Sent};
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Wait, wait};
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::Problem;
use postroom_engine::access::{Act as _, act};
use postroom_engine::mailboxes::NewMailbox;
use postroom_model::AccountId;
use postroom_model::mailbox::Mailbox;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_mailboxes, add_mailbox))
        .routes(routes!(get_mailbox, change_mailbox, remove_mailbox))
        .routes(routes!(sync_mailbox))
}

/// A mailbox to be served: `{connection, address}` as the application, or `{account, address?}` as
/// a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewMailbox)]
struct AddBody {
    /// The connection, by id or name, whose application reaches the mailbox.
    connection: Option<String>,
    /// The signed-in user's account that reaches the mailbox.
    account: Option<String>,
    /// The mailbox's address or id. With `account` it may be left out: the user's own.
    address: Option<String>,
}

impl AddBody {
    fn taken(self) -> Result<NewMailbox, Problem> {
        let address = filled(self.address);
        match (filled(self.connection), filled(self.account), address) {
            (Some(connection), None, Some(address)) => Ok(NewMailbox::ByApplication {
                connection,
                address,
            }),
            (None, Some(account), address) => Ok(NewMailbox::ByUser {
                account: account.into(),
                address,
            }),
            (Some(_), None, None) => Err(Problem::invalid(
                "With `connection`, `address` says which mailbox.",
            )),
            _ => Err(Problem::invalid(
                "Send `connection` and `address` to reach a mailbox as the application, or \
                 `account` (and `address` for a shared one) to reach it as a user.",
            )),
        }
    }
}

/// What is to be changed of a mailbox.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = MailboxChange)]
struct ChangeBody {
    /// The account that reaches it from now on.
    #[schema(value_type = Option<String>)]
    account: Option<AccountId>,
}

/// Lists the mailboxes that the key reaches, by address.
#[utoipa::path(
    get, path = "/mailboxes", tag = "mailboxes", params(Part),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "A page of mailboxes", body = Page<Mailbox>))
)]
async fn list_mailboxes(
    State(app): State<App>,
    May { caller, .. }: May<act::ListMailboxes>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<Mailbox>>> {
    let all = app.engine.mailboxes(&caller).await?;
    Ok(Json(cut(all, &part, |one| one.id.as_str())?))
}

/// Adds a mailbox; its mirror begins at once. One that is there already is a `conflict`, and
/// `existing` has its id.
#[utoipa::path(
    post, path = "/mailboxes", tag = "mailboxes", request_body = AddBody,
    security(("key" = ["connections"])),
    responses((status = 201, description = "The mailbox", body = Mailbox))
)]
async fn add_mailbox(
    State(app): State<App>,
    May { caller, .. }: May<act::AddMailbox>,
    _: Asked<Nothing>,
    sent: Sent<AddBody>,
) -> Answer {
    let new = sent.value.taken()?;
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move { engine.add_mailbox(&by, new).await };
    sent.once
        .run(&app, &caller, StatusCode::CREATED, work)
        .await
}

/// Shows a mailbox with the state of its mirror.
#[utoipa::path(
    get, path = "/mailboxes/{id}", tag = "mailboxes",
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "The mailbox", body = Mailbox))
)]
async fn get_mailbox(
    InMailbox { mailbox, .. }: InMailbox<act::GetMailbox>,
    _: Asked<Nothing>,
) -> Answer<Json<Mailbox>> {
    Ok(Json(mailbox))
}

/// Serves a mailbox through another account.
#[utoipa::path(
    patch, path = "/mailboxes/{id}", tag = "mailboxes", request_body = ChangeBody,
    security(("key" = ["connections"])),
    responses((status = 200, description = "The mailbox as it is now", body = Mailbox))
)]
async fn change_mailbox(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::ChangeMailbox>,
    _: Asked<Nothing>,
    sent: Sent<ChangeBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let account = sent.value.account;
    let work = async move {
        match account {
            None => Ok(mailbox),
            Some(account) => engine.change_mailbox(&by, &mailbox.id, &account).await,
        }
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Serves a mailbox no more and drops its mirror. Nothing happens at Microsoft.
#[utoipa::path(
    delete, path = "/mailboxes/{id}", tag = "mailboxes",
    security(("key" = ["connections"])),
    responses((status = 200, description = "It is served no more", body = Deleted))
)]
async fn remove_mailbox(
    State(app): State<App>,
    May { caller, .. }: May<act::RemoveMailbox>,
    crate::extract::path::InPath(named): crate::extract::path::InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    // The mailbox is looked up within: a repeated call with an Idempotency-Key finds it gone, and
    // is answered as the first one was.
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let action = act::RemoveMailbox::ACTION;
        let mailbox = engine.mailbox_for(&by, action, &named).await?;
        engine.remove_mailbox(&mailbox.id).await?;
        Ok(Deleted::of(mailbox.id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Waiting {
    /// Waits up to so many seconds for the round's end.
    #[param(value_type = Option<u32>, maximum = 60)]
    wait: Option<Wait>,
}

/// Begins a round of the mirror now. Answers when it is up to date, has failed, or the time is
/// over: `sync` says which.
#[utoipa::path(
    post, path = "/mailboxes/{id}/sync", tag = "mailboxes", params(Waiting),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "The mailbox", body = Mailbox))
)]
async fn sync_mailbox(
    State(app): State<App>,
    InMailbox { mailbox, .. }: InMailbox<act::SyncMailbox>,
    Asked(waiting): Asked<Waiting>,
    _: Sent<NoBody>,
) -> Answer<Json<Mailbox>> {
    let round = app.engine.sync_mailbox(&mailbox.id, wait(waiting.wait));
    Ok(Json(app.while_open(round).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::body::parse;

    fn taken(json: &str) -> Option<NewMailbox> {
        parse::<AddBody>(json.as_bytes()).ok()?.taken().ok()
    }

    #[test]
    fn two_ways_to_reach_a_mailbox() {
        assert!(matches!(
            taken(r#"{"connection": "c", "address": "a@b"}"#),
            Some(NewMailbox::ByApplication { .. })
        ));
        assert!(matches!(
            taken(r#"{"account": "x", "address": ""}"#),
            Some(NewMailbox::ByUser { address: None, .. })
        ));
        for odd in [
            "{}",
            r#"{"connection": "c"}"#,
            r#"{"connection": "c", "account": "x", "address": "a@b"}"#,
            r#"{"address": "a@b"}"#,
        ] {
            assert!(taken(odd).is_none(), "{odd}");
        }
    }
}
