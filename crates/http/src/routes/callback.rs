//! The redirect URI: where a browser comes back to after a sign-in at Microsoft.

use super::signin;
use crate::app::App;
use crate::extract::body;
use crate::pages::{escape, page};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use postroom_engine::checks::{CheckReport, ConsentEnd};
use postroom_engine::logins::LoginEnd;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login_callback, login_callback_form))
}

/// The longest form that a browser brings back.
const MOST: usize = 64 * 1024;

/// Where a browser comes back to after a sign-in, and an administrator after consenting for the
/// tenant: register this address with the app registration. Answers with a page that says how it
/// went.
#[utoipa::path(
    get, path = "/auth/callback", tag = "server",
    responses(
        (status = 200, description = "The sign-in is complete, or consent was given", content_type = "text/html", body = String),
        (status = 400, description = "It failed: the page says why", content_type = "text/html", body = String),
    )
)]
async fn login_callback(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    returned(&app, &parts, query).await
}

/// The same for a sign-in whose answer comes as a form (`response_mode=form_post`).
#[utoipa::path(
    post, path = "/auth/callback", tag = "server",
    responses(
        (status = 200, description = "The sign-in is complete", content_type = "text/html", body = String),
        (status = 400, description = "It failed: the page says why", content_type = "text/html", body = String),
    )
)]
async fn login_callback_form(State(app): State<App>, request: Request) -> Response {
    let (parts, form) = request.into_parts();
    match body::read(&parts.headers, form, MOST).await {
        Ok(bytes) => returned(&app, &parts, &bytes).await,
        Err(problem) => shown(&LoginEnd::Failed(problem.detail)),
    }
}

async fn returned(app: &App, parts: &Parts, encoded: &[u8]) -> Response {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(encoded).into_owned().collect();
    if app.engine.is_microsoft_sign_in(&pairs) {
        return signin::returned(app, parts, pairs).await;
    }
    // Goes on when the window is closed early: the code can be redeemed once only.
    let engine = app.engine.clone();
    let end = tokio::spawn(async move {
        match engine.admin_consent_returned(&pairs).await {
            Some(consent) => End::Consent(Box::new(consent)),
            None => End::Login(engine.login_returned(&pairs).await),
        }
    })
    .await;
    match end {
        Ok(End::Login(end)) => shown(&end),
        Ok(End::Consent(end)) => consented(&end),
        Err(error) => {
            tracing::error!(%error, "a sign-in broke off");
            shown(&LoginEnd::Failed(
                "Something went wrong here; the server's log says more.".to_owned(),
            ))
        }
    }
}

/// What came back.
enum End {
    Login(LoginEnd),
    Consent(Box<ConsentEnd>),
}

/// The page for an administrator who consented, or did not.
fn consented(end: &ConsentEnd) -> Response {
    match end {
        ConsentEnd::Given { connection, report } => {
            let found = report.as_ref().map_or_else(String::new, found);
            page(
                StatusCode::OK,
                "Consent given",
                &format!(
                    "<h1 class=\"good\">Consent given</h1>\
                     <p>Microsoft says that you consented for the connection <strong>{}</strong>. \
                     Thank you!</p>{found}<p>You may close this window now.</p>",
                    escape(connection)
                ),
            )
        }
        ConsentEnd::Refused(why) => page(
            StatusCode::BAD_REQUEST,
            "No consent",
            &format!(
                "<h1 class=\"bad\">No consent</h1><p>{}</p><p>You may close this window.</p>",
                escape(why)
            ),
        ),
    }
}

/// What the check found, in a sentence: this page needs no key, so it names no more than an
/// administrator of the tenant sees there.
fn found(report: &CheckReport) -> String {
    let permissions = report.steps.iter().find(|step| step.name == "permissions");
    match permissions {
        _ if report.ok => "<p>Postroom has tried the connection anew: it is well.</p>".to_owned(),
        Some(step) if step.ok == Some(false) => format!(
            "<p>Postroom has tried the connection anew, and something is still missing. {} \
             Microsoft can take some minutes to notice.</p>",
            escape(&step.detail)
        ),
        _ => "<p>Postroom has tried the connection anew: consent is there, something else is not \
              well yet. <code>postroom connection check</code> says what.</p>"
            .to_owned(),
    }
}

/// The page. Web viewers are small: it says the one thing that matters first.
fn shown(end: &LoginEnd) -> Response {
    match end {
        LoginEnd::Completed(account) => {
            let who = account
                .display_name
                .as_deref()
                .or(account.user_principal_name.as_deref());
            let who = who.map_or_else(String::new, |who| {
                format!(
                    "<p>You are signed in as <strong>{}</strong>.</p>",
                    escape(who)
                )
            });
            page(
                StatusCode::OK,
                "Signed in",
                &format!(
                    "<h1 class=\"good\">Signed in</h1>{who}\
                     <p>You may close this window now.</p>"
                ),
            )
        }
        LoginEnd::Failed(why) => page(
            StatusCode::BAD_REQUEST,
            "Not signed in",
            &format!(
                "<h1 class=\"bad\">Not signed in</h1><p>{}</p>\
                 <p>Close this window and sign in again from where you began. If it fails again, \
                 show this page to your administrator.</p>",
                escape(why)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_failure_says_why_and_runs_nothing() {
        let response = shown(&LoginEnd::Failed("<script>alert(1)</script>".into()));
        assert_eq!(response.status(), 400);
        let policy = response.headers()["content-security-policy"].clone();
        assert!(
            policy
                .to_str()
                .is_ok_and(|text| text.contains("default-src 'none'"))
        );
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a page")
            .to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script"));
    }
}
