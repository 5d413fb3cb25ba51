//! Whether the sign-in service is there and knows the tenant.

use super::CheckStep;
use super::steps::{bad, code_of, sentence, untried, well};
use crate::Engine;
use crate::setup::portal::place_for;
use postroom_microsoft::DoorError;
use postroom_model::connection::Connection;

/// The steps `authority` and `tenant`.
pub(super) async fn discovery(engine: &Engine, connection: &Connection) -> [CheckStep; 2] {
    let address = &connection.authority_url;
    let tenant = &connection.tenant_id;
    match engine.door().discover(connection).await {
        Ok(found) if found.issuer.is_some() => [
            well("authority", format!("{address} answers.")),
            well("tenant", format!("The tenant {tenant} is known there.")),
        ],
        Ok(_) => {
            let why = "The endpoints are set by hand: nothing is read that would say.";
            [untried("authority", why), untried("tenant", why)]
        }
        Err(DoorError::SignIn(refusal)) if !refusal.transient => {
            let code = refusal
                .code
                .map_or_else(String::new, |code| format!(" (AADSTS{code})"));
            let step = bad(
                "tenant",
                sentence(&format!("{}{code}", refusal.cause)),
                sentence(&format!("{}; now it is {tenant:?}", refusal.remedy)),
            )
            .code(code_of(&refusal));
            let place = refusal
                .code
                .and_then(|number| place_for(connection, number));
            [
                well("authority", format!("{address} answers.")),
                match place {
                    Some(place) => step.at(&place),
                    None => step,
                },
            ]
        }
        Err(error) => [
            bad(
                "authority",
                sentence(&error.to_string()),
                "Check the authority address, and that this machine reaches it (firewall, proxy, \
                 name resolution, the certificates that it trusts).",
            ),
            untried("tenant", "The sign-in service was not reached."),
        ],
    }
}
