//! Sign-ins of users.

use super::filled;
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::Sent;
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::{Wait, wait};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use postroom_engine::access::act;
use postroom_engine::logins::{LoginMethod, NewLogin};
use postroom_model::login::{Login, LoginStatus};
use postroom_model::{AccountId, ConnectionId, LoginId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin_login))
        .routes(routes!(get_login))
        .routes(routes!(redirect_login))
}

/// How a user signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LoginMethod)]
enum Method {
    /// In a browser or web viewer that opens `authorizeUrl`.
    #[default]
    Browser,
    /// With `userCode`, typed at `verificationUri` on any other device.
    DeviceCode,
}

/// A sign-in to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewLogin)]
struct NewLoginBody {
    /// How the user signs in; `browser` unless given.
    method: Option<Method>,
    /// The user's sign-in name, to spare typing it.
    login_hint: Option<String>,
    /// Where the browser comes back to, in place of the connection's. It must be registered with
    /// the app registration.
    redirect_uri: Option<String>,
    /// Seconds until it is over if nobody finishes it, 5 to 900; 600 unless given, with a device
    /// code as long as Microsoft lets that live (usually 900).
    #[schema(minimum = 5, maximum = 900)]
    expires_in: Option<u64>,
}

/// A sign-in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Login)]
struct LoginView {
    /// Ours.
    id: LoginId,
    /// The connection that the user signs in through.
    connection: ConnectionId,
    /// How it stands.
    status: LoginStatus,
    /// The page that the user has to open, whole, when the method is `browser`.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorize_url: Option<String>,
    /// What the user has to type, when the method is `deviceCode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_code: Option<String>,
    /// The page to type it at.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri: Option<String>,
    /// Both in a sentence, in Microsoft's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The account that came of it.
    account: Option<AccountId>,
    /// Why it failed, in words.
    error: Option<String>,
    /// When it is over if nobody finishes it.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<Login> for LoginView {
    fn from(login: Login) -> Self {
        let authorize_url = login.device.is_none().then_some(login.authorize_url);
        let (user_code, verification_uri, message) = match login.device {
            Some(code) => (
                Some(code.user_code),
                Some(code.verification_uri),
                code.message,
            ),
            None => (None, None, None),
        };
        Self {
            id: login.id,
            connection: login.connection,
            status: login.status,
            authorize_url,
            user_code,
            verification_uri,
            message,
            account: login.account,
            error: login.error,
            expires_at: login.expires_at,
        }
    }
}

/// Begins a sign-in: open `authorizeUrl` in a browser, or type `userCode` at `verificationUri`, then
/// ask how it stands.
#[utoipa::path(
    post, path = "/connections/{id}/logins", tag = "logins", request_body = NewLoginBody,
    security(("key" = ["logins"])),
    responses((status = 201, description = "The sign-in", body = LoginView))
)]
async fn begin_login(
    State(app): State<App>,
    May { caller, .. }: May<act::BeginLogin>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<NewLoginBody>,
) -> Answer {
    let body = sent.value;
    let new = NewLogin {
        method: match body.method.unwrap_or_default() {
            Method::Browser => LoginMethod::Browser,
            Method::DeviceCode => LoginMethod::DeviceCode,
        },
        login_hint: filled(body.login_hint),
        redirect_uri: filled(body.redirect_uri),
        expires_in: body.expires_in,
    };
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let connection = engine.connection(&named).await?.id;
        let login = engine.begin_login(&by, &connection, new).await?;
        Ok(LoginView::from(login))
    };
    sent.once
        .run(&app, &caller, StatusCode::CREATED, work)
        .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Waiting {
    /// Waits up to so many seconds for the end.
    #[param(value_type = Option<u32>, maximum = 60)]
    wait: Option<Wait>,
}

/// Says how a sign-in stands, at once or when it has ended. Only for the key that began it and for
/// `admin`.
#[utoipa::path(
    get, path = "/logins/{id}", tag = "logins", params(Waiting),
    security(("key" = ["logins"])),
    responses((status = 200, description = "How it stands", body = LoginView))
)]
async fn get_login(
    State(app): State<App>,
    May { caller, .. }: May<act::GetLogin>,
    InPath(id): InPath<LoginId>,
    Asked(waiting): Asked<Waiting>,
) -> Answer<Json<LoginView>> {
    let login = app.engine.login(&caller, &id, wait(waiting.wait));
    Ok(Json(app.while_open(login).await?.into()))
}

/// The address that a browser ended at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LoginRedirect)]
struct RedirectBody {
    /// The whole address, with `code` and `state`.
    url: String,
}

/// Finishes a sign-in with the address that the browser ended at, where that is not this server.
#[utoipa::path(
    post, path = "/logins/{id}/redirect", tag = "logins", request_body = RedirectBody,
    security(("key" = ["logins"])),
    responses((status = 200, description = "How it stands", body = LoginView))
)]
async fn redirect_login(
    State(app): State<App>,
    May { caller, .. }: May<act::RedirectLogin>,
    InPath(id): InPath<LoginId>,
    _: Asked<Nothing>,
    sent: Sent<RedirectBody>,
) -> Answer {
    let url = sent.value.url;
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let login = engine.login_redirect(&by, &id, &url).await?;
        Ok(LoginView::from(login))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}
