//! People who open the console. `person` is what the session, the audit log and the command line
//! call them; `people` are those of the tenants' directories.

use super::Deleted;
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::once::secret_answer;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::nullable;
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use crate::trail::Trail;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::access::act;
use postroom_engine::persons::{NewPerson, PersonChange, SignInLink};
use postroom_model::person::{MicrosoftIdentity, Person, Role};
use postroom_model::{PersonId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_persons, invite_person))
        .routes(routes!(get_person, change_person, remove_person))
        .routes(routes!(invite_person_again))
}

/// Who somebody is at Microsoft.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MicrosoftIdentity)]
struct IdentityView {
    /// The tenant.
    tenant_id: String,
    /// The user's object there.
    object_id: String,
}

impl From<MicrosoftIdentity> for IdentityView {
    fn from(identity: MicrosoftIdentity) -> Self {
        Self {
            tenant_id: identity.tenant_id,
            object_id: identity.object_id,
        }
    }
}

/// Somebody who opens the console.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Person)]
struct PersonView {
    /// Ours.
    id: PersonId,
    /// For people.
    name: String,
    /// The Microsoft sign-in name that is let in.
    address: Option<String>,
    /// What the person may do.
    role: Role,
    /// Who it is at Microsoft; `null` before the first sign-in there.
    identity: Option<IdentityView>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the person last signed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    signed_in_at: Option<Timestamp>,
    /// An address that signs the person in once: there once, in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<String>,
    /// When that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    sign_in_expires_at: Option<Timestamp>,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            name: person.name,
            address: person.address,
            role: person.role,
            identity: person.identity.map(IdentityView::from),
            created_at: person.created_at,
            signed_in_at: person.signed_in_at,
            sign_in_url: None,
            sign_in_expires_at: None,
        }
    }
}

fn invited(status: StatusCode, trail: &Trail, person: Person, link: &SignInLink) -> Answer {
    let view = PersonView::from(person);
    trail.made(&serde_json::to_value(&view).unwrap_or_default());
    let view = PersonView {
        sign_in_url: Some(link.url.reveal().to_owned()),
        sign_in_expires_at: Some(link.expires_at),
        ..view
    };
    secret_answer(status, &view)
}

/// Somebody to be let in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewPerson)]
struct NewPersonBody {
    /// For people; the address unless given.
    name: Option<String>,
    /// The Microsoft sign-in name that is let in, once: from the first sign-in on it is the account
    /// that counts, whatever its name.
    address: Option<String>,
    /// What the person may do.
    role: Role,
}

/// What is to be changed of a person. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PersonChange)]
struct PersonChangeBody {
    /// For people.
    name: Option<String>,
    /// The Microsoft sign-in name that is let in; `null`: none. With another one, whoever came in
    /// with the former is signed out and not let in any more.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    address: Option<Option<String>>,
    /// What the person may do, from the next call on.
    role: Option<Role>,
}

/// Lists the people who open the console, the newest first.
#[utoipa::path(
    get, path = "/persons", tag = "persons", params(Part),
    security(("key" = ["admin"])),
    responses((status = 200, description = "A page of people", body = Page<PersonView>))
)]
async fn list_persons(
    State(app): State<App>,
    _: May<act::ListPersons>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<PersonView>>> {
    let mut all = app.engine.persons().await?;
    all.sort_by_key(|person| std::cmp::Reverse(person.created_at));
    let all = all.into_iter().map(PersonView::from).collect();
    Ok(Json(cut(all, &part, |one| one.id.as_str())?))
}

/// Lets somebody in. The answer has an address that signs the person in once, within 24 hours.
/// `Idempotency-Key` is not taken here, for no answer with a secret is kept.
#[utoipa::path(
    post, path = "/persons", tag = "persons", request_body = NewPersonBody,
    security(("key" = ["admin"])),
    responses((status = 201, description = "The person", body = PersonView))
)]
async fn invite_person(
    State(app): State<App>,
    May { caller, .. }: May<act::InvitePerson>,
    trail: Trail,
    _: Asked<Nothing>,
    sent: Sent<NewPersonBody>,
) -> Answer {
    let body = sent.value;
    let new = NewPerson {
        name: super::filled(body.name),
        address: super::filled(body.address),
        role: body.role,
    };
    let (person, link) = app.engine.invite_person(&caller, new).await?;
    invited(StatusCode::CREATED, &trail, person, &link)
}

/// Shows a person.
#[utoipa::path(
    get, path = "/persons/{id}", tag = "persons",
    security(("key" = ["admin"])),
    responses((status = 200, description = "The person", body = PersonView))
)]
async fn get_person(
    State(app): State<App>,
    _: May<act::GetPerson>,
    InPath(id): InPath<PersonId>,
    _: Asked<Nothing>,
) -> Answer<Json<PersonView>> {
    Ok(Json(app.engine.console_person(&id).await?.into()))
}

/// Changes a person; the role counts from the next call on.
#[utoipa::path(
    patch, path = "/persons/{id}", tag = "persons", request_body = PersonChangeBody,
    security(("key" = ["admin"])),
    responses((status = 200, description = "The person as it is now", body = PersonView))
)]
async fn change_person(
    State(app): State<App>,
    May { caller, .. }: May<act::ChangePerson>,
    InPath(id): InPath<PersonId>,
    _: Asked<Nothing>,
    sent: Sent<PersonChangeBody>,
) -> Answer {
    let body = sent.value;
    let change = PersonChange {
        name: body.name,
        address: body.address.map(super::filled),
        role: body.role,
    };
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let person = engine.change_person(&by, &id, change).await?;
        Ok(PersonView::from(person))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Lets a person in no more; the sessions end at once.
#[utoipa::path(
    delete, path = "/persons/{id}", tag = "persons",
    security(("key" = ["admin"])),
    responses((status = 200, description = "It is removed", body = Deleted))
)]
async fn remove_person(
    State(app): State<App>,
    May { caller, .. }: May<act::RemovePerson>,
    InPath(id): InPath<PersonId>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        engine.remove_person(&by, &id).await?;
        Ok(Deleted::of(id))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

/// Makes a new address that signs a person in once; the one before is void. `Idempotency-Key` is
/// not taken here, for no answer with a secret is kept.
#[utoipa::path(
    post, path = "/persons/{id}/invitation", tag = "persons",
    security(("key" = ["admin"])),
    responses((status = 201, description = "The person with the address", body = PersonView))
)]
async fn invite_person_again(
    State(app): State<App>,
    May { caller, .. }: May<act::InvitePersonAgain>,
    InPath(id): InPath<PersonId>,
    trail: Trail,
    _: Asked<Nothing>,
    _: Sent<NoBody>,
) -> Answer {
    let (person, link) = app.engine.invite_person_again(&caller, &id).await?;
    invited(StatusCode::CREATED, &trail, person, &link)
}
