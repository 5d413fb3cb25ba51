//! Whether the application is in the tenant: by what the token endpoint says of it, else by what
//! the authorize address does.

use super::CheckStep;
use super::steps::{bad, sentence, signed_in_not, untried, well};
use crate::setup::portal::place_for;
use postroom_microsoft::{AuthorizeProbe, DoorError};
use postroom_model::connection::Connection;

const NAME: &str = "application";

/// The application is not there, is disabled, or may not be used for this tenant.
const NOT_THERE: [u32; 5] = [700_016, 700_011, 70_001, 7_000_112, 50_194];

/// Whether a refusal is about the application and not about its credential.
pub(super) fn is_about_application(error: &DoorError) -> bool {
    matches!(error, DoorError::SignIn(refusal)
        if refusal.code.is_some_and(|code| NOT_THERE.contains(&code)))
}

/// The step. `asked`: what asking for a token came to.
pub(super) fn application(
    connection: &Connection,
    asked: Option<&Result<(), DoorError>>,
    probed: Option<&AuthorizeProbe>,
) -> CheckStep {
    let client = &connection.client_id;
    let there = || well(NAME, format!("The application {client} is in the tenant."));
    match asked {
        Some(Ok(())) => return there(),
        Some(Err(error)) => {
            if let DoorError::SignIn(refusal) = error {
                if is_about_application(error) {
                    return signed_in_not(NAME, connection, refusal);
                }
                // The application is looked up before its credential or a grant is looked at.
                if refusal.ends_grant.is_some() && !refusal.transient {
                    return there();
                }
            }
        }
        None => {}
    }
    match probed {
        Some(AuthorizeProbe::Accepted | AuthorizeProbe::Refused { code: 50_011, .. }) => there(),
        Some(AuthorizeProbe::Refused {
            code,
            cause,
            remedy,
        }) if NOT_THERE.contains(code) => {
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
        _ => untried(NAME, "No answer of Microsoft's says so."),
    }
}
