//! The pages at which people sign in to Postroom itself, and out. They run nothing and fetch
//! nothing, so that the smallest web viewer shows them.

use crate::app::App;
use crate::cookies::{self, Kept};
use crate::csrf;
use crate::extract::body;
use crate::extract::origin::origin;
use crate::pages::{escape, form_page};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use postroom_engine::access::Caller;
use postroom_engine::persons::{CsrfToken, NewSession};
use postroom_engine::{Code, Problem};
use postroom_model::Secret;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;

/// Pages for people, no part of the API.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .route("/signin", get(show).post(sign_in))
        .route("/signin/microsoft", get(to_microsoft))
        .route("/signout", post(sign_out))
}

/// The longest form that is taken.
const MOST: usize = 16 * 1024;
/// How long a browser keeps what ties it to a sign-in at Microsoft.
const SIGN_IN_LASTS: Duration = Duration::from_secs(10 * 60);
/// Where somebody goes who is signed in.
const HOME: &str = "/";

/// Who is signed in in this browser.
pub(super) async fn signed_in(app: &App, parts: &Parts) -> Option<(Caller, CsrfToken)> {
    let session = cookies::shown(&parts.headers, Kept::Session, app.is_https())?;
    let caller = app.engine.session(&session).await.ok()?;
    Some((caller, CsrfToken::of(&session)))
}

/// Who is signed in, with a button that ends it.
pub(super) fn whoami(caller: &Caller, token: &CsrfToken) -> String {
    let Caller::Person(signed_in) = caller else {
        return String::new();
    };
    format!(
        "<form method=\"post\" action=\"/signout\">\
         <p>You are signed in as <strong>{}</strong> ({}).</p>\
         <input type=\"hidden\" name=\"csrfToken\" value=\"{}\">\
         <button class=\"button second\" type=\"submit\">Sign out</button></form>",
        escape(&signed_in.person.name),
        signed_in.person.role,
        escape(token.reveal()),
    )
}

async fn show(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if let Some((caller, token)) = signed_in(&app, &parts).await {
        let body = format!(
            "<h1>Postroom</h1>{}<p><a href=\"{HOME}\">Go on</a></p>",
            whoami(&caller, &token)
        );
        return form_page(StatusCode::OK, "Postroom", &body);
    }
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    // Opening the address alone uses nothing up: programs that preview links open them, too.
    if let Some(token) = field(query, "token") {
        let body = format!(
            "<h1>Sign in to Postroom</h1>\
             <p>This address signs you in once, in this browser.</p>\
             <form method=\"post\" action=\"/signin\">\
             <input type=\"hidden\" name=\"token\" value=\"{}\">\
             <button class=\"button\" type=\"submit\">Sign in</button></form>",
            escape(&token)
        );
        return form_page(StatusCode::OK, "Sign in to Postroom", &body);
    }
    match ways(&app).await {
        Ok(ways) => form_page(
            StatusCode::OK,
            "Sign in to Postroom",
            &format!("<h1>Sign in to Postroom</h1>{ways}"),
        ),
        Err(problem) => refused(&app, problem).await,
    }
}

/// The ways in that there are.
async fn ways(app: &App) -> Result<String, Problem> {
    let microsoft = match app.engine.sign_in_connection().await? {
        Some(_) => {
            "<p><a class=\"button\" href=\"/signin/microsoft\">Sign in with Microsoft</a></p>"
        }
        None => "",
    };
    Ok(format!(
        "{microsoft}<p class=\"quiet\">Somebody who was invited opens the address of the \
         invitation. On the server's machine, <code>postroom person invite</code> makes one.</p>"
    ))
}

async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let (parts, form) = request.into_parts();
    let signed_in = async {
        csrf::from_here(&parts, app.here())?;
        let bytes = body::read(&parts.headers, form, MOST).await?;
        let token = field(&bytes, "token").map(Secret::new).ok_or_else(|| {
            Problem::invalid("The form has no token: open the address of the invitation again.")
        })?;
        let origin = origin(&parts, &app);
        app.engine.sign_in_with_token(&token, &origin).await
    };
    match signed_in.await {
        Ok(new) => welcome(&app, &parts, &new).await,
        Err(problem) => refused(&app, problem).await,
    }
}

