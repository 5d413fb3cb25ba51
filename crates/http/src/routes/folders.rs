//! Mail folders.

use super::{Deleted, filled};
use crate::app::App;
use crate::extract::access::InMailbox;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::access::act;
use postroom_engine::mail::folders::FolderView;
use postroom_model::resource::folder::MailFolder;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_folders, create_folder))
        .routes(routes!(get_folder, rename_folder, delete_folder))
}

/// A mail folder. In place of its id, Microsoft's well-known name does (`inbox`, `sentitems`, …).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Folder {
    #[serde(flatten)]
    folder: MailFolder,
    /// Names from the root down, joined by `/`.
    path: String,
}

impl From<FolderView> for Folder {
    fn from(view: FolderView) -> Self {
        Self {
            folder: view.folder,
            path: view.path,
        }
    }
}

/// A folder to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewFolder {
    /// Its name.
    display_name: String,
    /// The folder it lies in, by id or well-known name; at the root unless given.
    parent_folder_id: Option<String>,
}

/// A folder's new name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FolderChange {
    /// Its name from now on.
    display_name: String,
}

/// Lists a mailbox's folders, flat, parents before what lies in them.
#[utoipa::path(
    get, path = "/mailboxes/{id}/folders", tag = "folders", params(Part),
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "A page of folders", body = Page<Folder>))
)]
async fn list_folders(
    State(app): State<App>,
    InMailbox { mailbox, .. }: InMailbox<act::ListFolders>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<Folder>>> {
    let all = app.engine.folders(&mailbox).await?;
    let all = all.into_iter().map(Folder::from).collect();
    Ok(Json(cut(all, &part, |one: &Folder| {
        one.folder.id.as_str()
    })?))
}

/// Makes a folder.
#[utoipa::path(
    post, path = "/mailboxes/{id}/folders", tag = "folders", request_body = NewFolder,
    security(("key" = ["mail.write"])),
    responses((status = 201, description = "The folder", body = Folder))
)]
async fn create_folder(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::CreateFolder>,
    _: Asked<Nothing>,
    sent: Sent<NewFolder>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let new = sent.value;
    let work = async move {
        let parent = filled(new.parent_folder_id);
        let made = engine.create_folder(&by, &mailbox, &new.display_name, parent.as_deref());
        Ok(Folder::from(made.await?))
    };
    sent.once
        .run(&app, &caller, StatusCode::CREATED, work)
        .await
}

/// Shows a folder.
#[utoipa::path(
    get, path = "/mailboxes/{id}/folders/{fid}", tag = "folders",
    security(("key" = ["mail.read"])),
    responses((status = 200, description = "The folder", body = Folder))
)]
async fn get_folder(
    State(app): State<App>,
    InMailbox { mailbox, .. }: InMailbox<act::GetFolder>,
    InPath((_at, named)): InPath<(String, String)>,
    _: Asked<Nothing>,
) -> Answer<Json<Folder>> {
    Ok(Json(app.engine.folder(&mailbox, &named).await?.into()))
}

/// Renames a folder.
#[utoipa::path(
    patch, path = "/mailboxes/{id}/folders/{fid}", tag = "folders", request_body = FolderChange,
    security(("key" = ["mail.write"])),
    responses((status = 200, description = "The folder as it is now", body = Folder))
)]
async fn rename_folder(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::RenameFolder>,
    InPath((_at, named)): InPath<(String, String)>,
    _: Asked<Nothing>,
    sent: Sent<FolderChange>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let name = sent.value.display_name;
    let work = async move {
        let renamed = engine.rename_folder(&by, &mailbox, &named, &name).await?;
        Ok(Folder::from(renamed))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Deletes a folder with what is in it.
#[utoipa::path(
    delete, path = "/mailboxes/{id}/folders/{fid}", tag = "folders",
    security(("key" = ["mail.write"])),
    responses((status = 200, description = "It is deleted", body = Deleted))
)]
async fn delete_folder(
    State(app): State<App>,
    InMailbox {
        caller, mailbox, ..
    }: InMailbox<act::DeleteFolder>,
    InPath((_at, named)): InPath<(String, String)>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let id = engine.folder(&mailbox, &named).await?.folder.id;
        engine.delete_folder(&by, &mailbox, id.as_str()).await?;
        Ok(Deleted::of(id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}
