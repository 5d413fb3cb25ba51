//! Whether a sign-in can come back.

use super::CheckStep;
use super::steps::{bad, sentence, untried, well};
use crate::setup::portal::{Page, place, place_for};
use postroom_microsoft::{AuthorizeProbe, DoorError};
use postroom_model::connection::Connection;

const NAME: &str = "redirectUri";

/// Where a redirect URI is registered.
pub(crate) fn how_to_register(connection: &Connection, uri: &str) -> String {
    format!("{}.", place(connection, Page::RedirectUri(uri)).path)
}

/// The step.
pub(super) fn redirect_uri(
    connection: &Connection,
    uri: &str,
    probed: &Result<AuthorizeProbe, DoorError>,
) -> CheckStep {
    match probed {
        Ok(AuthorizeProbe::Accepted) => well(NAME, format!("Microsoft knows {uri}.")),
        Ok(AuthorizeProbe::Refused {
            code: 50_011,
            cause,
            ..
        }) => bad(
            NAME,
            sentence(&format!("{cause} (AADSTS50011): {uri}")),
            format!(
                "{} Only sign-ins of users need it.",
                how_to_register(connection, uri)
            ),
        )
        .code("AADSTS50011")
        .at(&place(connection, Page::RedirectUri(uri))),
        Ok(AuthorizeProbe::Refused {
            code,
            cause,
            remedy,
        }) => {
            let step = bad(
                NAME,
                sentence(&format!("{cause} (AADSTS{code})")),
                sentence(remedy),
            )
            .code(format!("AADSTS{code}"));
            match place_for(connection, *code) {
                Some(place) => step.at(&place),
                None => step,
            }
        }
        Ok(AuthorizeProbe::NotChecked { why }) => untried(
            NAME,
            format!("Not checked: {why}. A sign-in shows whether Microsoft knows {uri}."),
        ),
        Err(error) => untried(NAME, format!("Not checked: {error}.")),
    }
}
