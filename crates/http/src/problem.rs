//! Refusals as answers (RFC 9457), the one place where a problem's public text and its private
//! reasons part.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use postroom_engine::{Code, Problem};
use serde::Serialize;
use std::fmt::Write as _;
use utoipa::ToSchema;

/// What a handler answers.
pub(crate) type Answer<T = Response> = Result<T, Refusal>;

/// A problem on its way out.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// A refusal or failure (RFC 9457): what happened and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where this kind is described, relative to this server.
    r#type: String,
    /// A few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do, for people.
    detail: String,
    /// Which kind, for programs. Errors always have it, other answers never.
    code: &'static str,
    /// What Microsoft said, where it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    microsoft: Option<MicrosoftBody>,
    /// The id of the thing that is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    existing: Option<String>,
    /// Seconds after which another try makes sense; the header `Retry-After` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// What Microsoft said.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MicrosoftRefusal)]
pub(crate) struct MicrosoftBody {
    /// Graph's code, or `AADSTS` with its number.
    code: String,
    /// Microsoft's own text.
    message: String,
    /// What Microsoft's support asks for.
    request_id: Option<String>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = self.0;
        log(&problem);
        let status = StatusCode::from_u16(problem.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (code, retry_after) = (problem.code, problem.retry_after);
        let body = body(problem);
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (status, text).into_response();
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // Both are taken; Basic first, for callers that look at the first one only and know no
            // Bearer (RFC 9110, section 11.6.1).
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"Postroom\", charset=\"UTF-8\""),
            );
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"Postroom\""),
            );
        }
        response
    }
}

/// The public half.
pub(crate) fn body(problem: Problem) -> ProblemBody {
    ProblemBody {
        r#type: format!("/docs/errors#{}", problem.code.text()),
        title: problem.code.title(),
        status: problem.code.status(),
        detail: problem.detail,
        code: problem.code.text(),
        microsoft: problem.microsoft.map(|said| MicrosoftBody {
            code: said.code,
            message: said.message,
            request_id: said.request_id,
        }),
        existing: problem.existing,
        retry_after: problem.retry_after,
    }
}

/// The private half.
pub(crate) fn log(problem: &Problem) {
    let code = problem.code.text();
    let mut reasons = String::new();
    let mut cause = std::error::Error::source(problem);
    while let Some(reason) = cause {
        let _ = write!(
            reasons,
            "{}{reason}",
            if reasons.is_empty() { "" } else { ": " }
        );
        cause = reason.source();
    }
    let detail = &problem.detail;
    if problem.code.status() >= 500 && problem.code != Code::Stopping {
        tracing::error!(code, detail, reasons, "could not answer");
    } else {
        tracing::debug!(code, detail, reasons, "refused");
    }
}

/// A fault of ours, when a handler panicked. The panic itself was logged by the panic hook.
pub(crate) fn panicked(_panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Refusal(internal()).into_response()
}

/// A fault of ours.
pub(crate) fn internal() -> Problem {
    Problem::new(
        Code::Internal,
        "Something went wrong in Postroom itself. The server's log says more under this answer's \
         X-Request-Id.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    async fn answer(problem: Problem) -> (http::response::Parts, serde_json::Value) {
        let (parts, body) = Refusal(problem).into_response().into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        (parts, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[tokio::test]
    async fn a_problem_shows_its_public_half_only() {
        let mut problem =
            Problem::new(Code::Throttled, "Wait.").because("the private reason".to_owned());
        problem.retry_after = Some(7);
        let (parts, json) = answer(problem).await;
        assert_eq!(parts.status, 429);
        assert_eq!(parts.headers["retry-after"], "7");
        assert_eq!(parts.headers["content-type"], "application/problem+json");
        assert_eq!(json["code"], "throttled");
        assert_eq!(json["type"], "/docs/errors#throttled");
        assert_eq!(json["status"], 429);
        assert!(json.get("microsoft").is_none());
        assert!(!json.to_string().contains("private"));
    }

    #[tokio::test]
    async fn who_is_unknown_is_told_how_to_show_a_key() {
        let (parts, json) = answer(Problem::new(Code::Unauthorized, "A key.")).await;
        assert_eq!(json["code"], "unauthorized");
        let ways: Vec<_> = parts
            .headers
            .get_all("www-authenticate")
            .iter()
            .filter_map(|way| way.to_str().ok())
            .collect();
        assert!(ways[0].starts_with("Basic ") && ways[1].starts_with("Bearer "));
    }

    #[tokio::test]
    async fn what_is_there_already_is_named() {
        let mut problem = Problem::new(Code::Conflict, "It is there.");
        problem.existing = Some("42".to_owned());
        let (_, json) = answer(problem).await;
        assert_eq!(json["existing"], "42");
    }
}
