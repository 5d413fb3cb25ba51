//! The routes put together with what surrounds them.

use crate::app::App;
use crate::observe::observe;
use crate::options::RouterOptions;
use crate::problem::{Refusal, panicked};
use crate::routes;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use http::{Method, Uri};
use postroom_engine::{Code, Engine, Problem};
use tower_http::catch_panic::CatchPanicLayer;

/// Where the API begins.
pub(crate) const BASE: &str = "/api/v1";

/// The API without a socket.
pub fn router(engine: Engine, options: RouterOptions) -> Router {
    of(App::new(engine, options))
}

pub(crate) fn of(app: App) -> Router {
    let (routes, _) = routes::all().split_for_parts();
    routes
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        // Bodies have limits of their own, with an answer that names them.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), crate::trail::follow))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// What is promised, and not built yet.
const NOT_YET: &[&str] = &["threads", "sinks", "drives"];

async fn nowhere(uri: Uri) -> Refusal {
    Refusal(nothing_at(uri.path()))
}

fn nothing_at(path: &str) -> Problem {
    let mut parts = path
        .strip_prefix(BASE)
        .unwrap_or_default()
        .split('/')
        .skip(1);
    let noun = parts.next().unwrap_or_default();
    let below = parts.nth(1);
    let promised = NOT_YET.contains(&noun) || (noun == "mailboxes" && below == Some("calendars"));
    if promised {
        return Problem::new(
            Code::NotYet,
            "This part of the API is promised, but this version does not have it yet.",
        );
    }
    Problem::new(
        Code::NotFound,
        format!(
            "There is nothing at {path:?}. The API begins at {BASE}; /docs lists every address."
        ),
    )
}

async fn not_so(method: Method, uri: Uri) -> Refusal {
    Refusal(Problem::new(
        Code::MethodNotAllowed,
        format!(
            "{:?} does not take {method}; the header Allow and /docs say what it takes.",
            uri.path()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_is_told_from_what_is_not() {
        for path in [
            "/api/v1/threads",
            "/api/v1/mailboxes/a@b/calendars",
            "/api/v1/drives/1/items",
        ] {
            assert_eq!(nothing_at(path).code, Code::NotYet, "{path}");
        }
        for path in [
            "/graph",
            "/api/v1/graph/a/beta/me",
            "/api/v1/nonsense",
            "/api/v1",
            "/api/v2/threads",
        ] {
            assert_eq!(nothing_at(path).code, Code::NotFound, "{path}");
        }
    }
}