async fn to_microsoft(State(app): State<App>, request: Request) -> Response {
    let origin = origin(&request.into_parts().0, &app);
    match app.engine.begin_microsoft_sign_in(&origin).await {
        Ok(sign_in) => {
            let mut response = see_other(&sign_in.url);
            let cookie = cookies::keep(
                Kept::SignIn,
                &sign_in.browser,
                SIGN_IN_LASTS,
                app.is_https(),
            );
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(problem) => refused(&app, problem).await,
    }
}

/// The browser is back from Microsoft.
pub(super) async fn returned(app: &App, parts: &Parts, query: Vec<(String, String)>) -> Response {
    let browser = cookies::shown(&parts.headers, Kept::SignIn, app.is_https());
    let (engine, from) = (app.engine.clone(), origin(parts, app));
    // Goes on when the window is closed early: the code can be redeemed once only.
    let finished = tokio::spawn(async move {
        engine
            .finish_microsoft_sign_in(&query, browser.as_ref(), &from)
            .await
    });
    let mut response = match finished.await {
        Ok(Ok(new)) => welcome(app, parts, &new).await,
        Ok(Err(problem)) => refused(app, problem).await,
        Err(error) => refused(app, crate::problem::internal().because(error)).await,
    };
    let forget = cookies::forget(Kept::SignIn, app.is_https());
    response.headers_mut().append(header::SET_COOKIE, forget);
    response
}

async fn sign_out(State(app): State<App>, request: Request) -> Response {
    let (parts, form) = request.into_parts();
    let Some((caller, token)) = signed_in(&app, &parts).await else {
        // Another site's page may be asking, whose request comes without the cookie: it stays.
        return see_other("/signin");
    };
    let ended = async {
        csrf::from_here(&parts, app.here())?;
        let bytes = body::read(&parts.headers, form, MOST).await?;
        let header = parts.headers.get(csrf::CSRF_TOKEN);
        let shown = header
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .or_else(|| field(&bytes, "csrfToken"));
        csrf::with_token(shown.as_deref(), &token)?;
        app.engine.sign_out(&caller, &origin(&parts, &app)).await
    };
    match ended.await {
        Ok(()) => gone(&app),
        Err(problem) => refused(&app, problem).await,
    }
}

/// Somebody is signed in from now on: with a session that nobody has seen before.
async fn welcome(app: &App, parts: &Parts, new: &NewSession) -> Response {
    if let Some(former) = cookies::shown(&parts.headers, Kept::Session, app.is_https()) {
        app.engine.end_former(&former).await;
    }
    let lasts = new
        .session
        .expires_at
        .duration_since(new.session.created_at);
    let lasts = Duration::try_from(lasts).unwrap_or_default();
    let mut response = see_other(HOME);
    let cookie = cookies::keep(Kept::Session, &new.secret, lasts, app.is_https());
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

fn gone(app: &App) -> Response {
    let mut response = see_other("/signin");
    let cookie = cookies::forget(Kept::Session, app.is_https());
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// A refusal as a page, with the ways in below.
async fn refused(app: &App, problem: Problem) -> Response {
    let status = match problem.code {
        // What Microsoft says is nothing of this server's failing.
        Code::MicrosoftRefused | Code::MicrosoftUnreachable => StatusCode::BAD_GATEWAY,
        code => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST),
    };
    crate::problem::log(&problem);
    let body = format!(
        "<h1 class=\"bad\">Not signed in</h1><p>{}</p>{}",
        escape(&problem.detail),
        ways(app).await.unwrap_or_default()
    );
    form_page(status, "Not signed in", &body)
}

fn field(form: &[u8], wanted: &str) -> Option<String> {
    url::form_urlencoded::parse(form)
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty())
}
