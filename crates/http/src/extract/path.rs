//! The parts of a path.

use crate::app::App;
use crate::problem::Refusal;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use postroom_engine::Problem;
use serde::de::DeserializeOwned;

/// The parts of a path, decoded, in order.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for InPath<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::invalid(format!(
                "The address cannot be understood: {}.",
                rejection.body_text()
            ))
            .into()),
        }
    }
}
