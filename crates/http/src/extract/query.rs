//! Query parameters: those that a call knows, each once, everything else refused by name.

use crate::app::App;
use crate::problem::Refusal;
use axum::extract::FromRequestParts;
use http::request::Parts;
use postroom_engine::Problem;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

/// What was asked for.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned + IntoParams + Send> FromRequestParts<App> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Refusal> {
        Ok(Self(parse(parts.uri.query().unwrap_or_default())?))
    }
}

/// No query parameters at all.
#[derive(Debug, Deserialize)]
pub(crate) struct Nothing {}

impl IntoParams for Nothing {
    fn into_params(
        _location: impl Fn() -> Option<ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        Vec::new()
    }
}

fn parse<T: DeserializeOwned + IntoParams>(query: &str) -> Result<T, Problem> {
    let mut given = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let known = T::into_params(|| Some(ParameterIn::Query));
        if !known.iter().any(|parameter| parameter.name == name) {
            let known: Vec<_> = known
                .iter()
                .map(|known| format!("`{}`", known.name))
                .collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(Problem::invalid(format!(
                "There is no query parameter `{name}` here; this call takes {known}."
            )));
        }
        // An empty value asks for nothing: a caller that builds its address from empty variables
        // means no condition.
        if !value.is_empty() {
            given.push((name, value));
        }
    }
    let encoded = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&given)
        .finish();
    let uri = http::Uri::builder()
        .path_and_query(format!("/?{encoded}"))
        .build()
        .map_err(|_| Problem::invalid("The query cannot be understood."))?;
    axum::extract::Query::<T>::try_from_uri(&uri)
        .map(|query| query.0)
        .map_err(|rejection| {
            let text = rejection.body_text();
            let text = text
                .strip_prefix("Failed to deserialize query string: ")
                .unwrap_or(&text);
            Problem::invalid(format!("A query parameter does not fit: {text}."))
        })
}

#[cfg(test)]
mod tests {
    use super::super::values::{Flag, Limit, Moment};
    use super::*;

    #[derive(Debug, Deserialize, IntoParams)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        #[param(value_type = bool)]
        is_read: Option<Flag>,
        #[param(value_type = u32)]
        limit: Option<Limit>,
        #[param(value_type = String)]
        received_after: Option<Moment>,
    }

    fn refused(query: &str) -> String {
        parse::<Sample>(query).expect_err("refused").detail
    }

    #[test]
    fn what_fits_is_taken() {
        let sample: Sample = parse("isRead=true&limit=7&receivedAfter=2026-01-02").expect("fits");
        assert!(sample.is_read.is_some_and(|flag| flag.0));
        assert_eq!(sample.limit.map(|limit| limit.0), Some(7));
        assert!(sample.received_after.is_some());
        let empty: Sample = parse("isRead=&limit=").expect("empty is none");
        assert!(empty.is_read.is_none() && empty.limit.is_none());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(refused("colour=red").contains("`colour`"));
        assert!(refused("colour=").contains("`receivedAfter`"));
        assert!(refused("limit=1&limit=2").contains("limit"));
        assert!(refused("isRead=maybe").contains("isRead"));
        assert!(refused("limit=0").contains("limit"));
        assert!(refused("limit=501").contains("500"));
        assert!(refused("receivedAfter=yesterday").contains("receivedAfter"));
    }
}
