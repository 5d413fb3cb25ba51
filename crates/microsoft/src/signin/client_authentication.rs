//! How the application proves at the token endpoint that it is itself: with a secret in the form
//! (RFC 6749, section 2.3.1) or an assertion (RFC 7523, section 2.2).

use super::{client_assertion, federated};
use crate::door::{Door, DoorError, Subject};
use postroom_model::Secret;
use postroom_model::connection::{Connection, Credential, CredentialKind};
use url::Url;

/// `client_assertion_type` of a JWT.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The form's fields that prove it.
pub(super) enum Proof {
    /// A client secret.
    Secret(Secret),
    /// A signed assertion.
    Assertion(Secret),
}

impl Proof {
    /// The fields.
    pub(super) fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Secret(secret) => vec![("client_secret", secret.reveal())],
            Self::Assertion(assertion) => vec![
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", assertion.reveal()),
            ],
        }
    }
}

/// Makes the proof that is sent to `endpoint` and nowhere else.
///
/// # Errors
///
/// [`DoorError::Credential`] when it cannot be made or must not go there.
pub(super) async fn prove(
    door: &Door,
    connection: &Connection,
    subject: &Subject,
    credential: &Credential,
    endpoint: &Url,
) -> Result<Proof, DoorError> {
    let unusable = |what: String| DoorError::Credential {
        connection: connection.name.clone(),
        kind: credential.info.kind.words(),
        what,
    };
    if credential.secret.is_empty() {
        return Err(unusable(
            "the store cannot open it with this master key (`postroom vault status`): give the key \
             that it was kept with, or remove it and add it anew"
                .to_owned(),
        ));
    }
    match credential.info.kind {
        CredentialKind::Secret => Ok(Proof::Secret(credential.secret.clone())),
        CredentialKind::Certificate => {
            let house = &door.house;
            let (id, now) = (house.dice.guid(), house.clock.now());
            client_assertion::sign(credential, &connection.client_id, endpoint, id, now)
                .map(Proof::Assertion)
                .map_err(|what| unusable(what.to_owned()))
        }
        CredentialKind::Federated => {
            let assertion = federated::read(door, subject, credential)
                .await
                .map_err(&unusable)?;
            federated::may_go(&assertion, endpoint, door.house.clock.now())
                .map(|()| Proof::Assertion(assertion))
                .map_err(unusable)
        }
    }
}
